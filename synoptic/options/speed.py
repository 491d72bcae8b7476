"""What makes sampling faster: exactly (compiled) or approximately, each by name and off by default."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Self

from synoptic.errors import InputError, check_at_most
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.option import UNSET, Option
from synoptic.options.pretrained_model import ModelOptions
from synoptic.options.sampling import SamplingOptions

UNGUIDED = "of classifier-free guidance, which is off at scale 1"
Compile = Annotated[
    bool, Option("compile the network for the GPU: a minute at the first run of a size, then up to 1.4 times as fast")
]


@dataclass(frozen=True, kw_only=True)
class CompileOptions(ModelOptions):
    """What is exact and takes a minute of compilation."""

    GROUP = "Speed"

    compile: Compile = False

    @property
    def weights_stay(self) -> bool:
        return super().weights_stay or self.compile


@dataclass(frozen=True, kw_only=True)
class SpeedOptions(SamplingOptions):
    """What trades exactness for time."""

    GROUP = "Speed"

    deepcache: Annotated[
        int,
        Option("run the whole network at every n-th step only, its outermost level between (default: 1, off)", at_least=1),
    ] = UNSET
    fast: Annotated[
        bool,
        Option("half the steps by dpm++, --deepcache 2 (unless --steps or --deepcache say otherwise)"),
    ] = False
    guidance_interval: Annotated[
        tuple[float, float] | None,
        Option("guide only from one share of the steps to another: 0.2,0.8 for a fifth less work", at_least=0, at_most=1),
    ] = None
    FAST_DEEPCACHE: ClassVar[int] = 2
    FAST_GUIDANCE_INTERVAL: ClassVar[tuple[float, float] | None] = None

    def takes_fewer_steps(self, checkpoint: Checkpoint) -> bool:
        """Return whether --fast changes how the model itself is asked."""
        return self.fast

    def guides(self, checkpoint: Checkpoint) -> bool:
        """Return whether any step has classifier-free guidance."""
        return self.with_guidance(checkpoint).cfg_scale != 1

    def whole_network_reason(self) -> str:
        """Return why the network must run whole at every step; "" where it need not."""
        return "--offload group needs its layers in one order at every step" if self.offload == "group" else ""

    @property
    def weights_stay(self) -> bool:
        return super().weights_stay or (self.deepcache or 1) > 1

    def resolve(self, checkpoint: Checkpoint) -> Self:
        fewer = self.takes_fewer_steps(checkpoint)
        if fewer and self.eta:
            raise InputError(
                f"--fast takes the steps of dpm++, which has no --eta; {self.eta} was given: omit one", rule="fast-eta"
            )
        steps = self.filled(steps=self.usual(checkpoint).steps).steps
        partly = fewer and checkpoint.has_unet and not self.whole_network_reason()
        self = self.filled(deepcache=min(self.FAST_DEEPCACHE, steps) if partly else 1)
        if not (guided := self.guides(checkpoint)):
            self.check_heeded("guidance_interval", where=UNGUIDED)
        if fewer:
            interval = self.FAST_GUIDANCE_INTERVAL if guided else None
            half = self.filled(steps=math.ceil(steps / 2), guidance_interval=interval)
            self = replace(half, sampler="dpm++")
        if self.guidance_interval and not self.guidance_interval[0] < self.guidance_interval[1]:
            first, last = self.guidance_interval
            raise InputError(
                f"--guidance-interval goes from a share of the steps to a later one, {first:g},{last:g} was given: try"
                " 0.2,0.8",
                rule="guidance-interval-order",
            )
        self = super().resolve(checkpoint)
        if self.deepcache > 1:
            check_at_most("--deepcache, of that many --steps,", self.deepcache, steps)
            if not checkpoint.has_unet:
                raise InputError(
                    f"--deepcache {self.deepcache} runs parts of a U-Net, {checkpoint.name} is a transformer: omit it",
                    rule="deepcache-unet",
                )
            if why := self.whole_network_reason():
                raise InputError(
                    f"--deepcache {self.deepcache} runs parts of the network, {why}: omit one", rule="deepcache-whole"
                )
        return self
