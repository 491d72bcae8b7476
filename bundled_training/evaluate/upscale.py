"""if-ii: is it closer to the truth than bicubic enlargement, is its detail like renders', do CLIP models like it better?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bundled_training.evaluate import statistics
from bundled_training.evaluate.renders import Renders, held_out
from bundled_training.evaluate.samples import Sampler, generators, seen
from bundled_training.evaluate.task import Findings, Task

STEPS, GUIDANCE, LEVEL = 20, 1.0, 0
DETAIL, ACROSS = 96, 3  # pixels of a crop, at full scale what the CLIP model sees; how many crops on a side


class Upscaler:
    """An IFSuperResolutionPipeline directory as a function of pictures, prompts and seeds, in batches."""

    def __init__(self, place: Path, device: torch.device) -> None:
        from diffusers.pipelines.deepfloyd_if.pipeline_if_superresolution import IFSuperResolutionPipeline

        self.pipeline: Any = IFSuperResolutionPipeline.from_pretrained(place, safety_checker=None, watermarker=None)
        self.pipeline.to(device)
        self.pipeline.set_progress_bar_config(disable=True)
        self.batch = 32 if device.type == "cuda" else 1

    @property
    def size(self) -> int:
        return self.pipeline.unet.config.sample_size

    def __call__(self, small: Tensor, prompts: list[str], seeds: list[int], steps: int = STEPS) -> Tensor:
        """(N, 3, 64, 64) -> (N, 3, 256, 256), both in [0, 1] on the CPU."""
        parts = []
        for start in range(0, len(small), self.batch):
            part = slice(start, start + self.batch)
            x = self.pipeline(
                prompts[part], image=small[part] * 2 - 1, generator=generators(seeds[part]), output_type="pt",
                num_inference_steps=steps, guidance_scale=GUIDANCE, noise_level=LEVEL, clean_caption=False,
            ).images  # fmt: skip
            parts.append((x.float().cpu() / 2 + 0.5).clamp(0, 1))
        return torch.cat(parts)


def bicubic(small: Tensor, size: int) -> Tensor:
    return F.interpolate(small, (size, size), mode="bicubic").clamp(0, 1)


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Decibels (N,) between pictures in [0, 1]."""
    return -10 * (a - b).square().mean((1, 2, 3)).log10()


def measure(task: Task) -> Findings:
    """Held-out renders made small and enlarged again, and stage I's own samples enlarged; errors over the pictures."""
    models = task.models("if-ii")
    count, steps = task.count(32, 2), task.count(STEPS, 2)
    every = held_out(count, task.seed + 3)
    prompts, seeds = [spec.caption for spec in every], [1_000_000 * task.seed + k for k in range(count)]
    found = Findings({"pictures": count, "steps": steps, "guidance": GUIDANCE, "noise level": LEVEL, "sampler": "DDPM"})
    found.details["prompts"] = prompts
    upscalers = {name: Upscaler(place, task.on) for name, place in models.items()}
    size = upscalers["family"].size
    real = Renders(task.on)(every, size, task.seed)
    small = F.interpolate(real, (size // 4, size // 4), mode="area")
    drawn = Sampler(task.models("if")["family"], task.device)(prompts, seeds)
    sheet = []
    for source, low in {"renders": small, "stage I's samples": drawn}.items():
        plain = bicubic(low, size)
        large = {"bicubic": plain} | {name: up(low, prompts, seeds, steps) for name, up in upscalers.items()}
        if source == "renders":
            for name, x in large.items():
                found.add("PSNR of renders, dB", name, "", statistics.mean_error(psnr(x, real)), count)
                if name != "bicubic":
                    gain = statistics.mean_error(psnr(x, real) - psnr(plain, real))
                    found.add("PSNR of renders - bicubic's, dB", name, "", gain, count)
            detail(found, task, real, large)
            large = {"real": real} | large
        sheet += large.values()
        score(found, task, prompts, source, large)
    found.sheet, found.columns = torch.stack(sheet, 1).flatten(0, 1), len(sheet)
    found.details["sheet"] = "one row a prompt: real render, then bicubic and stage II of it, then of stage I's sample"
    return found


def crops(pictures: Tensor) -> Tensor:
    """(N, 3, S, S) -> (N, 9, 3, 96, 96) at full scale: evenly spaced, to the corners."""
    step = (pictures.shape[-1] - DETAIL) // (ACROSS - 1)
    found = pictures.unfold(-2, DETAIL, step).unfold(-2, DETAIL, step)  # (N, 3, 3, 3, 96, 96): the rows, the columns
    return found.permute(0, 2, 3, 1, 4, 5).flatten(1, 2)


def between(x: Tensor, truth: Tensor) -> Callable[[Tensor], float]:
    """The Fréchet distance of crops' features (N, 9, D) to the truth's, as a function of which pictures count."""
    return lambda kept: statistics.frechet(x[kept].flatten(0, 1), truth[kept].flatten(0, 1))


def detail(found: Findings, task: Task, real: Tensor, large: dict[str, Tensor]) -> None:
    """How far crops are from the same renders' crops: in a whole picture a CLIP model of 96 pixels sees no detail.

    Errors, the differences' too, are a jackknife over the pictures.
    """
    count, groups = len(real), min(10, len(real))
    for name, clip in task.clip_models.items():
        features = {k: seen(clip, crops(x).flatten(0, 1)).unflatten(0, (count, -1)) for k, x in large.items()}
        truth = seen(clip, crops(real).flatten(0, 1)).unflatten(0, (count, -1))
        distances = {kind: between(x, truth) for kind, x in features.items()}
        plain, samples = distances["bicubic"], count * ACROSS**2
        for kind, of in distances.items():
            value = statistics.jackknife(of, count, groups)
            found.add("Fréchet distance of crops to renders'", kind, name, value, samples)
            if kind != "bicubic":
                gain = statistics.jackknife(lambda kept, of=of, plain=plain: of(kept) - plain(kept), count, groups)
                found.add("Fréchet distance of crops - bicubic's", kind, name, gain, samples)


def score(found: Findings, task: Task, prompts: list[str], source: str, large: dict[str, Tensor]) -> None:
    """Cosines with the prompts, and by how much they beat the bicubic enlargements'."""
    for name, clip in task.clip_models.items():
        texts = clip.encode_texts(prompts)
        cosines = {kind: (seen(clip, x) * texts).sum(1) for kind, x in large.items()}
        for kind, x in cosines.items():
            found.add(f"cosine of {source}", kind, name, statistics.mean_error(x), len(x))
            if kind not in ("bicubic", "real"):
                gain = statistics.mean_error(x - cosines["bicubic"])
                found.add(f"cosine of {source} - bicubic's", kind, name, gain, len(x))
