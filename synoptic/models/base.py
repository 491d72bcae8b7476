"""The protocol of every model: a Denoiser, whatever its family, and what it is conditioned on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred, Schedule, Time

if TYPE_CHECKING:
    from diffusers.models.modeling_utils import ModelMixin

    from synoptic.models.checkpoint import Checkpoint
    from synoptic.models.lora import Lora
    from synoptic.models.textual_inversion import TextualInversion


Combine = Callable[[Tensor, Time, Pred, Pred, float | Tensor], Pred]  # (x, t, null, cond, scale) -> what guides


@dataclass(frozen=True, eq=False, kw_only=True)
class Conditioning:
    """What a denoiser is conditioned on, N rows of it: every tensor has a leading axis of N.

    Only `text` is always there. A field that is None, or an empty tuple, conditions nothing.
    """

    text: Tensor  # (N, L, D), the hidden states of the text encoder
    text_mask: Tensor | None = None  # (N, L), 1 where there are words, 0 at padding that the network must not see
    text_embeds: Tensor | None = None  # (N, E), the pooled text of SDXL, as diffusers calls it
    time_ids: Tensor | None = None  # (N, 6), the sizes and the crop of SDXL, as diffusers calls them
    guidance: Tensor | None = None  # (N,), the guidance scale that a network is conditioned on, where it takes one
    text_keys: Tensor | None = None  # (N, L, K), what every cross-attention makes of the text, by a `TextKVCache`
    branch_rows: Tensor | None = None  # (N, 2) on the CPU, of which branch of guidance and of which row of x each row is
    low_res: Tensor | None = None  # (N, 3, h, w), the small picture that an upscaler sees, at x's size
    noise_level: Tensor | None = None  # (N,), integers, how noisy `low_res` is
    control_images: Tensor | None = None  # (N, 3 * controls, H, W) in [0, 1], the maps of all ControlNets
    control_residuals: tuple[Tensor, ...] = ()  # added to each level of a U-Net, its middle last, or behind each block
    control_single_residuals: tuple[Tensor, ...] = ()  # and behind each of FLUX.1's single blocks
    adapter_features: tuple[Tensor, ...] = ()  # what is added inside the U-Net's way down, one a level (T2I-Adapter)
    student_index: Tensor | None = None  # (N,), integers, which LoRA of a `LoRAStudent` acts on each row; -1: none
    camera_features: Tensor | None = None  # (N, F), what a `LoRAStudent` is conditioned on besides

    def __len__(self) -> int:
        """Return N."""
        return len(self.text)

    @property
    def added_cond_kwargs(self) -> dict[str, Tensor]:
        """Return what diffusers' U-Nets take under this name: what is neither the text nor beside x."""
        return self._present("text_embeds", "time_ids") | self.student_kwargs

    @property
    def student_kwargs(self) -> dict[str, Tensor]:
        """Return what a `LoRAStudent` on the network is given; nothing where it has no part in the call."""
        return self._present("student_index", "camera_features")

    def text_only(self) -> Conditioning:
        """Return what a text encoder gives, without all that was added later."""
        return Conditioning(text=self.text, text_mask=self.text_mask, text_embeds=self.text_embeds, time_ids=self.time_ids)

    def named_tensors(self) -> dict[str, Tensor]:
        """Return {field: tensor} of what is there, without `control_residuals`."""
        return self._present(*(field.name for field in fields(self)))

    def _present(self, *names: str) -> dict[str, Tensor]:
        """Return those of the fields that are tensors."""
        every = {name: getattr(self, name) for name in names}
        return {name: value for name, value in every.items() if isinstance(value, Tensor)}

    def rows(self, index: Tensor | slice | Sequence[int]) -> Conditioning:
        """Return these rows."""
        return combine(lambda values: values[0][index], [self])

    def expand(self, n: int) -> Conditioning:
        """Return one row as n rows that share its memory."""
        return combine(lambda values: values[0].expand(n, *values[0].shape[1:]), [self])

    def to(self, device: torch.device | None = None, dtype: torch.dtype | None = None) -> Conditioning:
        """Return it on a device, its floating-point tensors in dtype; `branch_rows` stays on the CPU."""

        def move(values: Sequence[Tensor]) -> Tensor:
            (value,) = values
            return value.to(device=device, dtype=dtype if value.is_floating_point() else None)

        return replace(combine(move, [replace(self, branch_rows=None)]), branch_rows=self.branch_rows)

    @staticmethod
    def cat(conds: Sequence[Conditioning]) -> Conditioning:
        """Return the rows of all, one after another."""
        return combine(torch.cat, conds)

    @staticmethod
    def mix(conds: Sequence[Conditioning], weights: Tensor) -> Conditioning:
        """Return the means of J conditionings of B rows each by weights (N, J): B*N rows, row b*N + n."""

        def mean(values: Sequence[Tensor]) -> Tensor:
            stacked = torch.stack(list(values))
            return torch.einsum("nj,jb...->bn...", weights.to(stacked), stacked).flatten(0, 1)

        return combine(mean, conds)


def combine(function: Callable[[list[Tensor]], Tensor], conds: Sequence[Conditioning]) -> Conditioning:
    """Return the conditioning whose every tensor is `function` of those of `conds`.

    Raises ValueError where some of them have a tensor that others lack.
    """

    def combined(name: str, values: list[Any]) -> Any:
        if all(value is None for value in values):
            return None
        if any(value is None for value in values):
            raise ValueError(f"either all conditionings have {name} or none")
        if isinstance(values[0], tuple):
            return tuple(function(list(parts)) for parts in zip(*values, strict=True))
        return function(values)

    names = [field.name for field in fields(Conditioning)]
    return Conditioning(**{name: combined(name, [getattr(cond, name) for cond in conds]) for name in names})


class Denoiser(Protocol):
    """A pretrained network: latent or pixel space, any prediction type, any native size."""

    schedule: Schedule
    shape: tuple[int, int, int]  # native (C, h, w) of x
    factor: int  # image pixels per pixel of x
    device: torch.device
    dtype: torch.dtype  # the network's own
    row_bytes: int  # working memory of one row in predict, estimated

    def embed(self, prompts: Sequence[str]) -> Conditioning:
        """Return one row a prompt."""
        ...

    def predict(self, x: Tensor, t: Time, cond: Conditioning) -> Pred:
        """Predict x (N, C, h, w) in its own dtype; the network's dtype lives only in here. Differentiable."""
        ...

    def encode(self, image: Tensor) -> Tensor:
        """Encode images (N, 3, H, W) in [-1, 1] as x. Differentiable."""
        ...

    def decode(self, x: Tensor) -> Tensor:
        """Decode x to (N, 3, H, W) in about [-1, 1]. Differentiable."""
        ...


class PretrainedModel(Denoiser, Protocol):
    """A Denoiser as `load` gives it: it knows the checkpoint that it came from, and its network."""

    checkpoint: Checkpoint
    loras: Sequence[Lora]  # whose changes are in the weights
    textual_inversions: Sequence[TextualInversion]  # whose words its text encoder knows
    other_vae: Checkpoint | None  # where it is not the checkpoint's own

    @property
    def network(self) -> ModelMixin:
        """The network itself, for what learns beside it or inside it."""
        ...
