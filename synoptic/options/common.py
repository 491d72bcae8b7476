"""The options that recipes share, each with its help: command line and web page read them from the signatures."""

from __future__ import annotations

from typing import Annotated, Literal

Prompts = Annotated[str | list[str], "what to paint, in words; several prompts give several pictures"]
Steps = Annotated[int | None, "denoising steps; more is finer and slower (default: the model's, 25 bundled, 50 others)"]
Guidance = Annotated[float | None, "classifier-free guidance scale; 1 is off (default: the model's, 5 bundled, 7.5 SD)"]
Negative = Annotated[str, "what not to paint"]
Sampler = Annotated[Literal["ddim", "ddpm", "dpm++"], "how a step is taken: ddpm is ancestral, dpm++ of second order"]
Eta = Annotated[float, "DDIM's noise per step: 0 (deterministic) to 1 (the ancestral sampler's)"]
Clip = Annotated[Literal["auto", "none", "static", "dynamic"], "keep x0 in range; auto: as the model's own scheduler does"]
Seed = Annotated[int, "noise of the first picture; picture k of --count has seed + k, whatever else is painted with it"]
Count = Annotated[int, "pictures per prompt"]
Model = Annotated[str, "bundled, bundled-if, sd1.5, sd2, sdxl, if, … (see: synoptic models), a hub id or a directory"]
Device = Annotated[str, "auto, cpu, cuda, mps, …"]
Dtype = Annotated[Literal["auto", "float32", "bfloat16", "float16", "float64"], "the network's numbers; auto: what is fast"]
Out = Annotated[str | None, "folder for the pictures and run.json (default: outputs/RECIPE/…, named after the settings)"]
Upscalers = Annotated[
    list[str] | None,
    "stages that enlarge it, 4 times each: bundled-if-ii, if-ii, sd-x4, …; auto: those for the model; none: its own size",
]
Level = Annotated[int, "noise level told to upscalers: higher keeps less of the small picture and paints more anew"]
Embeddings = Annotated[str | None, "a file by `synoptic models embed`, used in place of the model's text tower"]
Trace = Annotated[bool, "film each picture as it comes about: NAME.trace.mp4, .gif and .html (needs PyAV)"]
