"""VSD's student: the model itself with a LoRA for each prompt, which only its own rows feel (Hu et al. 2022)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from synoptic.models.base import Cond

ATTENTION = ["to_q", "to_k", "to_v", "to_out.0", "add_k_proj", "add_v_proj"]
BASE = "__base__"  # peft's name for rows without an adapter


class Student(nn.Module):
    """Adapters of `net`, a diffusers UNet such as `model.unet.net`, one a prompt; generator k draws where LoRA k begins.

    `mark` adds the branch "student" to those of a model, and `branches` then asks for it in the same calls. Every other row,
    and every other use of the net, meets the net's own layers alone: the base, to the bit. The adapters are float32, or
    wider where the net is. With `features` > 0 each student is also told where it looks from, or a class: numbers whose
    embedding, at first 0, is added to that of the time. `remove` takes everything off the net again.

    Raises ImportError without peft, and ValueError where rank is below 1, features below 0, or rngs not 1 to 256.
    """

    def __init__(self, net: Any, rngs: Sequence[torch.Generator], *, rank: int = 4, features: int = 0) -> None:
        super().__init__()
        if rank < 1 or features < 0:
            raise ValueError(f"rank must be at least 1 and features at least 0, not {rank} and {features}")
        if not 1 <= len(rngs) <= 256:
            raise ValueError(
                f"a net can have 1 to 256 students, not {len(rngs)}: half precision counts no further; split the batch"
            )
        layers, self._unload = adapted(net, rngs, rank)
        width = net.time_embedding.linear_2.out_features
        self.loras = nn.ModuleList([nn.ModuleList([layer.lora_A, layer.lora_B]) for layer in layers])
        self.eyes = nn.ModuleList([eye(features, width, rng) for rng in rngs] if features else [])
        self.to(net.device, torch.promote_types(net.dtype, torch.float32)).requires_grad_(True)
        self.route: list[str] = []  # of the rows that the net is working on
        self.told: Tensor | None = None
        self._hooks = [layer.register_forward_pre_hook(self._lead, with_kwargs=True) for layer in layers]
        self._hooks.append(net.register_forward_pre_hook(self._read, with_kwargs=True))
        self._hooks.append(net.time_embedding.register_forward_hook(self._tell))

    def mark(self, conds: Mapping[str, Cond], told: Tensor | None = None) -> dict[str, Cond]:
        """Branches and the student's, which has the condition of "cond": one row a prompt; told: its features (B, F)."""
        n = len(next(iter(conds["cond"].values())))
        more = {} if told is None else {"told": told}
        base = {name: cond | more | {"student": torch.full((n,), -1)} for name, cond in conds.items()}
        return base | {"student": conds["cond"] | more | {"student": torch.arange(n)}}

    def remove(self) -> None:
        """Give the net back as it was."""
        for hook in self._hooks:
            hook.remove()
        self._unload()

    def _read(self, net: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        more = kwargs.get("added_cond_kwargs") or {}
        rows = more["student"].tolist() if "student" in more else [-1] * len(args[0])
        self.route, self.told = [BASE if k < 0 else str(int(k)) for k in rows], more.get("told")

    def _lead(self, layer: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        return args, kwargs | {"adapter_names": self.route}

    def _tell(self, embedding: nn.Module, args: tuple, out: Tensor) -> Tensor:
        if self.told is None:
            return out
        for k, part in enumerate(self.eyes):
            mine = [i for i, name in enumerate(self.route) if name == str(k)]
            if mine:
                told = self.told[mine].to(next(part.parameters()))
                out = out.index_add(0, torch.tensor(mine, device=out.device), part(told).to(out))
        return out


def adapted(net: nn.Module, rngs: Sequence[torch.Generator], rank: int) -> tuple[list[Any], Callable[[], None]]:
    """Put adapters, "0", "1", …, beside every layer of attention; the layers, and what takes them off again.

    A ~ N(0, 1/rank²) and B = 0: at first an adapter does nothing.
    """
    try:
        from peft import LoraConfig, LoraModel
        from peft.tuners.lora import LoraLayer
    except ImportError:
        raise ImportError("VSD's student is a LoRA, which needs peft: pip install 'synoptic[lora]'") from None
    config = {str(k): LoraConfig(r=rank, lora_alpha=rank, target_modules=ATTENTION) for k in range(len(rngs))}
    tuner: Any = LoraModel(net, config, "0")  # pyright: ignore[reportArgumentType]
    for name in list(config)[1:]:
        tuner.inject_adapter(net, name)
    layers: list[Any] = [module for module in net.modules() if isinstance(module, LoraLayer)]
    for name, rng in zip(config, rngs, strict=True):
        for A in (layer.lora_A[name].weight for layer in layers):
            A.data = (torch.randn(A.shape, generator=rng) / rank).to(A)

    def unload() -> None:
        tuner.unload()
        vars(net).pop("peft_config", None)

    return layers, unload


def eye(features: int, width: int, rng: torch.Generator) -> nn.Sequential:
    """What a student is told, as something to add to the embedding of the time: at first 0."""
    first, last = nn.Linear(features, width), nn.Linear(width, width)
    first.weight.data = torch.randn(first.weight.shape, generator=rng) / features**0.5
    for part in (first.bias, last.weight, last.bias):
        nn.init.zeros_(part)
    return nn.Sequential(first, nn.SiLU(), last)
