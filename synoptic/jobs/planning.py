"""From what was written to jobs: grids expand, every option is checked, every job gets a folder. Imports nothing heavy."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import MISSING
from hashlib import sha256
from itertools import product
from math import prod
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from synoptic.errors import InputError
from synoptic.jobs.files import GRID, Cells, Entry, value_of_cell
from synoptic.jobs.records import inputs_key
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.local_cache import signature
from synoptic.models.registry import resolve
from synoptic.options import application_name, options_class
from synoptic.options.base import Options, split_list
from synoptic.options.grid import RANGE, make_axis, parse
from synoptic.options.option import OptionSpec
from synoptic.options.pretrained_model import ModelOptions
from synoptic.options.renamed import unknown_option
from synoptic.options.seeds import RANDOM
from synoptic.runs.folders import check_same, default_folder
from synoptic.utils.json_objects import JsonObject
from synoptic.utils.streams import error_stream

MOST = 1_000_000  # jobs of one batch
MOST_PICTURES = 10_000  # of one job's prompt
MOST_PARTS, LONGEST_PART = 8, 200  # folders in one another in an out, and the bytes of one's name
SHOWN = 20  # wrong lines that are shown
MESSAGE = 300  # letters of what is wrong with one
PLAN, TABLE, PARQUET, PAGE, LOCK = "jobs.jsonl", "batch.tsv", "batch.parquet", "index.html", ".lock"  # of a batch
MODEL = ("model", "device", "dtype", "embeddings", "lora", "vae", "textual_inversion", "clip_skip", "compile", "upscalers")
SHAPE = ("width", "height", "size", "steps")
ALONE = ("trace", "save_every", "preview_every")  # options whose runs write what is of one run alone


class Job(NamedTuple):
    """One run of a batch: options as they were given, its folder's path below the batch's, and what it has in common.

    `group` is its model, its shape, and what it has in common with those that it can share calls with, "" where with none:
    jobs of one group follow one another on a worker. `inputs` is the `inputs_key` of the files as they were planned with.
    """

    line: int
    application: str
    options: JsonObject
    path: str
    group: tuple[str, str, str]
    inputs: str = ""


def plan_jobs(entries: Iterable[Entry], folder: Path, files: dict[str, str] | None = None) -> list[Job]:
    """Return the jobs of what was written, each once. Raises InputError where anything is wrong, with every wrong line.

    Of several wrong lines all but the last message go to the error stream. Into `files` goes the `signature` of every file
    that the jobs depend on, by its path.
    """
    files = {} if files is None else files
    jobs: dict[str, Job] = {}
    wrong: list[tuple[int, InputError]] = []
    checkpoints: dict[str, Checkpoint] = {}
    repeated = count = 0
    for line, written in entries:
        try:
            for job in jobs_of(line, written, folder, checkpoints, files):
                count += 1
                if count > MOST:
                    raise InputError(f"a batch has at most {MOST} jobs, this has more: make it several", rule="jobs-size")
                other = jobs.setdefault(job.path, job)
                if other is not job and other._replace(line=line) != job:
                    raise InputError(
                        f"a job has a folder of its own, {job.path!r} is that of line {other.line} too: change out",
                        rule="job-out-twice",
                    )
                repeated += other is not job
        except InputError as e:
            wrong.append((line, e))
            if e.rule == "jobs-size":
                break
    wrong += nested(jobs)
    refuse(wrong)
    if not jobs:
        raise InputError("a batch needs a job at least, none was given: write one a line", rule="jobs-empty")
    if repeated:
        are = "job is" if repeated == 1 else "jobs are"
        print(f"warning: {repeated} {are} given more than once; each is done once", file=error_stream())
    return list(jobs.values())


def refuse(wrong: list[tuple[int, InputError]]) -> None:
    """Raise InputError where anything is wrong: one line for each."""
    if not wrong:
        return
    texts = [f"line {line}: {str(e)[:MESSAGE]}" for line, e in sorted(wrong, key=lambda one: one[0])]
    if len(texts) == 1:
        raise InputError(f"{texts[0]} (nothing was run)", rule=wrong[0][1].rule)
    print("\n".join(texts[:SHOWN]), file=error_stream())
    more = f", of which {SHOWN} are shown" if len(texts) > SHOWN else ""
    raise InputError(f"{len(texts)} lines are wrong{more}, nothing was run: correct them", rule=wrong[0][1].rule)


def nested(jobs: dict[str, Job]) -> list[tuple[int, InputError]]:
    """Return what is wrong with jobs whose folder lies in another's."""
    return [
        (
            job.line,
            InputError(
                f"a job has a folder of its own, {path!r} lies in that of another: change out", rule="job-out-inside"
            ),
        )
        for path, job in jobs.items()
        if any(parent.as_posix() in jobs for parent in PurePosixPath(path).parents)
    ]


