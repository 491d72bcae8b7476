"""Prompt sets, painted, scored and laid out as the courses grade them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from synoptic.commands.score import Judge
from synoptic.courses.files import file_name
from synoptic.courses.generate import (
    paint_ambiguous,
    paint_distilled,
    paint_edits,
    paint_plain,
    paint_wide,
    panorama,
    same_settings,
)
from synoptic.courses.grading import METHODS, expected, graded, measure, source_of
from synoptic.courses.prompt_sets import OURS, PromptSet, read_set
from synoptic.errors import InputError, check_choice, check_writable, install_command
from synoptic.models.registry import resolve_clip
from synoptic.options.common import Device, Dtype, Guidance, Seed, Steps
from synoptic.options.distill import STEPS as DISTILLING
from synoptic.options.resolve import settle
from synoptic.runs.manifest import earlier, versions

if TYPE_CHECKING:
    from synoptic.metrics.base import Metric

Prompts = Annotated[
    str,
    "wide, ambiguous or edit: a set of ours; or a .json, .jsonl or .csv file of one of the courses' kinds, or of prompts",
]
Out = Annotated[str, "the folder that the graded folders, the report and the zip go to"]
Method = Annotated[
    Literal["auto", "sds", "pds", "vsd", "eps", "x0", "xt", "none"],
    "whose pictures: sds, pds or vsd of edit or plain sets (auto: pds for edits); eps, x0, xt or none, a sync rule, of"
    " ambiguous sets, per view and from independent noise as the course has it, each in a folder of its own,"
    " ambiguous_images_eps and so on",
]
Model = Annotated[str | None, "the model that paints (default: bundled; of ambiguous sets bundled-if): synoptic models"]
Sources = Annotated[bool, "paint the source pictures that an edit set lacks, from their prompts, into OUT/sources"]
Zip = Annotated[str | None, "NAME_SID: also pack NAME_SID.zip for the hand-in, with everything evaluated in this --out"]
Code = Annotated[str | None, "with --zip: the folder of your code, to go in as code/"]

DISTILLED = ("sds", "vsd", "pds")
ASKED = ("model", "steps", "guidance", "seed")  # what pictures of one folder have in common


@dataclass(frozen=True)
class Evaluation:
    """A graded folder and what was measured in it: each of `measures` by prompt, the CLIP score first."""

    folder: Path
    judge: str
    table: list[list[str]]
    measures: list[Metric]
    missing: list[str]
    files: list[Path] = field(default_factory=list)
    verdict: str = ""

    @property
    def score(self) -> float:
        """The courses' score: the mean over prompts of the mean cosine of each one's pictures."""
        return self.measures[0].mean

    def __str__(self) -> str:
        lines = ["\t".join(row) for row in self.table]
        lines.append(f"judge\t{self.judge}" + (f"\t{self.verdict}" if self.verdict else ""))
        if self.missing:
            lines.append(f"missing\t{len(self.missing)} pictures, not scored: {', '.join(self.missing)}")
        return "\n".join([*lines, *(f"written\t{path}" for path in self.files)])


def evaluate(
    prompts: Prompts,
    *,
    out: Out = "outputs",
    method: Method = "auto",
    judge: Judge = "bundled",
    steps: Steps = None,
    guidance: Guidance = None,
    seed: Seed = 0,
    model: Model = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    make_sources: Sources = False,
    zip: Zip = None,
    code: Code = None,
) -> Evaluation:
    """Paint what a prompt set lacks, score it as the courses do, and write the folders, the report and the zip they grade.

    synoptic evaluate wide paints the 10 prompts of our own set into outputs/wide_panoramas, cuts 8 crops of each into
    outputs/wide_images, and writes eval.json there, with outputs/report.html and report.pdf. synoptic evaluate ambiguous
    paints anagrams that turn by 90 degrees, and keeps both views; evaluate edit edits the set's source pictures by PDS.
    The same command goes on where it was stopped; pictures that are there, named after their prompts, are kept.

    synoptic evaluate wide_image_prompts.json --judge clip-vit-b32 --zip KIM_20240001 --code .
    """
    given = dict(locals())
    chosen = read_set(prompts)
    given["model"] = model or ("bundled-if" if chosen.kind == "ambiguous" else "bundled")
    check_choice(f"--method of {chosen.kind} prompts", method, tuple(METHODS[chosen.kind]))
    top = Path(out).expanduser()
    folder = top / METHODS[chosen.kind][method]
    packed = code_folder(zip, code)
    source = resolve_clip(judge)
    texts = graded(chosen, folder.name)
    if make_sources and chosen.kind != "edit":
        raise InputError(f"--make-sources is for edit sets, {prompts} is a {chosen.kind} one: leave it away")
    how: dict[str, Any] = {"device": device, "dtype": dtype}
    fixed = {"sampler": "ddim", "eta": 0.0, "clip": "auto", "count": 1}
    settled = settle({k: given[k] for k in ASKED} | fixed | {"prompt": texts})[1]
    how |= {k: settled[k] for k in ASKED}
    if folder.name in DISTILLED:
        how |= {"steps": DISTILLING if steps is None else steps, "guidance": guidance}
    if folder.name == "pds" and not make_sources:
        something_in(chosen, top, folder)
    check_writable(top)
    made = paint(chosen, top, folder, how, make_sources)

    from synoptic.courses.files import eval_of, pictures, write_eval
    from synoptic.courses.records import rows, write_record
    from synoptic.courses.report import MARKS_JUDGE, verdict, write_report
    from synoptic.courses.submission import hand_in
    from synoptic.metrics.clip import Clip

    clip = Clip(source, device)
    found = pictures(folder, texts)
    found = {p: found[p] for p in sorted(found, key=lambda p: texts.index(p) if p in texts else len(texts))}
    measures = measure(chosen, clip, found, folder)
    warn(chosen, found, texts, top, folder)
    whole = {p: panorama_of(top, p, seed) for p in texts} if chosen.kind == "wide" else {}
    record = {
        "folder": folder.name,
        "set": prompts,
        "kind": chosen.kind,
        "judge": clip.name,
        "marks": Path(source.path_or_repo).name == MARKS_JUDGE,
        "score": measures[0].mean,
        "measures": [m.as_json() for m in measures],
        "pictures": {p: [str(path.relative_to(top)) for path in paths] for p, paths in found.items()},
        "whole": {p: [str(path.relative_to(top))] for p, path in whole.items() if path is not None},
        "missing": [path.name for path in expected(chosen, folder) if not path.exists()],
        "made": {run.name: made_by(run) for run in made},
        "settings": {k: v for k, v in given.items() if k not in ASKED} | how,
        "command": command_of("evaluate", prompts, {k: v for k, v in (given | how).items() if k != "prompts"}),
        "versions": versions(),
    }
    files = [write_eval(folder, eval_of(folder, found, measures[0].items)), *write_record(top, record)]
    files += write_report(top, zip or "synoptic evaluate")
    if zip is not None:
        files.append(hand_in(top, zip, packed))
    return Evaluation(folder, clip.name, rows(record), measures, record["missing"], files, verdict(record))


def something_in(chosen: PromptSet, top: Path, folder: Path) -> None:
    """Raises InputError where there is neither an edit to score nor a source picture to edit."""
    if not any(folder.glob("*.png")) and all(source_of(e, top) is None for e in chosen.entries):
        raise InputError(
            f"an edit needs the picture that it edits, none of the set's is there, and {folder} holds no edits to score: put"
            " them where the set says, or add --make-sources"
        )


def code_folder(zip: str | None, code: str | None) -> Path | None:
    """The folder of --code. Raises InputError where --zip is no NAME_SID, or --code no folder or without --zip."""
    if zip is not None and find_spec("fpdf") is None:
        raise InputError(f"--zip packs a PDF report, which needs fpdf2, not installed here: {install_command('courses')}")
    if zip is not None and not re.fullmatch(r"[^\s/\\_][^\s/\\]*_[^\s/\\_]+", zip):
        raise InputError(
            f"--zip must be your name and student number, NAME_SID, without blanks; {zip!r} is not: KIM_20240001"
        )
    if code is None:
        return None
    if zip is None:
        raise InputError(f"--code goes into the zip, and no --zip was given with {code}: add --zip NAME_SID")
    folder = Path(code).expanduser()
    if not folder.is_dir():
        raise InputError(f"--code must be the folder of your code, {code} is none: check the path")
    return folder


def paint(chosen: PromptSet, top: Path, folder: Path, how: dict[str, Any], make_sources: bool) -> list[Path]:
    """Paint what is missing; gives the folders of the runs that painted."""
    runs = top / ("wide_panoramas" if chosen.kind == "wide" else f"{folder.name}_run")
    names = expected(chosen, folder)
    same_settings([path for path in names if path.exists()], {k: how[k] for k in ASKED if how[k] is not None})
    made = []
    if make_sources:
        plain = how | {"steps": None, "guidance": None}
        lacking = [e.prompt for e in chosen.entries if e.source is None or not e.source.exists()]
        paint_plain(lacking, top / "sources", top / "sources_run", plain)
        made = [top / "sources_run"]
    match chosen.kind, folder.name:
        case "wide", _:
            paint_wide(chosen.entries, folder, runs, how)
        case "ambiguous", _:
            rule = folder.name.removeprefix("ambiguous_images").strip("_")
            apart = {"sync": rule, "space": "instance", "start": "independent"} if rule else {}
            paint_ambiguous(chosen.entries, folder, runs, how | apart)
        case _, "pds":
            paint_edits(chosen.entries, folder, top, runs, how)
        case _, "sds" | "vsd" as method:
            paint_distilled(method, [e.prompt for e in chosen.entries], folder, runs, how)
        case _:
            paint_plain([e.prompt for e in chosen.entries], folder, runs, how)
    return [*made, *([runs] if earlier(runs) else sorted(run.parent for run in runs.glob("*/run.json")))]


def made_by(run: Path) -> dict[str, Any]:
    """How a run painted: its command, settings and model."""
    manifest = earlier(run) or {}
    return {key: manifest.get(key) for key in ("command", "settings", "model")}


def panorama_of(top: Path, prompt: str, seed: int) -> Path | None:
    """The wide picture of a prompt, painted here or put there; None where there is none."""
    folder = top / "wide_panoramas"
    return next((path for path in (folder / file_name(prompt), panorama(folder, prompt, seed)) if path.exists()), None)


def warn(chosen: PromptSet, found: dict[str, list[Path]], texts: list[str], top: Path, folder: Path) -> None:
    """Say on the error stream what a grader would stumble over: pictures of no prompt, and edits without a source."""
    import sys

    for prompt, paths in found.items():
        if prompt not in texts:
            print(f"warning: {paths[0]} is of no prompt of the set ({prompt}), and counts in the score", file=sys.stderr)
    if folder.name == "pds":
        lacking = [e for e in chosen.entries if source_of(e, top) is None]
        lost = [str(top / "sources" / file_name(e.prompt) if chosen.name in OURS else e.source) for e in lacking]
        if lost:
            cure = "put them there, or add --make-sources"
            print(f"warning: {len(lost)} source pictures are missing: {', '.join(lost)}: {cure}", file=sys.stderr)


def command_of(recipe: str, argument: str, options: Mapping[str, Any]) -> str:
    """The command line of a recipe with one argument: None, and False, are left out."""
    words = ["synoptic", recipe, argument]
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if value is not None and value is not False:
            words += [flag] if value is True else [flag, str(value)]
    return shlex.join(words)
