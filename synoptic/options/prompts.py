"""Prompts, and the pictures that they ask for: an item each, with a seed and a file name of its own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count as numbers
from typing import TYPE_CHECKING, Annotated

from synoptic.errors import InputError
from synoptic.options.base import Item, Options
from synoptic.options.option import Option


@dataclass(frozen=True, kw_only=True)
class PromptOptions(Options):
    """What to show."""

    prompt: Annotated[
        tuple[str, ...],
        Option("what to show, in words; several prompts give several pictures", positional=True, separator=""),
    ]

    def __post_init__(self) -> None:
        super().__post_init__()
        check_prompts(self.prompt)

    def warnings(self) -> list[str]:
        words = self.prompt if len(self.prompt) > 2 and not any(" " in prompt.strip() for prompt in self.prompt) else ()
        says = f"{' '.join(words)}: these are {len(words)} prompts; one of several words is put in quotation marks"
        return [*super().warnings(), *([says] if words else [])]

    def items(self) -> list[Item]:
        return one_picture_per_prompt(self.prompt, self.item_seeds())


@dataclass(frozen=True, kw_only=True)
class PromptTravelOptions(PromptOptions):
    """What to show, one prompt a picture or, with `prompt_travel`, all on one canvas."""

    if TYPE_CHECKING:
        prompt_travel: bool  # an application's own option: it says from where to where

    def warnings(self) -> list[str]:
        alike = self.prompt_travel and are_alike(self.prompt)
        return [*super().warnings(), *["--prompt-travel goes nowhere: all prompts are the same"] * alike]

    def items(self) -> list[Item]:
        return (one_picture_of_all if self.prompt_travel else one_picture_per_prompt)(self.prompt, self.item_seeds())

    def stops(self, items: Sequence[Item]) -> list[list[str]]:
        """Return the prompts of every item, stop by stop: all in turn, or the one that each item shows."""
        return [[stop] * len(items) for stop in self.prompt] if self.prompt_travel else [[item.title for item in items]]

    def check_travel(self) -> None:
        """Raise InputError where there is nowhere to go."""
        if self.prompt_travel and len(self.prompt) < 2:
            raise InputError(
                "--prompt-travel goes from one prompt to another, one was given: name two or more",
                rule="prompt-travel-count",
            )


def check_prompts(prompts: Sequence[str]) -> None:
    """Raise InputError on no prompt at all."""
    if not prompts:
        raise InputError(
            'at least one prompt is needed, none was given: say what to show, for example "a photo of a horse"',
            rule="prompt-missing",
        )


def are_alike(prompts: Sequence[str]) -> bool:
    """Return whether several prompts all say the same."""
    return len(prompts) > 1 and len({" ".join(prompt.split()).casefold() for prompt in prompts}) == 1


def one_picture_per_prompt(prompts: Sequence[str], seeds: Sequence[int]) -> list[Item]:
    """Return an item per distinct prompt and seed, each with a file name of its own, whatever the prompts."""
    return named([((prompt,), seed) for prompt in dict.fromkeys(prompts) for seed in seeds])


def one_picture_of_all(prompts: Sequence[str], seeds: Sequence[int]) -> list[Item]:
    """Return an item per seed, each of which shows all prompts."""
    return named([(tuple(prompts), seed) for seed in seeds])


def named(pictures: Sequence[tuple[tuple[str, ...], int]]) -> list[Item]:
    """Return the items of (prompts, seed): stems are distinct after case folding and Unicode normalization."""
    taken: dict[str, tuple[str, ...]] = {}
    items = []
    for prompts, seed in pictures:
        words = slug(" | ".join(prompts))
        candidates = (f"{words}_{seed}" if n == 1 else f"{words}-{n}_{seed}" for n in numbers(1))
        stem = next(
            name
            for name in candidates
            if taken.setdefault(unicodedata.normalize("NFKC", name).casefold(), prompts) == prompts
        )
        items.append(Item(prompts, seed, stem))
    return items


RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # names that Windows keeps for devices


def slug(prompt: str) -> str:
    """Return the courses' file name of a prompt: spaces to underscores, legal everywhere, 100 bytes at most."""
    name = re.sub(r'[\s/\\:*?"<>|\x00-\x1f]+', "_", prompt.strip()).strip("._")
    name = name.encode(errors="replace")[:100].decode(errors="ignore").rstrip("._ ") or "picture"
    return f"_{name}" if RESERVED.match(name) else name
