"""A picture's settings as AUTOMATIC1111's web UI writes them, in the PNG text chunk `parameters`, which other tools read.

The prompt; "Negative prompt: …" on a line of its own; then "Steps: 25, Sampler: DDIM, …" on the last, where a value that
holds a comma, a colon or a line break stands as JSON (modules/infotext_utils.py: `quote`, `parse_generation_parameters`).
"""

from __future__ import annotations

import json

from synoptic.utils.json_objects import JsonObject

PARAMETERS_KEY = "parameters"
SAMPLERS = {"ddim": "DDIM", "ddpm": "DDPM", "dpm++": "DPM++ 2M", "lcm": "LCM", "tcd": "TCD"}


def parameters_text(settings: JsonObject, size: tuple[int, int]) -> str:
    """Return the text of a picture's settings; "" for a figure, which shows no one prompt."""
    options = settings.get("options", {})
    if "prompt" not in settings or "seed" not in settings:
        return ""
    values = {
        "Steps": options.get("steps"),
        "Sampler": SAMPLERS.get(options.get("sampler", "")),
        "CFG scale": options.get("guidance_scale"),
        "Seed": settings["seed"],
        "Size": f"{size[0]}x{size[1]}",
        "Model": options.get("model"),
        "Denoising strength": options.get("strength") if isinstance(options.get("strength"), float) else None,
        "Version": f"synoptic {settings.get('application', '')}".strip(),
    }
    lines = [settings["prompt"]]
    lines += [f"Negative prompt: {options['negative_prompt']}"] if options.get("negative_prompt") else []
    lines += [", ".join(f"{name}: {quoted(str(value))}" for name, value in values.items() if value is not None)]
    return "\n".join(lines)


def quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if any(mark in value for mark in ",\n:") else value
