"""The tokenizers, made from the captions: byte pairs for the CLIP text encoders, hand-picked pieces for the T5.

python -m bundled_training.tokenizers OUT_DIR
"""

from __future__ import annotations

import sys
from collections import Counter
from math import log
from pathlib import Path
from random import Random
from string import printable
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer, T5Tokenizer

from bundled_training.render.captions import specs

CAPTIONS = 150_000
LENGTH, T5_LENGTH = 48, 77  # IFPipeline pads to 77
SPACE = "\u2581"  # how a sentence piece says that a word begins


def captions(seed: int, count: int = CAPTIONS) -> list[str]:
    return [spec.caption for spec in specs(count, Random(seed))]


def byte_pairs(texts: list[str], size: int) -> Any:
    """A CLIPTokenizer of at most `size` tokens; its bytes cover every text.

    Its unknown token is the end of the text, where the encoder pools: so every byte must be known, both inside a word and as
    its last (for a character that is not ASCII, that is one of the 64 last bytes of Chinese ones).
    """
    last = [*printable.strip(), *map(chr, range(0x4E00, 0x4E40))]
    alphabet = ByteLevel.alphabet()
    tokenizer = CLIPTokenizer().train_new_from_iterator([*texts, *last], size, initial_alphabet=alphabet)
    tokenizer.model_max_length = LENGTH
    return tokenizer


def pieces(texts: list[str], subwords: int = 1000) -> Any:
    """A T5Tokenizer of the words by frequency, then parts of 2 to 4 letters, then characters.

    The Unigram trainer wants far more text than there are different captions: this is what it should have found.
    """
    words = Counter(word for text in texts for word in text.lower().split())
    total = words.total()
    scores = {"<pad>": 0.0, "</s>": 0.0, "<unk>": 0.0}
    scores |= {SPACE + word: log(count / total) for word, count in words.most_common()}
    parts = Counter(
        word[start : start + length] for word in words for length in (2, 3, 4) for start in range(len(word) - length + 1)
    )
    for part, count in parts.most_common(subwords):
        scores.setdefault(part, -16.0 - 1.0 / count)  # two parts cost more than any whole word
    for character in SPACE + printable.strip():
        scores.setdefault(character, -18.0)
    tokenizer = T5Tokenizer(vocab=list(scores.items()), extra_ids=0)
    tokenizer.model_max_length = T5_LENGTH
    return tokenizer


def write(folder: Path, count: int = CAPTIONS) -> None:
    """Write clip (the conditioner's), reference (another, for the reference CLIPs) and t5; say how long the captions get."""
    texts, others = captions(5, count), captions(6, count)
    made = {"clip": byte_pairs(texts, 2048), "reference": byte_pairs(others, 1024), "t5": pieces(texts)}
    tests = sorted(set(captions(7, count)))
    for name, tokenizer in made.items():
        longest = max(len(ids) for ids in tokenizer(tests).input_ids)
        if longest > tokenizer.model_max_length:
            raise RuntimeError(f"{name}: a caption has {longest} tokens, more than {tokenizer.model_max_length}")
        tokenizer.save_pretrained(folder / name)
        print(f"{name}: {len(tokenizer)} tokens, the longest caption has {longest} of {tokenizer.model_max_length}")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
