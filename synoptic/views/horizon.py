"""The horizon's ring of a sphere, with a smooth sky and ground: what the other views begin from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from synoptic.views.device_copies import DeviceCopies
from synoptic.views.equirectangular import Equirectangular


class HorizonRing:
    """Views of a sphere of which some, the horizon's or more, alone say what is where; the canvas goes on from them.

    A model that has seen few pictures of a bare sky paints another horizon into every view that looks up. So it is asked
    only later: first the rows beyond what the leading views see are their last row's harmonic continuation to the pole,
    which is as smooth as a function with these edge values can be. Its views are those `leads` of `views`, by default the
    horizon's. Both laws hold, the first where they read. Raises ValueError where they leave gaps in the horizon.
    """

    def __init__(self, views: Equirectangular, leads: Sequence[int] | None = None) -> None:
        self.views, self.canvas = views, views.canvas
        around = [n for n, direction in enumerate(views.directions) if direction.elevation == 0]
        self.leads = around if leads is None else list(leads)
        around = [views.directions[n] for n in self.leads]
        self.ring = Equirectangular(views.canvas, around, views.fov, views.side, whole=False)
        (rows,) = self.ring.seen.all(1).nonzero(as_tuple=True)
        if not len(rows):
            raise ValueError(f"{len(around)} views of {views.fov:g} degrees leave gaps in the horizon: add or widen them")
        self.top, self.bottom = int(rows[0]), int(rows[-1])

    def __len__(self) -> int:
        return len(self.leads)

    def project(self, z: Tensor, onto: Tensor | None = None) -> Tensor:
        """Project z (B, C, H, W) to the ring's views (B*N, C, h, w)."""
        return self.ring.project(z)

    def unproject(self, x: Tensor) -> Tensor:
        """Return the ring's mean (B, C, H, W) of x (B*N, C, h, w), and its continuation to the poles."""
        z = self.ring.unproject(x)
        upper = harmonic_cap(z[..., self.top, :], self.top + 1).flip(-2)
        lower = harmonic_cap(z[..., self.bottom, :], z.shape[-2] - self.bottom)
        return torch.cat([upper[..., :-1, :], z[..., self.top : self.bottom + 1, :], lower[..., 1:, :]], -2)

    def scaled(self, k: int) -> HorizonRing:
        return HorizonRing(self.views.scaled(k), self.leads)

    def noise(self, rngs: Sequence[torch.Generator], like: Tensor) -> Tensor:
        return self.ring.noise(rngs, like)


def harmonic_cap(edge: Tensor, rows: int) -> Tensor:
    """Map a row (…, W) around a pole to (…, rows, W), from that row to the pole, by Laplace's equation on the sphere.

    In the stereographic projection the cap is a disc, whose k-th Fourier coefficient falls off as the k-th power of the
    radius, tan(theta / 2) for the angle theta from the pole; rows are pi / (W / 2) apart, the last half a step from it.
    """
    W = edge.shape[-1]
    fine = edge.to(torch.promote_types(edge.dtype, torch.float32))
    return torch.fft.irfft(torch.fft.rfft(fine)[..., None, :] * cap_decay(W, rows).like(fine), W).to(edge)


@lru_cache(16)
def cap_decay(W: int, rows: int) -> DeviceCopies:
    """Return what each Fourier coefficient is multiplied by in each row of a cap, (rows, W // 2 + 1)."""
    theta = (torch.arange(rows - 1, -1, -1, dtype=torch.float64) + 0.5) * 2 * math.pi / W
    radius = (theta / 2).tan() / (theta[0] / 2).tan()
    return DeviceCopies(radius[:, None] ** torch.arange(W // 2 + 1))
