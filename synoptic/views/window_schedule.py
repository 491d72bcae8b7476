"""Windows that move from step to step, so that few of them leave no seams (Frolov et al. 2024, SpotDiffusion)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from synoptic.views.windows import Weights, Windows


class WindowSchedule:
    """`moving(i)` are the windows of step i: with a stride of that step's own, moved by chance on both axes.

    `strides` has one a step; where it is the window, they are tiles that do not overlap (SpotDiffusion). Along the width
    they wrap, as the paper's do, so that every place is crossed by seams equally often; along the height, where a picture
    has an up and a down, they stop at its edges. `rng` draws the offsets, all at once: step i has the same whatever was done
    before. The canvas does not roll, so that nothing needs rolling back.

    Raises ValueError as `Windows`.
    """

    def __init__(
        self,
        canvas: tuple[int, int, int],
        window: tuple[int, int],
        strides: Sequence[tuple[int, int]],
        rng: torch.Generator,
        *,
        weights: Weights = "feather",
    ) -> None:
        self.canvas, self.window, self.strides = canvas, window, strides
        self.weights: Weights = weights
        share = torch.rand(len(strides), 2, generator=rng, dtype=torch.float32).tolist()
        self.offsets = [(int(v * sy), int(u * canvas[2])) for (v, u), (sy, _) in zip(share, strides, strict=True)]

    def __call__(self, i: int) -> Windows:
        kwargs = {"weights": self.weights, "offset": self.offsets[i]}
        return Windows(self.canvas, self.window, self.strides[i], circular=True, **kwargs)

    def __len__(self) -> int:
        """Return the most windows that a step has."""
        return max(len(self(i)) for i in range(len(self.strides)))


def tiled_strides(window: int, steps: int) -> list[tuple[int, int]]:
    """Return strides (steps,): tiles, and at the last step windows that overlap by half.

    What a network does at its edges no later step would mend: with tiles at the end, the last step's borders show.
    """
    half = -(-window // 2)
    return [(window, window)] * (steps - 1) + [(half, half)]


def growing_strides(stride: int, window: int, steps: int) -> list[tuple[int, int]]:
    """Return strides (steps,) from `stride` at the first step to `window`, growing by one
    factor; the last as `tiled_strides`.

    Early steps settle what is where, and need windows that overlap; late ones paint details, which do not.
    """
    ratio = window / stride
    growing = [round(stride * ratio ** (i / max(1, steps - 2))) for i in range(steps - 1)]
    return [(length, length) for length in growing] + tiled_strides(window, 1)
