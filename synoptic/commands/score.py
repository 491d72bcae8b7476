"""CLIP scores of a folder of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import UnidentifiedImageError

from synoptic.errors import InputError
from synoptic.io import load_image, read_settings
from synoptic.metrics.clip import Clip, clip_score
from synoptic.options.score import ScoreOptions


@dataclass(frozen=True)
class Scores:
    """Cosines in [-1, 1]: (file, prompt, score) of each picture, and their mean."""

    clip_model: str
    items: list[tuple[str, str, float]]

    @property
    def mean(self) -> float:
        return sum(score for *_, score in self.items) / len(self.items)

    def __str__(self) -> str:
        lines = ["score\tpicture\tprompt", *(f"{score:.3f}\t{file}\t{prompt}" for file, prompt, score in self.items)]
        return "\n".join([*lines, f"{self.mean:.3f}\tmean of {len(self.items)}\tby {self.clip_model}"])


def execute(options: ScoreOptions) -> Scores:
    """Score every picture of a prompt. Raises InputError on a file that is no picture, and where none has a prompt."""
    prompts = prompts_of(options.files())
    clip = Clip(options.clip_model, options.device)
    return Scores(clip.name, [(str(file), text, clip_score(clip, load_image(file), text)) for file, text in prompts])


def prompts_of(files: Sequence[Path]) -> list[tuple[Path, str]]:
    """Return each picture with its prompt, without those that belong to another picture."""
    found = []
    for file in files:
        try:
            inside = read_settings(file)
        except UnidentifiedImageError:
            raise InputError(
                f"every file must be a picture, {file} is none: remove it from the folder", rule="picture-unreadable"
            ) from None
        if not inside or "prompt" in inside:
            found.append((file, inside.get("prompt") or prompt_in_name(file)))
    if not found:
        raise InputError(
            f"what is scored must be pictures of prompts, {files[0]} belongs to another picture: score that one",
            rule="folder-no-prompt",
        )
    return found


def prompt_in_name(file: Path) -> str:
    """Return the prompt in a file's name: `a_photo_of_a_horse_17.png` -> "a photo of a horse"."""
    words = file.stem.split(".")[0].split("_")
    return " ".join(words[:-1] if len(words) > 1 and words[-1].isdigit() else words)
