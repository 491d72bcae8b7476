"""w(t), how much a noise level counts: (alpha_t, sigma_t) -> a number a row. abar is alpha², 1 - abar sigma²."""

from __future__ import annotations

from collections.abc import Callable

from synoptic.diffusion.equations import Number

WeightFunction = Callable[[Number, Number], Number]


def constant(a: Number, sigma: Number) -> Number:
    """Return w = 1."""
    return 1.0


def variance(a: Number, sigma: Number) -> Number:
    """Return w = 1 - abar (Poole et al. 2023, DreamFusion)."""
    return sigma**2


def fantasia3d(a: Number, sigma: Number) -> Number:
    """Return w = sqrt(abar) (1 - abar) (Chen et al. 2023, Fantasia3D)."""
    return a * sigma**2


def sqrt_noise_to_signal(a: Number, sigma: Number) -> Number:
    """Return w = sqrt((1 - abar) / abar): a difference of eps becomes one of x0 (Liang et al., Lukoianov et al. 2024)."""
    return sigma / a


def velocity(a: Number, sigma: Number) -> Number:
    """Return w = 1 / alpha: of a flow, a difference of eps becomes one of velocities (Yang et al. 2025, RFDS)."""
    return 1 / a


WEIGHTS = {
    "one": constant,
    "variance": variance,
    "fantasia": fantasia3d,
    "velocity": velocity,
}  # by the names that people type
