"""CLIP scores of a folder of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from synoptic.errors import InputError, printable
from synoptic.io import read_settings
from synoptic.metrics.clip import Clip, clip_score
from synoptic.metrics.scale import meaning
from synoptic.options.score import ScoreOptions
from synoptic.runs.folders import earlier
from synoptic.utils.json_objects import JsonObject
from synoptic.utils.picture import read_picture
from synoptic.utils.streams import error_stream

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Scores:
    """Cosines in [-1, 1]: (file, prompt, score) of each picture, and their mean."""

    clip_model: str
    items: list[tuple[str, str, float]]

    @property
    def mean(self) -> float:
        return sum(score for *_, score in self.items) / len(self.items)

    def __str__(self) -> str:
        lines = ["score\tpicture\tprompt"]
        lines += [f"{score:.3f}\t{printable(file)}\t{printable(prompt)}" for file, prompt, score in self.items]
        lines.append(f"{self.mean:.3f}\tmean of {len(self.items)}\tby {self.clip_model}")
        return "\n".join([*lines, *filter(None, [meaning("clip_score", self.clip_model)])])


def execute(options: ScoreOptions) -> Scores:
    """Score every picture of a prompt. Raises InputError where there is none."""
    prompts = prompts_of(options.files())
    clip = Clip(options.clip_model, options.device)
    return Scores(clip.name, [(str(file), text, clip_score(clip, image, text)) for file, image, text in prompts])


def prompts_of(files: Sequence[Path]) -> list[tuple[Path, Image, str]]:
    """Return each picture with its prompt, without those that belong to another picture; name files that are none."""
    found = []
    for file in files:
        if belongs_to_a_run(file):
            continue
        try:
            inside, image = read_settings(file), read_picture(str(file))
        except (InputError, OSError) as e:
            print(f"warning: {file} is not scored: {e}", file=error_stream())
            continue
        if not inside or "prompt" in inside:
            said = inside.get("prompt")
            found.append((file, image, said if said and isinstance(said, str) else prompt_in_name(file)))
    if not found:
        raise InputError(
            f"what is scored must be pictures of prompts, {files[0]} is none, or belongs to another picture: score that one",
            rule="folder-no-prompt",
        )
    return found


def belongs_to_a_run(file: Path) -> bool:
    """Return whether a file belongs to a picture of a run: beside it its film or its JPEG, in a folder below a texture."""
    own, *above = file.parents
    names = pictures_of(earlier(own) or {})
    if file.name not in names and any(file.name.startswith(f"{Path(name).stem}.") for name in names):
        return True
    for folder in above:
        if manifest := earlier(folder):
            inside = file.relative_to(folder).as_posix() in pictures_of(manifest)
            return not inside and "prompt" not in read_settings_or_none(file)
    return False


def pictures_of(manifest: JsonObject) -> set[str]:
    """Return the names of a run's pictures."""
    return {name for picture in manifest.get("pictures", []) if (name := picture.get("file"))}


def read_settings_or_none(file: Path) -> JsonObject:
    try:
        return read_settings(file)
    except OSError:
        return {}


def prompt_in_name(file: Path) -> str:
    """Return the prompt in a file's name: `a_photo_of_a_horse_17.png` -> "a photo of a horse"."""
    words = file.stem.split(".")[0].split("_")
    return " ".join(words[:-1] if len(words) > 1 and words[-1].isdigit() else words)
