"""The training loop that all stages share: bf16, EMA, a cosine over a given time, resumable, on one or several GPUs."""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from synoptic.models.device import choose_dtype

SAVE_SECONDS = 150.0  # between two checkpoints
foreach: Any = torch  # its multi-tensor functions have private names
LOOK_EVERY = 20  # steps between two looks at the clock, which all GPUs must agree on


def autocast(device: torch.device) -> Any:
    """Compute in bf16, but on a CPU without hardware for it, where that takes many times longer than float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=choose_dtype("auto", device, "bfloat16") == torch.bfloat16)


@dataclass(frozen=True)
class Stage:
    """What a command line asks of a stage, and where it runs."""

    name: str
    work: Path
    minutes: float
    count: int
    batch: int
    seed: int
    tiny: bool
    init: Path | None
    started: float
    rank: int = 0
    ranks: int = 1

    @property
    def device(self) -> torch.device:
        return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")

    @property
    def first(self) -> bool:
        return self.rank == 0

    @property
    def family(self) -> Path:
        """Where the finished directories go."""
        return self.work / "family"

    def log(self, **facts: Any) -> None:
        if self.first:
            shown = (f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in facts.items())
            print("\t".join([self.name, *shown]), flush=True)

    def begin(self, module: Any) -> Any:
        """The module on this device, with the weights of --init if given: a directory that from_pretrained reads."""
        if self.init:
            module.load_state_dict(type(module).from_pretrained(self.init).state_dict())
        return module.to(self.device, memory_format=torch.channels_last).train()

    def autocast(self) -> Any:
        return autocast(self.device)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compiled on a GPU (the cache lies in the work folder); as it is on a CPU, where that does not pay."""
        return torch.compile(function, dynamic=False) if self.device.type == "cuda" and not self.tiny else function


def stage(name: str, *, minutes: float, count: int, batch: int, about: str) -> Stage:
    """Read the command line of a stage, and join the other GPUs if torchrun started several."""
    p = argparse.ArgumentParser(prog=f"python -m bundled_training.train.{name.replace('-', '_')}", description=about)
    p.add_argument(
        "--work", type=Path, default=Path("bundled_training/work"), help="checkpoints, previews and the finished family"
    )
    p.add_argument("--minutes", type=float, default=minutes, help="how long it may take, rendering and compiling included")
    p.add_argument("--count", type=int, default=count, help="pictures to render, on each GPU")
    p.add_argument("--batch", type=int, default=batch, help="pictures a step, on each GPU")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--init", type=Path, help="start from the weights of this directory")
    p.add_argument("--tiny", action="store_true", help="three steps on a handful of pictures: does it run?")
    a, started = p.parse_args(), time.monotonic()
    if a.tiny:
        a.count, a.batch = 6, 4
    rank, ranks = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str((a.work / "compiled").absolute()))
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    if ranks > 1:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    torch.set_float32_matmul_precision("high")
    torch._dynamo.config.suppress_errors = True  # what cannot be compiled runs as it is
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(a.seed * 1000 + rank)
    return Stage(name, a.work, a.minutes, a.count, a.batch, a.seed, a.tiny, a.init, started, rank, ranks)


def own(**defaults: Any) -> argparse.Namespace:
    """Take the options that only one stage has off the command line; their defaults say of which type they are."""
    p = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name, value in defaults.items():
        p.add_argument(f"--{name}", type=type(value), default=value)
    taken, sys.argv[1:] = p.parse_known_args()
    return taken


