"""What may be asked of CLIP's text encoders alone: layers left out, long prompts, emphasis. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Sequence

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.emphasis import EMPHASIS


def check_clip_skip(clip_skip: int, checkpoint: Checkpoint) -> None:
    """Raise InputError where more layers are left out than the smallest of the model's text encoders can lack."""
    if not clip_skip:
        return
    if not checkpoint.clip_towers:
        raise not_clip("--clip-skip", checkpoint)
    most = min(checkpoint.config(part).get("num_hidden_layers", 12) for part in checkpoint.clip_towers) - 1
    most -= len(checkpoint.clip_towers) > 1  # SDXL's begin at the penultimate layer
    if not 0 <= clip_skip <= most:
        raise InputError(
            f"--clip-skip must be between 0 and {most} for the text encoder of {checkpoint.name}, {clip_skip} was given:"
            " lower it",
            rule="clip-skip",
        )


def check_prompts_fit(checkpoint: Checkpoint, long_prompt: bool, prompts: Sequence[str]) -> None:
    """Raise InputError where a text encoder that is not CLIP's is asked for long prompts, or given emphasis."""
    if checkpoint.clip_towers:
        return
    if long_prompt:
        raise not_clip("--long-prompt", checkpoint)
    if found := next((one[0] for prompt in prompts if (one := EMPHASIS.search(prompt))), None):
        raise not_clip(f"emphasis such as {found[:40]!r}", checkpoint)


def not_clip(what: str, checkpoint: Checkpoint) -> InputError:
    return InputError(
        f"{what} is for CLIP's text encoders alone, {checkpoint.name} has another: leave it out, or choose a Stable"
        " Diffusion",
        rule="clip-only",
    )
