"""What views there are, how they look, and whether they can work."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from synoptic import io
from synoptic.errors import user_path
from synoptic.options.views import ViewsOptions
from synoptic.utils.picture import read_picture
from synoptic.views.registry import FAILURES, VIEWS, get_view
from synoptic.views.validate import ViewReport, validate_view

if TYPE_CHECKING:
    from PIL.Image import Image

COLUMNS = ("recovery", "idempotence", "mean", "variance", "across", "down", "channels", "kurtosis")


@dataclass(frozen=True)
class ViewTable:
    """(name, description, report) of each view, whether all were asked for, and the sheet of how they look."""

    rows: list[tuple[str, str, ViewReport]]
    listing: bool
    sheet: Path

    def __str__(self) -> str:
        if self.listing:
            head = ["view", "what it shows", "can it work", "sync"]
            lines = [[name, text, verdict(report), report.sync] for name, text, report in self.rows]
        else:
            head = ["view", *COLUMNS, "can it work", "sync"]
            lines = [[name, *figures(report), verdict(report), report.sync] for name, _, report in self.rows]
        return "\n".join(["\t".join(line) for line in (head, *lines)] + ["", str(self.sheet)])


def execute(options: ViewsOptions) -> ViewTable:
    """Draw and measure the views, return the table."""
    size, folder, names = options.size, user_path(options.out), options.views()
    before = middle_square(options.picture, size) if options.picture is not None else letter(size)
    rows, after = [], []
    for name in names:
        view = get_view(name)
        x = view.view(io.from_pil(before))
        shown, back = io.to_pil(x)[0], io.to_pil(view.inverse_view(x))[0]
        sheet = io.image_grid([before, shown, back], ["the picture", name, "seen back"], 3)
        io.save_image(folder / (re.sub(r"[^\w.+-]", "_", name) + ".png"), sheet, {"view": name})
        spec = (VIEWS | FAILURES).get(name)
        rows.append((name, spec.summary if spec else name, validate_view(view, size)))
        after.append(shown)
    sheet = io.image_grid([before, *after], ["the picture", *names], min(6, len(names) + 1))
    io.save_image(folder / "views.png", sheet, {"views": names})
    return ViewTable(rows, not options.names, folder / "views.png")


def middle_square(source: str | Image, size: int) -> Image:
    """Return the middle square of a picture at this size."""
    picture = read_picture(source)
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side)).resize((size, size))


def figures(report: ViewReport) -> list[str]:
    return [f"{getattr(report, column):.3f}" for column in COLUMNS]


def verdict(report: ViewReport) -> str:
    return f"{'yes' if report.works else 'no'}: {report.reason}"


def letter(size: int) -> Image:
    """Return a test picture: a white F, which no rotation or flip leaves as it is, on a gradient."""
    at = torch.linspace(-1, 1, size, dtype=torch.float32)
    x = torch.stack([at.expand(size, size), at[:, None].expand(size, size), -at.expand(size, size) * 0.6])
    for top, bottom, left, right in ((0.2, 0.8, 0.3, 0.42), (0.2, 0.32, 0.3, 0.72), (0.45, 0.57, 0.3, 0.6)):
        rows, columns = (slice(round(a * size), round(b * size)) for a, b in ((top, bottom), (left, right)))
        x[:, rows, columns] = 1
    return io.to_pil(x[None])[0]
