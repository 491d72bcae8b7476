"""Prompt sets, generated, scored and laid out as the courses grade them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from synoptic.courses.evaluate_options import DISTILLED, EvaluateOptions
from synoptic.courses.files import pictures, unique_names
from synoptic.courses.folder_scores import eval_of, write_eval
from synoptic.courses.folders import expected, file_names, graded, source_of, sources
from synoptic.courses.generate import (
    RunsOf,
    check_same_options,
    generate_ambiguous,
    generate_edits,
    generate_in_one_run,
    generate_wide,
    pictures_of,
)
from synoptic.courses.grading import measure
from synoptic.courses.prompt_sets import OURS, PromptSet
from synoptic.courses.records import Record, table, write_record
from synoptic.courses.report import MARKS_CLIP, verdict, write_report
from synoptic.courses.submission import hand_in
from synoptic.errors import user_path
from synoptic.jobs.spread import runs_of
from synoptic.metrics.base import Metric
from synoptic.metrics.clip import Clip
from synoptic.models.registry import resolve_clip
from synoptic.options.batch import BatchOptions
from synoptic.runs.folders import earlier
from synoptic.runs.manifest import versions
from synoptic.utils.counted import counted
from synoptic.utils.json_objects import JsonObject
from synoptic.utils.streams import error_stream


@dataclass(frozen=True)
class Evaluation:
    """A graded folder and what was measured in it: each of `measures` by prompt, the CLIP score first."""

    folder: Path
    clip_model: str
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
        lines.append(f"CLIP model\t{self.clip_model}" + (f"\t{self.verdict}" if self.verdict else ""))
        if self.missing:
            lines.append(f"missing\t{counted(len(self.missing), 'picture')}, not scored: {', '.join(self.missing)}")
        return "\n".join([*lines, *(f"written\t{path}" for path in self.files)])


def execute(options: EvaluateOptions, engine: BatchOptions | None = None) -> Evaluation:
    """Generate what is missing, measure the graded folder, write the record, the reports and the zip.

    By an engine's workers, if one is given.
    """
    chosen, folder, top = options.prompt_set(), options.folder, options.top
    for line in chosen.warnings():
        print(f"warning: {line}", file=error_stream())
    texts = graded(chosen, folder.name)
    runs = generate(chosen, folder, options, partial(runs_of, engine=engine))
    source = resolve_clip(options.clip_model)
    clip = Clip(source, options.device)
    found = pictures(folder, file_names(chosen, folder.name))
    found = {p: found[p] for p in sorted(found, key=lambda p: texts.index(p) if p in texts else len(texts))}
    measures = measure(chosen, clip, found, folder)
    warn(chosen, found, texts, options)
    whole = panoramas_of(chosen, top, options.seed) if chosen.kind == "wide" else {}
    record = Record(
        folder=folder.name,
        set=options.prompts,
        kind=chosen.kind,
        clip_model=clip.name,
        marks=Path(source.path_or_repo).name == MARKS_CLIP,
        score=measures[0].mean,
        measures=[m.as_json() for m in measures],
        pictures={p: [str(path.relative_to(top)) for path in paths] for p, paths in found.items()},
        whole={p: [str(path.relative_to(top))] for p, path in whole.items()},
        missing=[path.name for path in expected(chosen, folder).values() if not path.exists()],
        made={run.name: made_by(run) for run in runs},
        options=options.to_json(),
        command=options.command(),
        versions=versions(),
    )
    files = [write_eval(folder, eval_of(folder, found, measures[0].items)), *write_record(top, record)]
    files += write_report(top, options.zip or "synoptic evaluate")
    if options.zip is not None:
        files.append(hand_in(top, options.zip, user_path(options.code) if options.code is not None else None))
    return Evaluation(folder, clip.name, table(record), measures, record.missing, files, verdict(record.score, record.marks))


def generate(chosen: PromptSet, folder: Path, options: EvaluateOptions, runs_of: RunsOf) -> list[Path]:
    """Generate what is missing; return the folders of the runs that did."""
    top, sync = options.top, options.method if chosen.kind == "ambiguous" and options.method != "auto" else ""
    runs = top / (
        "wide_panoramas" if chosen.kind == "wide" else f"ambiguous_images_{sync}_run" if sync else f"{folder.name}_run"
    )
    places = expected(chosen, folder)
    rule = {"init_noise": "independent" if sync else "shared"} if chosen.kind == "ambiguous" else {}
    check_same_options([path for path in places.values() if path.exists()], options, **rule)
    made = []
    if options.make_sources:
        without = {e.prompt for e in chosen.entries if e.source is None or not e.source.exists()}
        lacking = {prompt: path for prompt, path in sources(chosen, top).items() if prompt in without}
        plain = replace(options, steps=None, guidance_scale=None)
        generate_in_one_run(lacking, top / "sources_run", plain, runs_of, "generate")
        made = [top / "sources_run"]
    paths = {prompt: path for (prompt, _), path in places.items()}
    if chosen.kind == "wide":
        generate_wide(chosen, folder, runs, options, runs_of)
    elif chosen.kind == "ambiguous":
        course = {"sync": sync, "space": "instance", "init_noise": "independent"} if sync else {}
        generate_ambiguous(chosen.entries, paths, runs, options, runs_of, **course)
    elif folder.name == "pds":
        generate_edits(chosen, paths, runs, options, runs_of)
    else:
        way = ("distill", {"loss": folder.name}) if folder.name in DISTILLED else ("generate", {})
        generate_in_one_run(paths, runs, options, runs_of, way[0], **way[1])
    return [*made, *([runs] if earlier(runs) else sorted(manifest.parent for manifest in runs.glob("*/run.json")))]


def made_by(folder: Path) -> JsonObject:
    """Return how a run's pictures were made: its command, options and model."""
    manifest = earlier(folder) or {}
    return {key: manifest.get(key) for key in ("command", "options", "model")}


def panoramas_of(chosen: PromptSet, top: Path, seed: int) -> dict[str, Path]:
    """Return {prompt: file} of the wide pictures that were generated here or put there."""
    folder = top / "wide_panoramas"
    put = {prompt: folder / name for (prompt, _), name in unique_names((e.prompt, None) for e in chosen.entries).items()}
    there = pictures_of(folder, seed) | {prompt: path for prompt, path in put.items() if path.exists()}
    return {e.prompt: there[e.prompt] for e in chosen.entries if e.prompt in there}


def warn(chosen: PromptSet, found: dict[str, list[Path]], texts: list[str], options: EvaluateOptions) -> None:
    """Say on the error stream what a grader would stumble over: pictures of no prompt, and edits without a source."""
    for prompt, paths in found.items():
        if prompt not in texts:
            print(f"warning: {paths[0]} is of no prompt of the set ({prompt}), and counts in the score", file=error_stream())
    if options.folder.name == "pds":
        made = sources(chosen, options.top)
        lost = [
            str(made[e.prompt] if chosen.name in OURS else e.source) for e in chosen.entries if source_of(e, made) is None
        ]
        if lost:
            cure = "put them there, or add --make-sources"
            print(f"warning: {len(lost)} source pictures are missing: {', '.join(lost)}: {cure}", file=error_stream())
