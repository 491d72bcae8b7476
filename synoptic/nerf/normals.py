"""Which way a surface faces: down the slope of the density, by differentiation or by asking around."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

ScalarField = Callable[[Tensor], Tensor]
NormalFunction = Callable[[ScalarField, Tensor], Tensor]
TETRAHEDRON = ((1.0, 1.0, 1.0), (1.0, -1.0, -1.0), (-1.0, 1.0, -1.0), (-1.0, -1.0, 1.0))  # of a tetrahedron


def analytic_normals(f: ScalarField, x: Tensor) -> Tensor:
    """Return -grad f / |grad f| at places (M, 3), differentiable in f's parameters where gradients are on."""
    learns = torch.is_grad_enabled()
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(f(x).sum(), x, create_graph=learns)
    return normalize(-slope)


def finite_difference_normals(h: float = 0.02) -> NormalFunction:
    """Return the same from f at the corners of a tetrahedron, h sqrt(3) away: four values instead of a second derivative."""

    def normal(f: ScalarField, x: Tensor) -> Tensor:
        away = _tetrahedron(x.device, x.dtype)
        values = f((x[None] + h * away[:, None]).flatten(0, 1)).view(4, -1)
        return normalize(-(values.T @ away))

    return normal


@cache
def _tetrahedron(device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return its corners (4, 3), copied to a GPU once."""
    return torch.tensor(TETRAHEDRON, device=device, dtype=dtype)


def normalize(v: Tensor) -> Tensor:
    """Return v at length 1; 0, and without a gradient, where v is 0."""
    return v * v.square().sum(-1, keepdim=True).clamp(min=1e-20).rsqrt()
