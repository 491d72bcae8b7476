"""A picture painted larger: by the same settings and seed, so that it is the same picture first, and then enlarged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synoptic.errors import InputError
from synoptic.models.registry import resolve
from synoptic.options import options_class
from synoptic.options.upscaling import MATCHING
from synoptic.studio.snippets import changed

ENLARGED = ("generate", "wide")  # whose pictures can be painted larger
TIMES, REPEATED = 2, 0.1  # in either direction; the share of the steps that is repeated: of more, windows add subjects
UPSCALING = ("upscalers", "upscaler_steps", "noise_level", "fast")


def one_to_choose(application: str, options: Mapping[str, object]) -> dict[str, object]:
    """Return options of pictures to choose from: a second stage follows when the chosen one is painted larger."""
    usual: dict[str, Any] = {spec.name: spec.default for spec in options_class(application).specs()} | dict(options)
    follows = application == "generate" and usual["model"] in MATCHING and tuple(usual["upscalers"]) == ("auto",)
    return {**options, **({"upscalers": ["none"]} if follows else {})}


def larger(settings: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    """Return the application and the options that paint the picture of these settings larger.

    `generate` by a model with a second stage is followed by that stage; else `wide --progressive` begins with the same
    picture, whatever it is called. Raises InputError where neither can.
    """
    application, options = settings.get("application"), settings.get("options")
    if application not in ENLARGED or not isinstance(options, dict):
        raise InputError(f"pictures of {' and '.join(ENLARGED)} are painted larger: choose one", rule="larger-application")
    given = changed(str(application), options)
    if not options.get("prompt_travel"):
        given |= {"prompt": [settings["prompt"]]}
    given |= {"seed": settings["seed"], "count": 1}
    checkpoint = resolve(str(options["model"]))
    if application == "generate":
        if options.get("upscalers") != ["none"]:
            raise InputError(
                "this picture has been through its upscalers: send it on to edit, whose size may be larger",
                rule="larger-upscaled",
            )
        if checkpoint.name in MATCHING:
            return "generate", given | {"upscalers": ["auto"]}
    sides = [options.get(side) or checkpoint.native_size for side in ("width", "height")]
    width, height = (TIMES * side for side in sides if isinstance(side, int))
    found = {name: value for name, value in given.items() if name not in UPSCALING or application == "wide"}
    if lost := found.keys() - {spec.name for spec in options_class("wide").specs()}:
        raise InputError(f"wide has no {min(lost).replace('_', ' ')}: paint without it first", rule="larger-option")
    return "wide", found | {"width": width, "height": height, "progressive": REPEATED}