def jobs_of(
    line: int,
    written: JsonObject | InputError,
    folder: Path,
    checkpoints: dict[str, Checkpoint],
    files: dict[str, str],
) -> Iterator[Job]:
    """Yield the jobs that one entry stands for. Raises InputError on the first that is wrong."""
    if isinstance(written, InputError):
        raise written
    written = copy(written)
    name = application_name(written.pop("application", None))
    cls = options_class(name)
    given = from_cells(cls, written) if isinstance(written, Cells) else written
    axes, out = axes_of(cls, given.pop(GRID, {})), given.pop("out", None)
    if unknown := [key for key in given if not isinstance(key, str)]:
        raise InputError(f"names of options are text, {unknown[0]!r} is none: correct it", rule="job-name")
    for key in given:
        option(cls, key)
    if twice := given.keys() & axes.keys():
        raise InputError(f"{min(twice)} is given beside the grid and in it: keep one", rule="given-twice")
    check_size(prod(map(len, axes.values())))
    for values in product(*axes.values()):
        chosen = given | dict(zip(axes, values, strict=True))
        asked = cls.from_arguments(**chosen)
        check_plain(asked)
        check_count(asked)
        options = resolved(asked, checkpoints)
        new = (path for paths in options.input_files().values() for path in paths if str(path.absolute()) not in files)
        files |= {str(path.absolute()): signature(path) for path in new}  # before they are hashed: they may change meanwhile
        place = Path(default_folder(options)).relative_to("outputs").as_posix()
        if out is not None:
            place = out_of(out, folder) + (f"/{Path(place).name}" if axes else "")
            check_same(options, folder / place)
        yield Job(line, name, chosen, place, group_of(options), inputs_key(options.input_hashes()))


def option(cls: type[Options], name: str) -> OptionSpec:
    """Return an option of an application. Raises InputError where it has none of that name."""
    known = {spec.name: spec for spec in cls.specs()}
    if name not in known:
        raise InputError(unknown_option(cls.application(), str(name)[:60], list(known)), rule="unknown-option")
    return known[name]


def from_cells(cls: type[Options], cells: Cells) -> JsonObject:
    """Return the options of a row; the cell below `grid.seed` has the values of an axis, as --grid takes them."""
    given: JsonObject = {}
    for head, cell in cells.items():
        axis, dot, name = head.replace("-", "_").partition(".")
        if dot and axis == GRID:
            given.setdefault(GRID, {})[name] = cell
        else:
            if axis in given:
                raise InputError(f"a name stands once in a job, {axis} stands twice: omit one", rule="job-duplicate-key")
            given[axis] = value_of_cell(option(cls, axis), cell)
    return given


def axes_of(cls: type[Options], grid: object) -> dict[str, tuple[object, ...]]:
    """Return the values of every option of a grid: a list, or text as --grid takes it. Raises InputError."""
    if not isinstance(grid, dict):
        raise InputError(
            'a grid is a mapping of options to lists, as {"seed": "0..3", "sync": ["x0", "eps"]}, this is none: correct it',
            rule="job-grid",
        )
    axes = {}
    for name, values in grid.items():
        spec = option(cls, name)
        if name == "out" or not isinstance(values, str | list | tuple | range) or not values:
            raise InputError(f"{name} of a grid takes a list of values, this is none: correct it", rule="job-grid")
        found = parsed(spec, values) if isinstance(values, str) else list(values)
        if not found:
            raise InputError(f"{name} of a grid has values, {values!r} has none: correct it", rule="job-grid")
        check_size(len(found))
        axes[name] = make_axis(spec, found).values
    return axes


