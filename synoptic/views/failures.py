"""Views that cannot work, kept to show why: each breaks the noise that a denoiser expects (Geng et al. 2024a)."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor
from torch.nn.functional import interpolate, pad

from synoptic.utils.arguments import Axes, typed
from synoptic.views.frequency import scaled_gaussian_blur
from synoptic.views.permutation import square_side

GAINS = (1.3, 1.0, 0.7)  # of red, green and blue


@typed
class Blur:
    """The picture out of focus. Fails: blurred noise is weak and its neighbors agree, and no blur can be undone."""

    name = "fails_blur"

    def view(self, z: Annotated[Tensor, Axes("B, C, S, S")]) -> Tensor:
        """Blur z (B, C, S, S) as the far picture of a hybrid is."""
        return scaled_gaussian_blur(z, 2)

    def inverse_view(self, x: Tensor) -> Tensor:
        """Return the picture itself, since nothing better is known."""
        return x


@typed
class WhiteBalance:
    """Warmer light. Fails: it can be undone, but red noise becomes too strong and blue noise too weak."""

    name = "fails_white_balance"

    def view(self, z: Tensor) -> Tensor:
        """Multiply each channel of z (B, 3, S, S) by its gain."""
        return z * self._gains(z)

    def inverse_view(self, x: Tensor) -> Tensor:
        """Return each channel over its gain."""
        return x / self._gains(x)

    def _gains(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != len(GAINS):
            raise ValueError(f"white balance is of red, green and blue (B, 3, S, S), {tuple(x.shape)} was given: decode it")
        return x.new_tensor(GAINS)[:, None, None]


@typed
class Scale:
    """The picture at half its size, on gray. Fails: averaged noise is too weak, gray has none, and details are lost."""

    name = "fails_scale"

    def view(self, z: Annotated[Tensor, Axes("B, C, S, S")]) -> Tensor:
        """Paste the mean of every 2x2 pixels of z (B, C, S, S) in the middle; S a multiple of 4, else ValueError."""
        side = square_side(z)
        if side % 4:
            raise ValueError(f"half a picture in its middle needs a side that is a multiple of 4, not {side}: resize it")
        return pad(interpolate(z, scale_factor=0.5, mode="area"), [side // 4] * 4)

    def inverse_view(self, x: Tensor) -> Tensor:
        """Return the middle enlarged, each pixel to 2x2."""
        q = square_side(x) // 4
        return x[..., q:-q, q:-q].repeat_interleave(2, -1).repeat_interleave(2, -2)
