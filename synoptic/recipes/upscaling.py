"""Which upscalers enlarge what a model paints: DeepFloyd IF's stages II and III."""

from __future__ import annotations

from synoptic.check import BadInput
from synoptic.models.source import Source, resolve_upscaler

NEXT = {"bundled-if": "bundled-if-ii", "if": "if-ii", "if-l": "if-ii", "if-xl": "if-ii-l"}  # made for one another


def upscalers(source: Source, asked: list[str] | None) -> list[Source]:
    """The stages after `source`, in order; none for ["none"], what was made for it (if anything) for None or ["auto"].

    An upscaler of pixels takes pictures of its native size / 4, one of latents of any size. Raises BadInput where what
    it is given has another size, and as `resolve_upscaler`.
    """
    names = asked or ["auto"]
    if names == ["none"]:
        return []
    if names == ["auto"]:
        names = [NEXT[source.name]] if source.name in NEXT else []
    stages, side = [], source.native
    for name in names:
        if name in ("auto", "none"):
            raise BadInput(f"--upscalers {name} stands alone, {' '.join(names)} was given: give {name} or the names")
        up = resolve_upscaler(name)
        takes = up.native // times(up)
        if up.factor == 1 and side != takes:
            raise BadInput(
                f"{name} enlarges pictures of {takes} pixels, what it is given here has {side}: leave it out of --upscalers"
                f" or choose a --model that paints {takes}"
            )
        stages.append(up)
        side *= times(up)
    return stages


def times(up: Source) -> int:
    """How much larger an upscaler's picture is: latents have the small picture's size, DeepFloyd's pixels are 4 a side."""
    return up.factor if up.factor > 1 else 4
