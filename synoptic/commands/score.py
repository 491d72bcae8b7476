"""CLIP scores of a folder of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from synoptic.errors import InputError
from synoptic.models.registry import resolve_clip
from synoptic.options.common import Device

Folder = Annotated[str, "a folder of PNG or JPEG pictures, or one picture"]
Judge = Annotated[
    str, "bundled, bundled-shape (blind to colour), clip-vit-b32 (OpenAI's), or any CLIPModel: a hub id or a directory"
]
PICTURES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class Scores:
    """Cosines in [-1, 1]: one (file, prompt, score) a picture, and their mean."""

    judge: str
    items: list[tuple[str, str, float]]

    @property
    def mean(self) -> float:
        return sum(score for *_, score in self.items) / len(self.items)

    def __str__(self) -> str:
        lines = ["score\tpicture\tprompt", *(f"{score:.3f}\t{file}\t{prompt}" for file, prompt, score in self.items)]
        return "\n".join([*lines, f"{self.mean:.3f}\tmean of {len(self.items)}\tjudge {self.judge}"])


def score(folder: Folder, *, judge: Judge = "bundled", device: Device = "auto") -> Scores:
    """CLIP cosine of every picture with its prompt: the one it carries, or its file name with underscores for spaces.

    A picture that is not square is scored as the mean of the squares that cover it. A number at the end of a file name
    (a seed, or a crop's position) is no part of the prompt. What was drawn beside a painting (a ControlNet's map, an
    anagram's sheet of views, the small one that was enlarged) is left out.

    synoptic score outputs/wide
    """
    files = pictures_in(folder)
    source = resolve_clip(judge)

    from synoptic.io import load_image
    from synoptic.metrics.clip import Clip, clip_score

    clip = Clip(source, device)
    items = [(str(path), prompt, clip_score(clip, load_image(path), prompt)) for path, prompt in prompts_of(files)]
    return Scores(clip.name, items)


def pictures_in(folder: str) -> list[Path]:
    """The pictures under a folder, sorted, or the one picture. Raises InputError where there is none."""
    root = Path(folder).expanduser()
    if not root.exists():
        raise InputError(f"a folder of pictures is needed, {folder} does not exist: check the path")
    files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.suffix.lower() in PICTURES)
    if not files:
        raise InputError(f"a folder of pictures is needed, {folder} holds no {', '.join(PICTURES)}: check the path")
    return files


def prompts_of(files: list[Path]) -> list[tuple[Path, str]]:
    """Each picture with its prompt. Raises InputError on a file that is no picture, and where none has a prompt."""
    from PIL import UnidentifiedImageError

    from synoptic.io import read_settings

    found = []
    for path in files:
        try:
            told = read_settings(path)
            if not told or "prompt" in told:
                found.append((path, told.get("prompt") or prompt_in_name(path)))
        except UnidentifiedImageError:
            raise InputError(f"every file must be a picture, {path} is none: remove it from the folder") from None
    if not found:
        raise InputError(
            f"what is scored must be pictures of prompts, {files[0]} only shows another picture: score that one"
        )
    return found


def prompt_in_name(path: Path) -> str:
    """`a_photo_of_a_horse_17.png` -> "a photo of a horse"."""
    words = path.stem.split(".")[0].split("_")
    return " ".join(words[:-1] if len(words) > 1 and words[-1].isdigit() else words)
