"""Finish a run: score its pictures, compare them, close the manifest."""

from __future__ import annotations

from collections.abc import Sequence

from synoptic import io
from synoptic.metrics.clip import reference_clip
from synoptic.options.base import Item
from synoptic.options.pretrained_model import ModelOptions
from synoptic.pipelines.base import Pipeline
from synoptic.pipelines.outputs import Output
from synoptic.runs.contact_sheet import write_contact_sheet
from synoptic.runs.manifest import Run
from synoptic.utils.timing import Clock


def finish(run: Run, pipeline: Pipeline[ModelOptions], items: Sequence[Item], clock: Clock) -> None:
    """Score a bundled model's pictures by the bundled reference CLIP, compare them, and close the manifest."""
    run.pictures = [picture for picture in run.pictures if picture.file not in run.failed]
    if run.pictures and pipeline.metric and pipeline.model.checkpoint.is_bundled:
        with clock("score"):
            clip = reference_clip()
            for picture, image, item in zip(run.pictures, run.images, items, strict=True):
                if item.title.strip():  # without a prompt there is nothing to compare with
                    picture.score = round(pipeline.score(clip, image, item), 4)
                    picture.figures |= pipeline.clip_figures(clip, image, item)
            scores = [picture.score for picture in run.pictures if picture.score is not None]
            if scores:
                run.scores = {pipeline.metric: round(sum(scores) / len(scores), 4), "clip_model": clip.name}
    if run.pictures and not compare(run, pipeline, items, finished(run)):
        write_contact_sheet(run)
    run.state = "failed" if run.failed else "done"
    run.write()


def finished(run: Run) -> list[Output]:
    """Return the pictures of a run, with their scores among the figures."""
    return [Output(image, figures=p.measured) for image, p in zip(run.images, run.pictures, strict=True)]


def compare(run: Run, pipeline: Pipeline[ModelOptions], items: Sequence[Item], outputs: Sequence[Output]) -> bool:
    """Save the figure and the table of all items, APPLICATION.png and .tsv; return whether there are any."""
    found = pipeline.compare(items, outputs)
    if found is None:
        return False
    file = run.folder / f"{run.application}.png"
    io.save_image(file, found.image, run.about())
    io.write_whole(file.with_suffix(".tsv"), f"{found}\n")
    run.summary = f"{found}\n{file}"
    return True