class Average:
    """Exponential moving average of a module's parameters: `module` is the averaged copy."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.live, self.decay, self.steps = list(module.parameters()), decay, 0
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.mean = list(self.module.parameters())

    @torch.no_grad()
    def update(self) -> None:
        self.steps += 1
        foreach._foreach_lerp_(self.mean, self.live, 1 - min(self.decay, (1 + self.steps) / (10 + self.steps)))


def train(
    stage: Stage,
    module: nn.Module,
    loss: Callable[[float], tuple[Tensor, dict[str, Tensor]]],
    finish: Callable[[nn.Module], None],
    *,
    lr: float,
    decay: float = 0.999,
    weight_decay: float = 0.01,
    betas: tuple[float, float] = (0.9, 0.99),
    warmup: int = 200,
    end: float = 0.01,
) -> nn.Module:
    """Minimise `loss(progress)`, progress in [0, 1], for stage.minutes; returns the averaged module.

    The rate falls to the share `end` of `lr`: to next to nothing, unless another leg goes on from there.

    `finish` writes the averaged module where it belongs, at every checkpoint, so that a killed stage leaves something
    usable. Started again with the same work folder, a stage goes on from its checkpoint; a finished one only loads it.
    """
    average = Average(module, decay)
    opt = torch.optim.AdamW(
        module.parameters(), lr=lr, betas=betas, weight_decay=weight_decay, fused=stage.device.type == "cuda"
    )
    store = Checkpoint(stage.work / "checkpoints" / stage.name, module, average, opt)
    step, spent = store.load()
    if stage.ranks > 1:
        with torch.no_grad():
            for weights in (average.live, average.mean):
                in_one_message(weights, lambda flat: dist.broadcast(flat, 0))
    limit = stage.minutes * 60
    start, saved, seen = stage.started - spent, spent, {}
    done = spent >= limit and step > 0
    pace = (step, spent)
    while not done:
        if step % LOOK_EVERY == 0 or stage.tiny:
            spent = _agree(time.monotonic() - start, stage)
        progress = min(1.0, spent / limit)
        for group in opt.param_groups:
            group["lr"] = lr * min(1.0, (step + 1) / warmup) * _cosine(progress, end)
        value, facts = loss(progress)
        value.backward()
        _share_gradients(module, stage)
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        opt.step()
        opt.zero_grad(set_to_none=True)
        average.update()
        step += 1
        for key, fact in {"loss": value, **facts}.items():
            seen.setdefault(key, []).append(fact.detach())
        if step % 200 == 0 or stage.tiny:
            speed = (step - pace[0]) * stage.batch * stage.ranks / max(1e-6, spent - pace[1])
            pace = (step, spent)
            means = {key: torch.stack(values).mean().item() for key, values in seen.items()}
            stage.log(step=step, seconds=round(spent), pictures=step * stage.batch * stage.ranks, **means, per_second=speed)
            seen = {}
        done = spent >= limit or (stage.tiny and step >= 3)
        if stage.first and (done or spent - saved > SAVE_SECONDS):
            store.save(step, max(spent, limit) if done else spent, stage)
            finish(average.module)
            saved = spent
    if stage.ranks > 1:
        dist.barrier()
    return average.module


def _cosine(progress: float, end: float = 0.01) -> float:
    """1 for the first fifth, then a half cosine down to `end`."""
    return end + (1 - end) * (0.5 + 0.5 * math.cos(math.pi * max(0.0, progress - 0.2) / 0.8))


def _agree(seconds: float, stage: Stage) -> float:
    """The first GPU's clock, so that all follow one schedule."""
    if stage.ranks == 1:
        return seconds
    clock = torch.tensor(seconds, device=stage.device, dtype=torch.float64)
    dist.broadcast(clock, 0)
    return clock.item()


def _share_gradients(module: nn.Module, stage: Stage) -> None:
    """The mean of all GPUs' gradients, in one message."""
    if stage.ranks > 1:
        in_one_message(
            [p.grad for p in module.parameters() if p.grad is not None], lambda flat: dist.all_reduce(flat.div_(stage.ranks))
        )


def in_one_message(tensors: Sequence[Tensor], send: Callable[[Tensor], object]) -> None:
    """Change tensors in place as one flat, contiguous message."""
    flat = torch.cat([t.reshape(-1) for t in tensors])
    send(flat)
    parts = flat.split([t.numel() for t in tensors])
    foreach._foreach_copy_(list(tensors), [part.view(t.shape) for part, t in zip(parts, tensors, strict=True)])


