"""What views there are, how they look, and whether they can work."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from synoptic.errors import InputError, check_at_least, check_at_most, check_writable
from synoptic.views.registry import FAILURES, VIEWS, side_multiple

if TYPE_CHECKING:
    from PIL.Image import Image

    from synoptic.views.validate import ViewReport

Names = Annotated[
    list[str] | None,
    "views to measure: rotate_cw, inner_rotate:45, rotate_cw+negate, a permutation's .npy or .json file, … (default: all)",
]
Size = Annotated[int, "side of the pictures, in pixels"]
Picture = Annotated[str | None, "a picture to look at, its middle square (default: a letter F, drawn)"]
Out = Annotated[str, "folder for the pictures: one sheet of all views, and each view before, after and seen back"]

COLUMNS = ("recovery", "idempotence", "mean", "variance", "across", "down", "channels", "kurtosis")


@dataclass(frozen=True)
class Seen:
    """(name, description, laws) a view, whether all were asked for, and the sheet of how they look."""

    rows: list[tuple[str, str, ViewReport]]
    listing: bool
    sheet: Path

    def __str__(self) -> str:
        if self.listing:
            head = ["view", "what it shows", "can it work", "sync"]
            lines = [[name, text, verdict(laws), laws.sync] for name, text, laws in self.rows]
        else:
            head = ["view", *COLUMNS, "can it work", "sync"]
            lines = [[name, *figures(laws), verdict(laws), laws.sync] for name, _, laws in self.rows]
        return "\n".join(["\t".join(line) for line in (head, *lines)] + ["", str(self.sheet)])


def views(names: Names = None, *, size: Size = 64, picture: Picture = None, out: Out = "outputs/views") -> Seen:
    """List the views of anagrams, or measure those named: the two laws, and whether white noise stays white noise.

    A view can work where its noise has mean 0, variance 1, kurtosis 3 and no correlations; recovery is how far the picture
    seen back is from the picture. The views named fails_… cannot, and are kept to show why.

    synoptic views rotate_cw inner_rotate:45 jigsaw+negate
    """
    asked = names or [*VIEWS, *FAILURES]
    check_at_least("--size", size, 8)
    check_at_most("--size", size, 2048)
    for name in asked:
        if size % side_multiple(name):
            raise InputError(f"--size must be a multiple of {side_multiple(name)} for {name}, {size} was given: change it")
    folder = Path(out).expanduser()
    check_writable(folder)

    from synoptic import io
    from synoptic.views.registry import get_view
    from synoptic.views.validate import validate_view

    before = photograph(picture, size) if picture else letter(size)
    rows, after = [], []
    for name in asked:
        one = get_view(name)
        x = one.view(io.from_pil(before))
        shown, back = io.to_pil(x)[0], io.to_pil(one.inverse_view(x))[0]
        sheet = io.image_grid([before, shown, back], ["the picture", name, "seen back"], 3)
        io.save_image(folder / (re.sub(r"[^\w.+-]", "_", name) + ".png"), sheet, {"view": name})
        rows.append((name, (VIEWS | FAILURES).get(name, name), validate_view(one, size)))
        after.append(shown)
    io.save_image(
        folder / "views.png",
        io.image_grid([before, *after], ["the picture", *asked], min(6, len(asked) + 1)),
        {"views": asked},
    )
    return Seen(rows, not names, folder / "views.png")


def figures(laws: ViewReport) -> list[str]:
    return [f"{getattr(laws, column):.3f}" for column in COLUMNS]


def verdict(laws: ViewReport) -> str:
    return f"{'yes' if laws.works else 'no'}: {laws.reason}"


def photograph(path: str, size: int) -> Image:
    """The middle square of a picture's file at this size. Raises InputError where it cannot be read."""
    from synoptic.io import load_image

    try:
        picture = load_image(Path(path).expanduser())
    except OSError:
        raise InputError(f"--picture must be a picture's file, {path} is none: check the path") from None
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side)).resize((size, size))


def letter(size: int) -> Image:
    """A test picture: a white F, which no turn or mirror leaves as it is, on a gradient that tells every place apart."""
    import torch

    from synoptic.io import to_pil

    at = torch.linspace(-1, 1, size)
    x = torch.stack([at.expand(size, size), at[:, None].expand(size, size), -at.expand(size, size) * 0.6])
    for top, bottom, left, right in ((0.2, 0.8, 0.3, 0.42), (0.2, 0.32, 0.3, 0.72), (0.45, 0.57, 0.3, 0.6)):
        rows, columns = (slice(round(a * size), round(b * size)) for a, b in ((top, bottom), (left, right)))
        x[:, rows, columns] = 1
    return to_pil(x[None])[0]
