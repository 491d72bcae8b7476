"""The names of version 0.0 that are others now, and what answers a name that there is not."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

RENAMED_COMMANDS = {"dream": "text-to-3d", "condition": "control-map", "train-control": "train-controlnet"}
RENAMED = {  # the options of version 0.0, in Python's spelling
    "guidance": "guidance_scale",
    "negative": "negative_prompt",
    "level": "noise_level",
    "augment": "noise_augmentation",
    "loop": "circular",
    "travel": "prompt_travel",
    "layout": "progressive",
    "coherence": "syncdiffusion_weight",
    "coherence_steps": "syncdiffusion_steps",
    "coherence_every": "syncdiffusion_every",
    "coherence_by": "syncdiffusion_metric",
    "anchor": "syncdiffusion_anchor",
    "cache": "deepcache",
    "canvas": "view_space",
    "start": "init_noise",
    "residual": "vae_residual",
    "balance": "equalize_guidance",
    "search": "seed_search",
    "judge": "clip_model",
    "wordless": "caption_dropout",
    "slim": "no_attention",
    "held_back": "num_validation",
    "between": "view_prompt_mix",
    "every": "preview_every",
}


def unknown_option(command: str, name: str, known: Sequence[str]) -> str:
    """Return the message for a name that is no option, with the nearest one or the name that it has now."""
    if name in RENAMED:
        return f"{name} is called {RENAMED[name]} now: write that"
    near = get_close_matches(name, known, 1)
    cure = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
    return f"{command} has no option {name}: {cure}"
