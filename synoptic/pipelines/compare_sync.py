"""The sync rules side by side: the same prompts and noises under eps, x0 and xt, per view and on the canvas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synoptic.errors import check_writable
from synoptic.runs.manifest import folder_of

if TYPE_CHECKING:
    from PIL.Image import Image

RULES = [(space, sync) for space in ("instance", "canonical") for sync in ("eps", "x0", "xt")]
COLUMNS = ("alignment", "concealment", "alignment, shape", "concealment, shape")


@dataclass(frozen=True)
class Comparison:
    """(space, sync, alignment and concealment by both judges) a rule, and the labelled grid of all pictures."""

    rows: list[tuple[str, str, float, float, float, float]]
    images: list[Image]
    file: Path

    def __str__(self) -> str:
        lines = ["\t".join(("space", "sync", *COLUMNS))]
        lines += ["\t".join([space, sync, *(f"{score:.3f}" for score in scores)]) for space, sync, *scores in self.rows]
        return "\n".join([*lines, str(self.file)])


def comparison(settings: dict[str, Any], out: str | None, trace: bool) -> Comparison:
    """Paint with all six, into one folder: a grid, a table (`compare.tsv`), and a folder for each rule.

    Per view, each starts from noise of its own, as the course does: from one noise the rules are the same. The canvas
    starts from the first view's noise. Without noise in common eps never reconciles the views: a warning says so.
    """
    from synoptic import io
    from synoptic.metrics.clip import Clip
    from synoptic.metrics.concealment import alignment_and_concealment
    from synoptic.pipelines.anagram import anagram
    from synoptic.views.registry import get_view

    paint: Any = anagram
    folder = Path(out or f"{folder_of('anagram', settings)}-compared").expanduser()
    check_writable(folder)
    texts = [f"{settings['style']} {text}".strip() for text in settings["prompt"]]
    each = [get_view(name) for name in settings["views"]]
    judges = [Clip("bundled"), Clip("bundled-shape")]
    rows, shown, labels = [], [], []
    asked = settings | {"upscalers": settings["upscalers"] or ["none"]}
    for space, sync in RULES:
        start = "independent" if space == "instance" else "shared"
        rule = asked | {"space": space, "sync": sync, "start": start, "out": str(folder / f"{space}-{sync}"), "trace": trace}
        painted = paint(**rule).images
        seen = [[io.to_pil(one.view(io.from_pil(picture)))[0] for one in each] for picture in painted]
        scores = [m.mean for judge in judges for m in alignment_and_concealment(judge, seen, [texts] * len(seen))]
        rows.append((space, sync, *scores))
        shown += [picture for some in seen for picture in some]
        labels += [f"{space} {sync}: {text}" for _ in seen for text in texts]
    sheet = io.image_grid(shown, labels, len(each) * settings["count"])
    io.save_image(folder / "compare.png", sheet, {"settings": settings})
    found = Comparison(rows, [sheet], folder / "compare.png")
    io.atomic_write(folder / "compare.tsv", lambda f: f.write(f"{found}\n".encode()))
    return found
