"""A run: one execution with a folder, and the manifest (`run.json`) that can reproduce or resume it."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from synoptic.distributed import is_main_process
from synoptic.errors import DISTRIBUTION, InputError, printable
from synoptic.io import load_image, read_settings, remove_parts, write_whole
from synoptic.io.html import gallery
from synoptic.models.names import CONTROLNET, DEPTH_MODEL, UPSCALER, Kind
from synoptic.models.registry import resolve_controlnet, resolve_depth_model
from synoptic.options.base import Item, Options
from synoptic.options.upscaling import find_upscalers
from synoptic.runs.folders import MANIFEST, STATE, check_folder, difference, earlier, folder_of
from synoptic.utils.json_objects import JsonObject
from synoptic.utils.picture import is_file

if TYPE_CHECKING:
    from PIL.Image import Image

    from synoptic.models.base import PretrainedModel


NOT_REVISIONS = "name", "source", "device", "dtype"  # of what a manifest says of the model; under the rest are revisions


@dataclass
class Picture:
    """One picture of a run: `file` in the run's folder, its own seed, a CLIP's score, and what else was measured."""

    file: str
    prompt: str
    seed: int
    score: float | None = None
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def measured(self) -> dict[str, float]:
        """The figures, with the score among them if there is one."""
        return self.figures | ({} if self.score is None else {"score": self.score})


@dataclass
class Run:
    """The resolved options and what came of them. Written to `folder/run.json` as it goes."""

    options: Options
    folder: Path
    pictures: list[Picture]
    model: JsonObject = field(default_factory=dict)
    gpu: str = ""  # that the model is on, by its own name: no two of a machine have one
    timings: dict[str, float] = field(default_factory=dict)  # seconds
    scores: JsonObject = field(default_factory=dict)
    state: str = "running"
    failed: dict[str, str] = field(default_factory=dict)  # pictures that came to nothing: why
    summary: str = ""  # what a person reads at the end, where it is not the table of pictures
    kept: int = 0  # pictures that were there when it began
    shared_by: int = 1  # runs that shared the network's calls, this one among them: of the pictures that are kept too

    @property
    def application(self) -> str:
        return self.options.application()

    @cached_property
    def recorded(self) -> JsonObject:
        """The options, with the hashes of files as the run was opened: what is replaced later is not what it was made of."""
        return self.options.to_json()

    def check_inputs(self) -> None:
        """Raise InputError where a file is not what it was as the run was opened: which of both was read, nobody knows.

        A folder without a picture is no run's then.
        """
        if not (what := difference(self.options, {"application": self.application, "options": self.recorded})):
            return
        if is_main_process() and not any((self.folder / picture.file).exists() for picture in self.pictures):
            (self.folder / MANIFEST).unlink(missing_ok=True)
        raise InputError(
            f"what a run reads stays as it is until its first step, {what.removesuffix('_sha256')} was replaced: give the"
            " command again",
            rule="input-changed",
        )

    def take_model(self, model: PretrainedModel, *, is_begun: bool = False) -> None:
        """Record what paints the run. Raises InputError where the folder's pictures are by another revision of it.

        Of files of this machine the options' hashes say so; a hub's model moves, and bundled ones change with the package.
        is_begun: whether the folder holds a part of the run that is no picture and no state.
        """
        from synoptic.models.device import gpu_name

        about = describe_model(model) | describe_parts(self.options, model)
        before = (earlier(self.folder) or {}).get("model") or {}
        is_begun |= (self.folder / STATE).exists() or any((self.folder / picture.file).exists() for picture in self.pictures)
        revisions = {name: said for name, said in about.items() if name not in NOT_REVISIONS}
        moved = [name for name, said in revisions.items() if before.get(name, said) != said] if is_begun else []
        if moved:
            what = f"the model {about['name']}" if moved[0] == "revision" else f"{moved[0]} {before[moved[0]]}"
            raise InputError(
                f"one folder holds one run, and {self.folder} holds one by another revision of what is given ({what}):"
                " choose another --out or delete the old one",
                rule="run-differs",
            )
        self.model, self.gpu = about, gpu_name(model.device)

    @property
    def next_seed(self) -> int | None:
        """The first seed that the run did not take; None where there are no seeds."""
        seed = getattr(self.options, "seed", None)
        return None if seed is None else seed + len({picture.seed for picture in self.pictures})

    @property
    def films(self) -> bool:
        """Whether each picture is filmed."""
        return bool(getattr(self.options, "trace", False))

    @cached_property
    def images(self) -> list[Image]:
        """The pictures, read from their files."""
        return [load_image(self.folder / picture.file) for picture in self.pictures]

    def to_json(self) -> JsonObject:
        return {
            "application": self.application,
            "state": self.state,
            "command": self.options.command(),
            "options": self.recorded,
            "model": self.model,
            "failed": self.failed,
            "pictures": [asdict(picture) for picture in self.pictures],
            "scores": self.scores,
            "timings": self.timings,
            "shared_by": self.shared_by,
            "gpu": self.gpu,
            "versions": versions(),
        }

    def inside(self, picture: Picture) -> JsonObject:
        """Return what a picture's own metadata says."""
        return {"file": picture.file, "prompt": picture.prompt, "seed": picture.seed} | self.about()

    def about(self) -> JsonObject:
        """Return what the metadata of a figure says: how it is made again."""
        about = {"command": self.options.command(), "application": self.application}
        return about | {"options": self.recorded, "model": self.model}

    def write(self) -> None:
        if not is_main_process():
            return
        write_whole(self.folder / MANIFEST, json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n")

    def __str__(self) -> str:
        if self.summary:
            return self.summary
        names = list(dict.fromkeys(name for picture in self.pictures for name in picture.measured))
        lines = ["\t".join(["picture", "seed", *names])]
        for picture in self.pictures:
            cells = [f"{picture.measured[name]:.3f}" if name in picture.measured else "" for name in names]
            lines.append("\t".join([printable(self.folder / picture.file), str(picture.seed), *cells]))
        if self.scores:
            name, mean = next(iter(self.scores.items()))
            lines.append(f"{name.replace('clip_score', 'CLIP score')} {mean:.3f} by {self.scores['clip_model']}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        titles = [f"{p.prompt}, seed {p.seed}" for p in self.pictures]
        return f"{gallery(self.images, titles)}<pre>{escape(self.options.command())}\n{escape(str(self.folder))}</pre>"


def open_run(options: Options, folder: Path | None = None) -> Run:
    """Return the run of resolved options: a new folder, or the one that an earlier, perhaps killed, run of them began.

    Without --out the folder's name holds a hash of the options, so equal options meet again and different ones never.
    Raises InputError where the folder cannot be written, or holds another run.
    """
    folder = folder or folder_of(options)
    check_folder(options, folder)
    if earlier(folder) is None:
        check_pictures(options, folder)
    remove_parts(folder)
    pictures = pictures_of(options.items(), folder)
    is_begun = any((folder / picture.file).exists() for picture in pictures)
    run = Run(options, folder, pictures, shared_by=(earlier(folder) or {}).get("shared_by", 1) if is_begun else 1)
    _ = run.recorded  # now, and not as it is first written
    return run


def check_pictures(options: Options, folder: Path) -> None:
    """Raise InputError where a folder without a manifest that can be read has pictures of another run under the names of
    this one's: they would count as its own."""
    for item in options.items() if folder.is_dir() else ():
        file = folder / f"{item.stem}.png"
        try:
            found = read_settings(file)
        except OSError:
            continue  # there is none, or none that can be read: it is painted
        if what := difference(options, found):
            raise InputError(
                f"one folder holds one run, and {file} is of another ({what} differs): choose another --out or delete it",
                rule="run-differs",
            )


def pictures_of(items: Sequence[Item], folder: Path) -> list[Picture]:
    """Return what items become in a run's folder, with what was measured of those that are there."""
    figures = {picture["file"]: picture["figures"] for picture in (earlier(folder) or {}).get("pictures", [])}
    names = [f"{item.stem}.png" for item in items]
    return [Picture(name, i.title, i.seed, figures=figures.get(name, {})) for name, i in zip(names, items, strict=True)]


def describe_model(model: PretrainedModel) -> dict[str, str]:
    """Return what the manifest says of the model: its name, source, revision, device and dtype."""
    checkpoint = model.checkpoint
    source = checkpoint.name if checkpoint.is_bundled else checkpoint.path_or_repo
    about = {"name": checkpoint.name, "source": source, "revision": checkpoint.revision}
    if model.other_vae is not None:
        about["vae"] = f"{model.other_vae.name} {model.other_vae.network_revision}"
    if model.loras:
        about["lora"] = ", ".join(f"{lora.name} {lora.digest} at {lora.scale:g}" for lora in model.loras)
    if model.textual_inversions:
        words = (f"{one.name} {one.digest} as {one.token}" for one in model.textual_inversions)
        about["textual_inversion"] = ", ".join(words)
    return about | {"device": str(model.device), "dtype": str(model.dtype).removeprefix("torch.")}


def describe_parts(options: Options, model: PretrainedModel) -> dict[str, str]:
    """Return what the manifest says of the other networks that options name, by the options' names: each one's revision.

    Those are ControlNets, upscalers and the depth model; a CLIP only looks at what is painted.
    """

    def revisions(name: str, kind: Kind | None) -> list[str]:
        value = getattr(options, name)
        names = [one for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, str)]
        if kind is UPSCALER:
            return [f"{up.name} {up.revision}" for up in find_upscalers(model.checkpoint, names)]
        nets = []
        if kind is CONTROLNET:
            nets = [resolve_controlnet(one, model.checkpoint) for one in dict.fromkeys(names)]
        elif kind is DEPTH_MODEL:
            nets = [resolve_depth_model(one) for one in names if not is_file(one)]  # the file of a map is an input
        return [f"{net.name} {net.network_revision}" for net in nets]

    found = {spec.name: revisions(spec.name, spec.option.weights) for spec in options.specs()}
    return {name: ", ".join(each) for name, each in found.items() if each}


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of what it computes with."""
    found = {"python": platform.python_version()}
    for package in (DISTRIBUTION, "torch", "diffusers", "transformers"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