def check_size(cells: int) -> None:
    """Raise InputError for a grid of more cells than a batch has jobs."""
    if cells > MOST:
        raise InputError(f"a batch has at most {MOST} jobs, this grid has more: omit values", rule="jobs-size")


def parsed(spec: OptionSpec, text: str) -> list[object]:
    """Return values as --grid takes them: between commas, or FIRST..LAST."""
    if found := RANGE.fullmatch(text):
        return list(range(int(found[1]), min(int(found[2]), int(found[1]) + MOST) + 1))
    return [parse(spec, word) for word in split_list(text)]


def check_plain(options: Options) -> None:
    """Raise InputError for a seed that would be another after a restart, and for pictures that are no files."""
    if getattr(options, "seed", 0) == RANDOM:
        raise InputError('a batch can be repeated, seed -1 cannot: name seeds, as grid: {"seed": "0..7"}', rule="job-seed")
    for spec in options.specs():
        value = getattr(options, spec.name)
        if spec.option.picture and not isinstance(value, str | None):
            raise InputError(f"a job's {spec.name} is the path of a file, a picture was given: save it", rule="job-picture")


def check_count(options: Options) -> None:
    """Raise InputError for more pictures in one job than can be listed quickly."""
    count = getattr(options, "count", 1)
    if count > MOST_PICTURES:
        raise InputError(
            f'a job makes at most {MOST_PICTURES} pictures of a prompt, count {count} was given: use a grid, {{"seed":'
            ' "0..99999"}',
            rule="job-count",
        )


def resolved(options: Options, checkpoints: dict[str, Checkpoint]) -> Options:
    """Return options ready for work, as `prepare` does; a model's files are looked at once."""
    assert isinstance(options, ModelOptions)
    if options.model not in checkpoints:
        checkpoints[options.model] = resolve(options.model)
    return options.resolve(checkpoints[options.model])


def out_of(out: object, folder: Path) -> str:
    """Return where a job wants to go, below the batch's folder. Raises InputError where that leads out of it."""
    text = out if isinstance(out, str) else ""
    place = PurePosixPath(text)
    inside = text and "\0" not in text and "\\" not in text and ":" not in text and not place.is_absolute()
    try:
        inside = inside and ".." not in place.parts and (folder / text).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        inside = False
    own = (PLAN, TABLE, PARQUET, PAGE)
    if not inside or not is_plain(place) or place.parts[0].lower() in own:
        raise InputError(
            f"a job's out is a folder in that of the batch, as run-1 or cats/7, {str(out)[:60]!r} is none: change it",
            rule="job-out",
        )
    return place.as_posix()


def is_plain(place: PurePosixPath) -> bool:
    """Return whether every file system takes a path: short names that can be read, of which none is hidden."""
    return 0 < len(place.parts) <= MOST_PARTS and all(
        part.isprintable() and part == part.strip() and not part.startswith(".") and len(os.fsencode(part)) <= LONGEST_PART
        for part in place.parts
    )


def group_of(options: Options) -> tuple[str, str, str]:
    """Return what a job has in common with others: its model, its shape, and that of those that it can share calls with."""
    return sys.intern(key(options, MODEL)), sys.intern(key(options, SHAPE)), sys.intern(sharing_key(options))


def sharing_key(options: Options) -> str:
    """Return a hash of what jobs have in common that can share the network's calls; "" for one that cannot."""
    own = options.item_options()
    if not own or options.variants() or any(getattr(options, name, None) for name in ALONE):
        return ""
    shared = {name: value for name, value in options.to_json().items() if name not in own}
    return sha256(json.dumps([options.application(), shared], default=str).encode()).hexdigest()[:16]


def key(options: Options, names: tuple[str, ...]) -> str:
    values = {name: value for name in names if (value := getattr(options, name, MISSING)) is not MISSING}
    return json.dumps(values, default=str)
