"""How the bundled models were made: pictures rendered, tokenizers and networks trained, the family measured."""
