"""VSD's student: the model itself with a LoRA for each prompt, which acts on its own rows only (Hu et al. 2022)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from synoptic.models.base import Conditioning
from synoptic.models.locks import lock_of
from synoptic.utils.building import one_at_a_time

ATTENTION_LAYERS = (
    *("to_q", "to_k", "to_v", "to_out.0"),
    *("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"),  # of the words' own stream
    *("to_qkv_mlp_proj", "to_out"),  # of FLUX.2, where attention and MLP are one layer
)
TIME_EMBEDDINGS = (  # one a network: of U-Nets, SD 3, FLUX.1 and Qwen-Image, FLUX.2, Z-Image, PixArt, Sana
    *("time_embedding", "time_text_embed", "time_guidance_embed", "t_embedder", "adaln_single.emb", "time_embed.emb"),
)

first_indices = count(step=2**20)  # of each LoRAStudent: several may be on one network, each with rows of its own


class BatchedLoRA(nn.Module):
    """The adapters that every student has beside one linear layer: B A h, its own for each row.

    All rows are two products, where peft's layers take one adapter after another. A ~ N(0, 1/rank²), drawn from the
    students' generators, and B = 0: at first an adapter does nothing.
    """

    def __init__(self, layer: nn.Linear, rngs: Sequence[torch.Generator], rank: int) -> None:
        super().__init__()
        self.A = nn.Parameter(
            torch.stack([torch.randn(rank, layer.in_features, generator=rng, dtype=torch.float32) for rng in rngs]) / rank
        )
        self.B = nn.Parameter(torch.zeros(len(rngs), layer.out_features, rank, dtype=torch.float32))

    def forward(self, h: Tensor, which: Tensor) -> Tensor:
        """Map h (n, length, in) of the students `which` (n,) to (n, length, out)."""
        return h.to(self.A) @ self.A[which].mT @ self.B[which].mT


class LoRAStudent(nn.Module):
    """Adapters of `net`, a diffusers network such as `model.network`, one a prompt; generator k draws where LoRA k begins.

    `add_student_branch` adds the branch "student" to those of a model, and `predict_branches` then asks for it in the same
    calls. Every other row, and every other use of the net, passes the net's own layers alone: the base, to the bit. The
    adapters are float32, or wider where the net is. With `features` > 0 each student is also conditioned on so many numbers,
    a camera or a class, whose embedding, at first 0, is added to that of the time. `remove` takes all of it off the net.

    Raises ValueError where rank is below 1, features below 0, or rngs is empty.
    """

    @one_at_a_time
    def __init__(self, net: ModelMixin, rngs: Sequence[torch.Generator], *, rank: int = 4, features: int = 0) -> None:
        super().__init__()
        if rank < 1 or features < 0:
            raise ValueError(f"rank must be at least 1 and features at least 0, not {rank} and {features}")
        if not rngs:
            raise ValueError("a net needs at least 1 student: give a generator for each prompt")
        layers = [
            module
            for name, module in net.named_modules()
            if name.endswith(ATTENTION_LAYERS) and isinstance(module, nn.Linear)
        ]
        time_embedding = next(module for name, module in net.named_modules() if name in TIME_EMBEDDINGS)
        *_, last = (part for part in time_embedding.modules() if isinstance(part, nn.Linear))
        self.loras = nn.ModuleList([BatchedLoRA(layer, rngs, rank) for layer in layers])
        self.feature_embeddings = nn.ModuleList(
            [feature_embedding(features, last.out_features, rng) for rng in rngs] if features else []
        )
        self.to(net.device, torch.promote_types(net.dtype, torch.float32))
        self.first_index, self.count = next(first_indices), len(rngs)
        self._clear_rows()
        self.lock = lock_of(net)
        pairs = zip(layers, self.loras, strict=True)
        with self.lock:
            self._hooks = [layer.register_forward_hook(partial(self._add_lora, lora)) for layer, lora in pairs]
            self._hooks.append(net.register_forward_pre_hook(self._read_rows, prepend=True, with_kwargs=True))
            self._hooks.append(net.register_forward_pre_hook(drop_rows, with_kwargs=True))  # once every student has read
            self._hooks.append(net.register_forward_hook(self._clear_rows, always_call=True))
            self._hooks.append(time_embedding.register_forward_hook(self._add_features))

    def add_student_branch(
        self, conds: Mapping[str, Conditioning], camera_features: Tensor | None = None
    ) -> dict[str, Conditioning]:
        """Return the branches and the student's, which has the conditioning of "cond": one row a prompt.

        camera_features: what the student is conditioned on besides (B, F). Keys and values that were computed before are
        left out: the students' adapters have theirs.
        """
        n = len(conds["cond"])
        none = torch.full((n,), -1)
        base = {
            name: replace(cond, text_keys=None, camera_features=camera_features, student_index=none)
            for name, cond in conds.items()
        }
        return base | {"student": replace(base["cond"], student_index=self.first_index + torch.arange(n))}

    def remove(self) -> None:
        """Give the net back as it was."""
        with self.lock:
            for hook in self._hooks:
                hook.remove()

    def _read_rows(self, net: nn.Module, args: tuple, kwargs: dict) -> None:
        """Read which rows are its own: from what a U-Net is given besides, or from arguments that a transformer lacks."""
        given = kwargs | (kwargs.get("added_cond_kwargs") or {})
        self._clear_rows()
        if given.get("student_index") is not None:
            which = given["student_index"].cpu() - self.first_index
            rows = ((which >= 0) & (which < self.count)).nonzero()[:, 0]
            self.rows, self.which = rows.to(net.device), which[rows].to(net.device)
            self.camera_features = given.get("camera_features")

    def _clear_rows(self, *_: object) -> None:
        """Forget the rows of students, so that none of the net's layers has any when something else asks them."""
        self.rows = self.which = torch.empty(0, dtype=torch.long)
        self.camera_features: Tensor | None = None

    def _add_lora(self, lora: nn.Module, layer: nn.Module, args: tuple[Tensor], out: Tensor) -> Tensor:
        if not len(self.rows):
            return out
        return out.index_add(0, self.rows, lora(args[0][self.rows], self.which).to(out))

    def _add_features(self, embedding: nn.Module, args: tuple, out: Tensor) -> Tensor:
        if self.camera_features is None or not self.feature_embeddings:
            return out
        for k, part in enumerate(self.feature_embeddings):
            mine = self.rows[self.which == k]
            if len(mine):
                features = self.camera_features[mine.to(self.camera_features.device)].to(next(part.parameters()))
                out = out.index_add(0, mine, part(features).to(out))
        return out


def drop_rows(net: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """Take away the arguments that a transformer lacks."""
    return args, {name: value for name, value in kwargs.items() if name not in ("student_index", "camera_features")}


def feature_embedding(features: int, width: int, rng: torch.Generator) -> nn.Sequential:
    """Return what embeds a student's features, to be added to the embedding of the time: at first 0."""
    first, last = nn.Linear(features, width), nn.Linear(width, width)
    first.weight.data = torch.randn(first.weight.shape, generator=rng, dtype=torch.float32) / features**0.5
    for part in (first.bias, last.weight, last.bias):
        nn.init.zeros_(part)
    return nn.Sequential(first, nn.SiLU(), last)
