"""A run: one execution of a recipe, its pictures, and the manifest (`run.json`) that can reproduce or resume it."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from synoptic.distributed import is_main_process
from synoptic.errors import DISTRIBUTION, InputError, check_writable, prompt_list

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass
class Picture:
    """One item of a run: `file` lies in the run's folder; `seed` is the item's own; `score` a judge's cosine."""

    file: str
    prompt: str
    seed: int
    score: float | None = None


@dataclass
class Run:
    """A recipe's resolved settings and what came of them. Written to `folder/run.json` as it goes."""

    recipe: str
    settings: dict[str, Any]
    folder: Path
    pictures: list[Picture]
    model: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)  # seconds
    scores: dict[str, Any] = field(default_factory=dict)
    state: str = "running"

    @property
    def command(self) -> str:
        """The command line that gives this run again."""
        positional: list[str] = []
        options: list[str] = []
        for name, value in self.settings.items():
            flag = f"--{name.replace('_', '-')}"
            if name in ("image", "mask", "prompt"):
                positional += value if isinstance(value, list) else [value]
            elif isinstance(value, bool):
                options.append(flag if value else f"--no-{flag[2:]}")
            elif isinstance(value, list):
                options += [flag, *map(str, value)]
            elif value is not None:
                options += [flag, str(value)]
        return shlex.join(["synoptic", self.recipe, *positional, *options])

    def to_json(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe,
            "state": self.state,
            "command": self.command,
            "settings": self.settings,
            "model": self.model,
            "pictures": [asdict(p) for p in self.pictures],
            "scores": self.scores,
            "timings": self.timings,
            "versions": versions(),
        }

    def write(self) -> None:
        from synoptic.io import atomic_write

        if not is_main_process():
            return
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"
        atomic_write(self.folder / "run.json", lambda f: f.write(text.encode()))


class Result(NamedTuple):
    """What a recipe returns: its pictures (PIL, one an item of `run.pictures`) and the Run."""

    images: list[Image]
    run: Run

    def __str__(self) -> str:
        run = self.run
        scored = any(p.score is not None for p in run.pictures)
        lines = ["picture\tseed" + ("\tscore" if scored else "")]
        lines += [
            f"{run.folder / p.file}\t{p.seed}" + (f"\t{p.score:.3f}" if p.score is not None else "") for p in run.pictures
        ]
        if run.scores:
            name, mean = next(iter(run.scores.items()))
            lines.append(f"{name.replace('clip_score', 'CLIP score')} {mean:.3f}, judge {run.scores['judge']}")
        return "\n".join(lines)


def open_run(recipe: str, settings: dict[str, Any], out: str | None, *, together: bool = False) -> Run:
    """The run of these settings: a new folder, or the one that an earlier, perhaps killed, run of them began.

    Each prompt has its own pictures, one a seed; `together`, all prompts are of the same pictures. Without `out` the
    folder's name holds a hash of the settings, so equal settings meet again and different ones never. Raises InputError
    where there is no prompt, the folder cannot be written, or it holds a run of other settings.
    """
    every = prompt_list(settings["prompt"])
    seed = settings.get("seed", 0)
    seeds = range(seed, seed + settings.get("count", 1))
    pictures = pictures_of([BETWEEN.join(every)] if together else every, seeds)
    return begun(Run(recipe, settings, Path(out or folder_of(recipe, settings)).expanduser(), pictures))


def begun(run: Run) -> Run:
    """The run itself, its folder there. Raises InputError where that cannot be written, or holds a run of other settings."""
    check_writable(run.folder)
    before = earlier(run.folder)
    asked, old = chosen(json.loads(json.dumps(run.settings))), chosen((before or {}).get("settings", {}))
    if before is not None and (before.get("recipe"), old) != (run.recipe, asked):
        differ = [k for k in run.settings if asked.get(k) != old.get(k)] or ["recipe"]
        raise InputError(
            f"one folder holds one run, and {run.folder} holds another ({differ[0]} differs): choose another --out"
            " or delete the old one"
        )
    return run


def folder_of(recipe: str, settings: dict[str, Any]) -> str:
    """Where a run goes that was not told: named after its first prompt and a hash of its settings."""
    key = hashlib.sha256(json.dumps(chosen(settings), sort_keys=True).encode()).hexdigest()[:8]
    return f"outputs/{recipe}/{slug(prompt_list(settings['prompt'])[0])[:40]}-{key}"


BETWEEN = " | "  # the prompts of one picture


def pictures_of(prompts: Iterable[str], seeds: Iterable[int]) -> list[Picture]:
    """One picture a prompt and seed; prompts whose names are the same share theirs."""
    items = [Picture(f"{slug(prompt)}_{seed}.png", prompt, seed) for prompt in prompts for seed in seeds]
    return list({picture.file: picture for picture in items}.values())


LATER = {  # options younger than some runs, with what was done before there was a choice
    "sampler": "ddim",
    "upscalers": None,
    "level": 50,
    "embeddings": None,
    "sigma": 2.0,
    "condition": None,
    "controlnet": None,
    "windows": "dense",
    "coherence": 0.0,
    "coherence_steps": 10,
    "coherence_every": 1,
    "coherence_by": "shape",
    "anchor": 0.5,
    "region": None,
    "travel": False,
    "layout": None,
    "compile": False,
    "guidance_interval": None,
    "cache": 1,
    "control": None,
    "fast": False,
}


def chosen(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings without those of `LATER` that choose nothing new, so that runs from before them are still known."""
    return {name: value for name, value in settings.items() if name not in LATER or value != LATER[name]}


def earlier(folder: Path) -> dict[str, Any] | None:
    """The manifest in a folder, if there is one that can be read."""
    try:
        return json.loads((folder / "run.json").read_text())
    except (OSError, ValueError):
        return None


def slug(prompt: str) -> str:
    """The courses' file name of a prompt: spaces to underscores, nothing that a file system minds, 100 bytes at most."""
    name = re.sub(r'[\s/\\:*?"<>|\x00-\x1f]+', "_", prompt.strip()).strip("._")
    return name.encode()[:100].decode(errors="ignore") or "picture"


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in (DISTRIBUTION, "torch", "diffusers", "transformers"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
