"""Which way a surface faces: down the slope of the density, by differentiation or by asking around."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Scalar = Callable[[Tensor], Tensor]
Normal = Callable[[Scalar, Tensor], Tensor]
CORNERS = ((1.0, 1.0, 1.0), (1.0, -1.0, -1.0), (-1.0, 1.0, -1.0), (-1.0, -1.0, 1.0))  # of a tetrahedron


def analytic(f: Scalar, x: Tensor) -> Tensor:
    """-grad f / |grad f| at places (M, 3), differentiable in f's parameters where gradients are on."""
    learns = torch.is_grad_enabled()
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(f(x).sum(), x, create_graph=learns)
    return unit(-slope)


def finite(h: float = 0.02) -> Normal:
    """The same from f at the corners of a tetrahedron, h sqrt(3) away: four values instead of a second derivative."""

    def normal(f: Scalar, x: Tensor) -> Tensor:
        away = x.new_tensor(CORNERS)
        values = f((x[None] + h * away[:, None]).flatten(0, 1)).view(4, -1)
        return unit(-(values.T @ away))

    return normal


def unit(v: Tensor) -> Tensor:
    """v of length 1; 0, and without a gradient, where v is 0."""
    return v * v.square().sum(-1, keepdim=True).clamp(min=1e-20).rsqrt()
