"""What every sampling recipe does before it paints: settle its settings at the door."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from synoptic.errors import InputError, check_at_least, check_at_most, check_choice, install_command, prompt_list
from synoptic.models.embeddings import check_embeddings
from synoptic.models.registry import Checkpoint, resolve

CLIPS = ("auto", "none", "static", "dynamic")
SAMPLERS = ("ddim", "ddpm", "dpm++")
AROUND = ("out", "trace")  # which do not change the pictures


def settle(given: dict[str, Any], *, together: bool = False) -> tuple[Checkpoint, dict[str, Any]]:
    """A recipe's arguments -> the model's source and the settings, defaults filled in. Raises InputError on a broken rule.

    together: several prompts share one picture, which may take another guidance.
    """
    source = resolve(given["model"])
    settings: dict[str, Any] = {k: v for k, v in given.items() if k not in AROUND} | {"prompt": prompt_list(given["prompt"])}
    defaults = source.defaults
    settings["steps"] = defaults.steps if given["steps"] is None else given["steps"]
    usual = (together and defaults.joint_guidance_scale) or defaults.guidance_scale
    settings["guidance"] = usual if given["guidance"] is None else given["guidance"]
    check_at_least("--steps", settings["steps"], 1)
    check_at_least("--guidance", settings["guidance"], 0)
    check_choice("--sampler", settings["sampler"], SAMPLERS)
    check_at_least("--eta", settings["eta"], 0)
    check_at_most("--eta", settings["eta"], 1)
    if settings["eta"] and settings["sampler"] != "ddim":
        raise InputError(
            f"--eta is the noise of ddim's steps, {settings['sampler']} has its own; {settings['eta']} was given: leave it"
        )
    check_at_least("--count", settings["count"], 1)
    check_at_least("--seed", settings["seed"], 0)
    check_choice("--clip", settings["clip"], CLIPS)
    T = source.read_json("scheduler/scheduler_config.json").get("num_train_timesteps", 1000)
    check_at_most("--steps", settings["steps"], T - 1)
    if given.get("trace") and find_spec("av") is None:
        raise InputError(f"--trace needs PyAV, which is not installed: {install_command('video')}")
    if given.get("embeddings"):
        texts = [f"{given.get('style', '')} {text}".strip() for text in settings["prompt"]]
        check_embeddings(Path(given["embeddings"]).expanduser(), source, ["", settings.get("negative", ""), *texts])
    return source, settings


def warn_unknown(source: Checkpoint, every: list[str]) -> None:
    """Say on the error stream which words a bundled model never saw."""
    if not source.is_bundled:
        return
    import sys

    from synoptic.models.vocabulary import unknown_words

    for prompt in every:
        words = unknown_words(prompt)
        if words:
            listed = ", ".join(words)
            print(f"warning: the bundled model never saw: {listed} (what it knows: synoptic models)", file=sys.stderr)
