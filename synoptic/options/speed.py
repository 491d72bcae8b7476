"""What makes a wide picture faster: exactly (compiled, several GPUs) or approximately, each by name and off by default."""

from __future__ import annotations

import math
from typing import Annotated, Any

from synoptic.distributed import is_distributed
from synoptic.errors import InputError, check_at_least, check_at_most
from synoptic.models.registry import Checkpoint

Compile = Annotated[
    bool, "compile the network for the GPU: a minute at the first run of a size, then up to 1.4 times as fast"
]
GuidanceInterval = Annotated[
    list[float] | None, "guide only from one share of the steps to another: 0.2 0.8, for example, for a fifth less work"
]
Cache = Annotated[
    int | None,
    "run the whole network at every so many-th step only, in between its outermost level with what lay below it"
    " (DeepCache; default: 1, off)",
]
Fast = Annotated[
    bool,
    "half the steps by dpm++, windows half a window apart, the last fifth unguided, --cache 2 (unless --steps, --stride,"
    " --guidance-interval or --cache say else)",
]
UNGUIDED_END = [0.0, 0.8]


def settle_speed(source: Checkpoint, settings: dict[str, Any], given: dict[str, Any]) -> None:
    """Check the options of speed, and let --fast fill in what was not given. Raises InputError on a broken rule."""
    if settings["guidance_interval"] is not None:
        share = settings["guidance_interval"]
        if len(share) != 2 or not 0 <= share[0] < share[1] <= 1:
            told = " ".join(map(str, share))
            raise InputError(f"--guidance-interval is two shares of the steps, 0 <= from < to <= 1, not {told}: try 0.2 0.8")
    if settings["coherence"] and is_distributed():
        raise InputError("--coherence compares every window with one, which one process has: leave it away, or torchrun")
    if settings["cache"] is None:
        settings["cache"] = min(2, settings["steps"]) if settings["fast"] and not whole(settings) else 1
    check_cache(settings)
    if not settings["fast"]:
        return
    if settings["eta"]:
        raise InputError(f"--fast takes the steps of dpm++, which has no --eta; {settings['eta']} was given: leave one away")
    settings["sampler"] = "dpm++"
    if given["steps"] is None:
        settings["steps"] = fewer(settings["steps"])
    if settings["guidance_interval"] is None:
        settings["guidance_interval"] = UNGUIDED_END
    if given["stride"] is None and settings["windows"] == "dense":
        settings["stride"] = source.native_size // source.factor // 2


def check_cache(settings: dict[str, Any]) -> None:
    """Check --cache. Raises InputError on a broken rule."""
    every = settings["cache"]
    check_at_least("--cache", every, 1)
    if every == 1:
        return
    check_at_most("--cache, of so many --steps,", every, settings["steps"])
    if why := whole(settings):
        raise InputError(f"--cache {why}: leave one away")


def whole(settings: dict[str, Any]) -> str:
    """Why a network must run whole at every step, if it must."""
    if settings["windows"] in ("shifted", "thinning"):
        return f"keeps what was at a window's place, --windows {settings['windows']} move"
    if settings["compile"] or settings["coherence"]:
        other = "--compile" if settings["compile"] else "--coherence"
        return f"runs parts of a network, {other} needs it whole at every step"
    return ""


def fewer(steps: int) -> int:
    """How many steps of dpm++ do what so many of ddim do."""
    return math.ceil(steps / 2)