class Checkpoint:
    """Module, average and optimizer as one safetensors file, with the step and the seconds in its header."""

    def __init__(self, path: Path, module: nn.Module, average: Average, opt: torch.optim.Optimizer) -> None:
        self.path, self.module, self.average, self.opt = path.with_suffix(".safetensors"), module, average, opt

    def save(self, step: int, seconds: float, stage: Stage) -> None:
        parts = {f"module.{k}": v for k, v in self.module.state_dict().items()}
        parts |= {f"average.{k}": v for k, v in self.average.module.state_dict().items()}
        for name, p in self.module.named_parameters():
            if p in self.opt.state:
                parts |= {f"{kind}.{name}": self.opt.state[p][kind] for kind in ("exp_avg", "exp_avg_sq")}
        facts = {"step": step, "seconds": seconds, "pictures": step * stage.batch * stage.ranks}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".part")
        save_file(
            {k: v.clone(memory_format=torch.contiguous_format) for k, v in parts.items()},
            fresh,
            metadata={"facts": json.dumps(facts)},
        )
        fresh.replace(self.path)
        self.path.with_suffix(".json").write_text(json.dumps(facts | {"minutes": stage.minutes, "gpus": stage.ranks}))

    def load(self) -> tuple[int, float]:
        """(steps done, seconds spent): (0, 0) without a checkpoint."""
        if not self.path.exists():
            return 0, 0.0
        with safe_open(self.path, "pt") as f:
            facts = json.loads(f.metadata()["facts"])
        parts = load_file(self.path)
        self.module.load_state_dict({k.removeprefix("module."): v for k, v in parts.items() if k.startswith("module.")})
        self.average.module.load_state_dict(
            {k.removeprefix("average."): v for k, v in parts.items() if k.startswith("average.")}
        )
        self.average.steps = facts["step"]
        for name, p in self.module.named_parameters():
            if f"exp_avg.{name}" in parts:
                moments = {kind: parts[f"{kind}.{name}"].to(p) for kind in ("exp_avg", "exp_avg_sq")}
                self.opt.state[p] = {"step": torch.tensor(float(facts["step"])), **moments}
                if p.is_cuda:
                    self.opt.state[p]["step"] = self.opt.state[p]["step"].to(p.device)
        return facts["step"], facts["seconds"]


class Words:
    """Captions as token rows, each distinct caption once; `ids[k]` is the row of picture k."""

    def __init__(self, tokenizer: Any, captions: list[str], device: torch.device) -> None:
        distinct = sorted(set(captions))
        number = {caption: i for i, caption in enumerate(distinct)}
        self.tokenizer, self.device = tokenizer, device
        self.tokens = self.rows(distinct)
        self.ids = torch.tensor([number[caption] for caption in captions], device=device)
        self.empty = self.rows([""])

    def rows(self, captions: Iterable[str]) -> Tensor:
        length = self.tokenizer.model_max_length
        return torch.tensor(
            self.tokenizer(list(captions), padding="max_length", truncation=True, max_length=length)["input_ids"],
            device=self.device,
        )

    def __getitem__(self, pictures: Tensor) -> Tensor:
        return self.tokens[self.ids[pictures]]

    def dropped(self, pictures: Tensor, rate: float = 0.1) -> Tensor:
        """The pictures' rows, some of them emptied: what classifier-free guidance needs."""
        drop = torch.rand(len(pictures), 1, device=self.device) < rate
        return torch.where(drop, self.empty, self[pictures])


def sheet(pictures: Tensor, path: Path, columns: int = 12) -> None:
    """Pictures (N, 3, S, S) in [0, 1] as one PNG."""
    from PIL import Image

    n, _, h, w = pictures.shape
    pictures = torch.cat([pictures.float().cpu(), torch.ones(-n % columns, 3, h, w)]).clamp(0, 1)
    grid = pictures.unflatten(0, (-1, columns)).permute(0, 3, 1, 4, 2).reshape(-1, columns * w, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((grid * 255 + 0.5).byte().numpy()).save(path)
