"""How the bundled models were made: pictures rendered, tokenisers and networks trained, the family measured."""
