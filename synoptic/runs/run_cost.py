"""What a run takes, as numbers and as the lines of --dry-run: weights, stages, memory, work, seconds."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from synoptic.models.cost import RowCost
from synoptic.models.memory import CONTEXT_BYTES, CPU_WORKSPACE_BYTES, HEAP_BYTES, WORKSPACE_BYTES, bytes_with_gaps
from synoptic.models.placement import LINK_BYTES, resident_bytes
from synoptic.models.placement_names import Offload
from synoptic.runs.speed import StageWork

GIB = 2**30
OFFLOADS = {
    "text": "text encoders are on the device only while they embed",
    "group": "the network's layers come as they are needed, text encoders while they embed",
}


@dataclass(frozen=True)
class Stage:
    """One network's part of a run: its `work` for one item, `at_once` rows of it in one call, a native `row` of them.

    `held`: rows without gradients whose memory its largest call takes.
    """

    row: RowCost
    work: StageWork
    at_once: int
    held: int
    recorded: int = 0  # rows of the largest call that is kept as a CUDA graph

    @property
    def bytes(self) -> int:
        return self.held * (self.row.bytes + self.row.text_keys)

    def __str__(self) -> str:
        each = sorted({sum(call.rows for call in calls) for calls in self.work.calls})
        rows = f"{each[0]}" if len(each) == 1 else f"{each[0]} to {each[-1]}"
        before = sum(call.rows for call in self.work.before)
        begun = f"{before} rows to begin with, then " if before else ""
        return f"{begun}{self.work.steps} of {rows} rows a picture, {self.at_once} rows at once: {size(self.bytes)}"


@dataclass(frozen=True)
class Plan:
    """What a run takes: bytes of `weights` by part, of `stages` by network, of the `vae`; seconds where known.

    `gradients` are the bytes that its encoder keeps of one item where gradients pass it, which are there while the network
    is asked; `batch` items are sampled together.
    By `offload` some of the weights wait in the CPU's memory; `network` is the part that may be streamed. `piece` is what
    the VAE takes for the smallest piece of a picture, `mapped` what a weight file takes while it is read, `canvas` what the
    views of a batch and their canvas take beside them.
    """

    command: str
    device: torch.device
    dtype: torch.dtype
    free: int
    items: int
    weights: dict[str, int]
    stages: dict[str, Stage]
    vae: int
    batch: int
    gradients: int
    seconds: float | None
    offload: Offload
    network: str
    piece: int
    mapped: int
    canvas: int

    @property
    def resident(self) -> int:
        """Bytes of what stays on the device."""
        context = CONTEXT_BYTES if self.device.type == "cuda" else 0
        return resident_bytes(self.weights, self.network, self.offload) + context

    @property
    def embedding(self) -> int:
        """Bytes of the largest text encoder, where they come and go: it is there before any step."""
        text = [amount for name, amount in self.weights.items() if name.startswith("text_encoder")]
        return 0 if self.offload in ("none", "auto") else max(text, default=0)

    @property
    def peak(self) -> int:
        on_gpu = self.device.type == "cuda"
        kept = self.batch * self.gradients
        steps = max(bytes_with_gaps(stage.bytes + kept, self.device) for stage in self.stages.values())
        graphs = sum(stage.recorded * stage.row.bytes for stage in self.stages.values())
        left = graphs if on_gpu else min(steps, HEAP_BYTES)  # by the steps, in graphs or the heap, while the VAE codes
        workspace = WORKSPACE_BYTES if on_gpu else CPU_WORKSPACE_BYTES
        return self.resident + workspace + self.canvas + max(steps, self.vae + left, self.embedding, self.mapped)

    @property
    def least(self) -> int:
        """Bytes that it cannot do without: the weights, and one row of the largest network or a piece of a picture."""
        rows = (stage.row.bytes for stage in self.stages.values())
        return self.resident + max(self.embedding, self.mapped, self.piece, self.gradients + max(rows))

    @property
    def flops(self) -> int:
        return self.items * sum(stage.work.rows() * stage.row.flops for stage in self.stages.values())

    @property
    def streamed(self) -> int:
        """Bytes that go to the device in the whole run, where the network's layers come as they are needed."""
        if self.offload != "group" or self.device.type != "cuda":
            return 0
        calls = sum(
            -(-self.items * call.rows // stage.at_once)
            for stage in self.stages.values()
            for asked in (*stage.work.calls, stage.work.before)
            for call in asked
        )
        return self.weights[self.network] * calls

    @property
    def fits(self) -> bool:
        return self.least <= self.free

    def __str__(self) -> str:
        verdict = "fits" if self.fits else f"does not fit, at least {size(self.least)} are needed"
        lines = {
            "command": self.command,
            "device": f"{self.device} in {str(self.dtype).removeprefix('torch.')}, {size(self.free)} free",
            **{f"weights of {name}": size(amount) for name, amount in self.weights.items()},
            **{f"steps of {name}": str(stage) for name, stage in self.stages.items()},
            **({"offload": OFFLOADS[self.offload]} if self.offload in OFFLOADS else {}),
            **({"streamed": f"{size(self.streamed)}, at least {self.streamed / LINK_BYTES:.0f} s"} if self.streamed else {}),
            **({"VAE": size(self.vae)} if self.vae else {}),
            **({"gradients": f"{size(kept)}, kept by the VAE's encoder"} if (kept := self.batch * self.gradients) else {}),
            **({"canvas": size(self.canvas)} if self.canvas else {}),
            "peak": f"{size(self.peak)}: {verdict}",
            "work": f"{self.items} picture{'s' * (self.items > 1)}, {self.flops / 1e12:.3g} TFLOP",
            "time": duration(self.seconds),
        }
        width = max(map(len, lines)) + 2
        return "\n".join(f"{name:<{width}}{text}" for name, text in lines.items())


def size(amount: int) -> str:
    """Return bytes as words."""
    return f"{amount / GIB:.2f} GiB" if amount >= GIB // 10 else f"{amount / 2**20:.0f} MiB"


def duration(seconds: float | None) -> str:
    """Return seconds as words."""
    if seconds is None:
        return "not known before the first run on this machine"
    if seconds < 90:
        return f"about {seconds:.0f} s, as measured on this machine"
    return f"about {seconds / 60:.0f} min, as measured on this machine"
