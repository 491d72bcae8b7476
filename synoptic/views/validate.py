"""Can a view work? The two laws of a Projection, and whether white noise stays white noise, measured."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from synoptic.views.anagram import Anagram
from synoptic.views.base import Projection, View

MIN_SAMPLES = 2**18  # numbers drawn at least: the statistics below are then sure to about 0.002
EXACT_TOLERANCE = 1e-9  # of float64 numbers of about 1
NOISE_TOLERANCE = 0.02  # how far a statistic may be by chance from what white noise has
LOSSY_NOISE_TOLERANCE = 0.15  # … and for lossy views, which show some pixels twice
MAX_LOST = 0.5  # share of pixels that a lossy view may lose


class ViewReport(NamedTuple):
    """What was measured. Of white noise, mean and correlations are 0, variance is 1 and kurtosis 3."""

    recovery: float  # max |unproject(project(z)) - z|
    lost_fraction: float  # share of pixels for which it is not 0
    idempotence: float  # max |P(P(x)) - P(x)|, P = project∘unproject
    mean: float
    variance: float
    across: float  # correlation of neighbors in a row
    down: float  # … in a column
    channels: float  # … of channels, at one pixel; the largest
    kurtosis: float  # fourth moment over variance²
    works: bool
    reason: str
    sync: str  # the sync rules that suit it


def validate_view(view: View, side: int = 64, seed: int = 0) -> ViewReport:
    """Measure a view on square pictures of this side. Raises ValueError where the view cannot divide it."""
    return validate_projection(Anagram((3, side, side), [view]), seed)


def validate_projection(views: Projection, seed: int = 0) -> ViewReport:
    """Return the same for any Projection: Anagram, Factorized, Windows."""
    C, H, W = views.canvas
    rng = torch.Generator().manual_seed(seed)
    rngs = [torch.Generator().manual_seed(seed + k) for k in range(-(-MIN_SAMPLES // (C * H * W)))]
    noise = views.noise(rngs, torch.empty(0, dtype=torch.float64))
    z = torch.randn(1, *views.canvas, generator=rng, dtype=torch.float64)
    away = (views.unproject(views.project(z)) - z).abs()
    x = torch.randn(len(views), *noise.shape[1:], generator=rng, dtype=torch.float64)
    once = views.project(views.unproject(x))
    again = views.project(views.unproject(once))
    measured = {
        "recovery": away.max(),
        "lost_fraction": (away > EXACT_TOLERANCE).double().mean(),
        "idempotence": (again - once).abs().max(),
    }
    figures = {name: float(value) for name, value in (measured | _statistics(noise)).items()}
    works, reason, sync = _verdict(**figures)
    return ViewReport(**figures, works=works, reason=reason, sync=sync)


def _statistics(noise: Tensor) -> dict[str, Tensor]:
    """Measure noise (N, C, h, w), by the names that Laws has for the figures."""
    mean, variance = noise.mean(), noise.var()
    u = (noise - mean) / variance.sqrt()
    between = torch.einsum("nchw,ndhw->cd", u, u) / (u.numel() / u.shape[1])
    return {
        "mean": mean,
        "variance": variance,
        "across": (u[..., 1:] * u[..., :-1]).mean(),
        "down": (u[..., 1:, :] * u[..., :-1, :]).mean(),
        "channels": (between - between.diag().diag()).abs().max(),
        "kurtosis": (u**4).mean(),
    }


def _verdict(
    recovery: float,
    lost_fraction: float,
    idempotence: float,
    mean: float,
    variance: float,
    across: float,
    down: float,
    channels: float,
    kurtosis: float,
) -> tuple[bool, str, str]:
    """Return whether it works, why, and which sync rules suit it."""
    exact = recovery <= EXACT_TOLERANCE and idempotence <= EXACT_TOLERANCE
    away = {
        f"mean {mean:.2f}, not 0": abs(mean),
        f"variance {variance:.2f}, not 1": abs(variance - 1),
        f"neighbors across that correlate by {across:.2f}, not 0": abs(across),
        f"neighbors down that correlate by {down:.2f}, not 0": abs(down),
        f"channels that correlate by {channels:.2f}, not 0": channels,
        f"kurtosis {kurtosis:.2f}, not 3": abs(kurtosis / 3 - 1),
    }
    bound = NOISE_TOLERANCE if exact else LOSSY_NOISE_TOLERANCE
    broken = [f"its noise has {fault}" for fault, distance in away.items() if not distance <= bound]  # NaN is broken too
    if lost_fraction > MAX_LOST:
        broken.append(f"{lost_fraction:.0%} of the pixels do not come back")
    if broken:
        return False, "; ".join(broken), "none"
    if exact:
        return True, "it comes back exactly, and white noise stays white", "x0, eps or xt"
    return True, f"lossy: {lost_fraction:.0%} of the pixels do not come back, but noise stays nearly white", "x0"
