"""3x3 convolutions by Winograd's minimal filtering (Lavin and Gray 2016), for float32 on a CPU: a quarter of the products.

A tile of 4x4 outputs needs 36 products a pair of channels, not 144: of the 6x6 inputs d and the kernel g, both transformed,

    Y = A^T [(G g G^T) * (B^T d B)] A.

The products are 36 matrix products over all tiles. Exact up to rounding: four times a direct convolution's at these points.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

import torch
from torch import Tensor, nn

TILE, KERNEL = 4, 3
SIDE = TILE + KERNEL - 1  # of a tile's inputs
POINTS = tuple(Fraction(n, 3) for n in (0, 2, -2, 4, -4))  # and infinity; half the rounding error of 0, 1, -1, 2, -2
TILES_AT_ONCE = 128  # which stay in a core's cache between the transforms and the product
MIN_CHANNELS = 64  # the transforms cost more than fewer save
SAMPLED = 61  # one weight in so many is compared before each call
CHANNELS = 32  # whose kernels are transformed at once, in float64
MAX_BYTES = 2**28  # of transformed kernels, which are kept beside the others: four times as many numbers


def transforms() -> tuple[Tensor, Tensor, Tensor]:
    """Return A^T (4, 6), G (6, 3) and B^T (6, 6), by Toom and Cook from POINTS, in float64.

    With exact fractions: a solver's rounding, other in every process, would make other pictures.
    """
    others = [[q for q in POINTS if q != p] for p in POINTS]
    apart = [math.prod(p - q for q in rest) for p, rest in zip(POINTS, others, strict=True)]
    output = [[p**i for i in range(TILE)] for p in POINTS] + [[0, 0, 0, 1]]
    kernel = [[p**k / n for k in range(KERNEL)] for p, n in zip(POINTS, apart, strict=True)] + [[0, 0, 1]]
    inputs = [[*with_roots(rest), 0] for rest in others] + [with_roots(POINTS)]
    a, g, b = (
        torch.tensor([list(map(float, row)) for row in rows], dtype=torch.float64) for rows in (output, kernel, inputs)
    )
    return a.T, g, b


def with_roots(roots: Iterable[Fraction]) -> list[Fraction]:
    """Return the coefficients, the constant first, of the polynomial with these roots and a leading 1."""
    found = [Fraction(1)]
    for root in roots:
        found = [low - root * high for low, high in zip([Fraction(0), *found], [*found, Fraction(0)], strict=True)]
    return found


class WinogradConv2d(nn.Conv2d):
    """A convolution of the same weight and bias, in channels_last; direct where a gradient passes or tiles do not fit."""

    kernels: Tensor
    inward: Tensor
    outward: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__(conv.in_channels, conv.out_channels, KERNEL, padding=1, device="meta")
        self.weight, self.bias = conv.weight, conv.bias
        output, _, inputs = transforms()
        for name, matrix in (("inward", torch.kron(inputs, inputs)), ("outward", torch.kron(output, output))):
            self.register_buffer(name, matrix.float().contiguous(), persistent=False)
        self.made_of, self.version, self.sample = torch.empty(0), 0, torch.empty(0)

    def is_made_of(self, sample: Tensor) -> bool:
        """Return whether the kernels are those of today's weights. torch does not count what is done to `weight.data`."""
        same = self.made_of.data_ptr() == self.weight.data_ptr() and self.version == self.weight._version
        return same and torch.equal(self.sample, sample)

    def transform_kernels(self) -> None:
        """Keep the kernels, transformed, (36, C, C'); again where the weights have changed."""
        weight = self.weight.detach()
        sample = weight.as_strided((weight.numel() // SAMPLED,), (SAMPLED,))  # in the order in which they lie in memory
        if not self.is_made_of(sample):
            _, kernel, _ = transforms()
            kernels = weight.new_empty(SIDE * SIDE, self.in_channels, self.out_channels)
            for part, place in zip(weight.split(CHANNELS), kernels.split(CHANNELS, 2), strict=True):
                place.copy_(torch.einsum("ia,ocab,jb->ijco", kernel, part.double(), kernel).flatten(0, 1))
            self.kernels = kernels
            self.made_of, self.version, self.sample = weight, self.weight._version, sample.clone()  # where memory sufficed

    def forward(self, input: Tensor) -> Tensor:
        passes = torch.is_grad_enabled() and (input.requires_grad or self.weight.requires_grad)
        h, w = input.shape[-2:]
        if passes or h % TILE or w % TILE or input.dtype != torch.float32 or torch.compiler.is_compiling():
            return super().forward(input)
        self.transform_kernels()
        out = torch.empty((len(input), self.out_channels, h, w), dtype=input.dtype, memory_format=torch.channels_last)
        step = max(1, TILES_AT_ONCE * TILE * TILE // (h * w))
        padded = input.new_zeros(min(step, len(input)), h + 2, w + 2, self.in_channels)
        for rows, place in zip(input.split(step), out.split(step), strict=True):
            part = padded[: len(rows)]
            part[:, 1:-1, 1:-1] = rows.permute(0, 2, 3, 1)
            self.convolve(part, place.permute(0, 2, 3, 1))
        return out

    def convolve(self, padded: Tensor, out: Tensor) -> None:
        """Write what some rows (n, h + 2, w + 2, C), padded, become into `out` (n, h, w, C')."""
        n, h, w, _ = out.shape
        row, line, column, _ = padded.stride()
        sizes = (SIDE, SIDE, n, h // TILE, w // TILE, self.in_channels)
        tiles = padded.as_strided(sizes, (line, column, row, TILE * line, TILE * column, 1), padded.storage_offset())
        inward = (self.inward @ tiles.reshape(SIDE * SIDE, -1)).view(SIDE * SIDE, -1, self.in_channels)
        products = torch.bmm(inward, self.kernels).view(SIDE * SIDE, -1)
        done = (self.outward @ products).view(TILE, TILE, n, h // TILE, w // TILE, self.out_channels)
        place = out.view(n, h // TILE, TILE, w // TILE, TILE, self.out_channels)
        torch.add(done.permute(2, 3, 0, 4, 1, 5), 0.0 if self.bias is None else self.bias, out=place)


def is_suitable(part: nn.Conv2d) -> bool:
    """Return whether a convolution is one of 3x3, of stride 1, with channels enough, whose weights are float32 as stored."""
    return (
        type(part) is nn.Conv2d
        and part.weight.dtype == torch.float32
        and (part.kernel_size, part.stride, part.padding, part.dilation) == ((3, 3), (1, 1), (1, 1), (1, 1))
        and part.groups == 1
        and part.padding_mode == "zeros"
        and min(part.in_channels, part.out_channels) >= MIN_CHANNELS
    )


def suitable_parts(net: nn.Module) -> dict[str, nn.Conv2d]:
    """Return a network's suitable convolutions: all of them or, where their kernels would take too much memory, none."""
    found = {name: part for name, part in net.named_modules() if isinstance(part, nn.Conv2d) and is_suitable(part)}
    return found if kernel_bytes(found.values()) <= MAX_BYTES else {}


def kernel_bytes(parts: Iterable[nn.Conv2d]) -> int:
    """Return the bytes of the transformed kernels of convolutions."""
    return 4 * SIDE * SIDE * sum(part.in_channels * part.out_channels for part in parts)


def use_winograd(net: nn.Module) -> None:
    """Replace a network's suitable convolutions."""
    for name, part in suitable_parts(net).items():
        net.set_submodule(name, WinogradConv2d(part))
