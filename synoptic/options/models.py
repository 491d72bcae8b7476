"""The options of `models`: there are none."""

from __future__ import annotations

from dataclasses import dataclass

from synoptic.options.base import Options


@dataclass(frozen=True, kw_only=True)
class ModelsOptions(Options):
    """List models, upscalers and ControlNets: bundled ones, aliases and their sources; what the bundled ones know.

    synoptic models
    """
