"""What makes a picture of many windows faster: exactly (compiled) or approximately, each by name and off by default."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Self

from synoptic.errors import InputError, check_at_most
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.guidance import GuidanceInterval, check_interval
from synoptic.options.option import UNSET, Option
from synoptic.options.sampling import SamplingOptions

UNGUIDED_END = (0.0, 0.8)  # the guidance interval of --fast


@dataclass(frozen=True, kw_only=True)
class SpeedOptions(SamplingOptions):
    """What trades exactness, or a minute of compilation, for time."""

    GROUP = "Speed"

    compile: Annotated[
        bool, Option("compile the network for the GPU: a minute at the first run of a size, then up to 1.4 times as fast")
    ] = False
    guidance_interval: GuidanceInterval = None
    deepcache: Annotated[
        int,
        Option("run the whole network at every n-th step only, its outermost level between (default: 1, off)", at_least=1),
    ] = UNSET
    fast: Annotated[
        bool,
        Option(
            "half the steps by dpm++, windows half a window apart, the last fifth unguided, --deepcache 2 (unless --steps,"
            " --stride, --guidance-interval or --deepcache say otherwise)"
        ),
    ] = False

    def whole_network_reason(self) -> str:
        """Return why the network must run whole at every step; "" where it need not."""
        if self.offload == "group":
            return "--offload group needs its layers in one order at every step"
        return "--compile needs the network whole at every step" if self.compile else ""

    @property
    def weights_stay(self) -> bool:
        return super().weights_stay or self.compile or (self.deepcache or 1) > 1

    def resolve(self, checkpoint: Checkpoint) -> Self:
        if self.fast and self.eta:
            raise InputError(
                f"--fast takes the steps of dpm++, which has no --eta; {self.eta} was given: omit one", rule="fast-eta"
            )
        steps = self.usual(checkpoint).steps if self.steps is None else self.steps
        usual = min(2, steps) if self.fast and checkpoint.has_unet and not self.whole_network_reason() else 1
        resolved = replace(self, deepcache=usual if self.deepcache is None else self.deepcache)
        if self.fast:
            resolved = replace(
                resolved,
                sampler="dpm++",
                steps=math.ceil(steps / 2) if self.steps is None else steps,
                guidance_interval=self.guidance_interval or UNGUIDED_END,
            )
        resolved = super(SpeedOptions, resolved).resolve(checkpoint)
        check_interval(resolved.guidance_interval)
        if resolved.deepcache > 1:
            check_at_most("--deepcache, of that many --steps,", resolved.deepcache, steps)
            if not checkpoint.has_unet:
                raise InputError(
                    f"--deepcache {resolved.deepcache} runs parts of a U-Net, {checkpoint.name} is a transformer: omit it",
                    rule="deepcache-unet",
                )
            if why := resolved.whole_network_reason():
                raise InputError(
                    f"--deepcache {resolved.deepcache} runs parts of the network, {why}: omit one", rule="deepcache-whole"
                )
        return resolved
