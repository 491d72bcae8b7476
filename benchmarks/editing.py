"""What the recipes for one picture do to held-out renders: noise laboratory, SDEdit's starts, inpainting, inversion.

PYTHONPATH=. python benchmarks/editing.py {denoise,starts,inpaint,invert} [--count N] [--out DIR]
Prints a tab-separated table, means ± one standard error, and draws a figure. Minutes on a GPU, a quarter of an hour each on
two cores.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad

from bundled_training.evaluate.renders import Renders, held_out
from synoptic import io
from synoptic.diffusion import solvers
from synoptic.diffusion.equations import Time, add_noise, randn
from synoptic.diffusion.schedules import get_clip
from synoptic.guidance.cfg import Predict, cfg
from synoptic.io.blending import REACH, composite, downsample_mask
from synoptic.metrics.base import mean_error
from synoptic.metrics.clip import Clip
from synoptic.metrics.fidelity import perceptual_distance, psnr
from synoptic.models.base import Denoiser
from synoptic.models.load import load
from synoptic.sampling.baselines import best_gaussian_denoise, gaussian_denoise, strided_pairs
from synoptic.sampling.inpaint import inpaint
from synoptic.sampling.invert import invert
from synoptic.sampling.sdedit import sdedit
from synoptic.sampling.single import sample

Row = tuple[str, ...]
SEED, STEPS, GUIDANCE = 5, 25, 3.0
NOISES = 4  # that a render is edited from, as one noise says little of a mean
COURSE = (1, 3, 5, 7, 10, 20)
PATHS = {"ddim": (4, 8, 12, 16, 20, 24), "course": (5, 10, 15, 20, 25, 30)}  # and six starts of each, evenly spread


def formatted(values: Iterable[float], digits: int = 2) -> str:
    mean, error = mean_error(values)
    return f"{mean:.{digits}f} ± {error:.{digits}f}"


def given(count: int, side: int) -> tuple[Tensor, list[str]]:
    """Renders (N, 3, side, side) in [-1, 1], as 8 bits hold them, and their captions."""
    every = held_out(count, SEED)
    pictures = Renders(torch.device("cpu"))(every, side, SEED)
    return (pictures * 255).round() / 127.5 - 1, [spec.caption for spec in every]


def generators(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(k + 1) for k in range(count)]


def guided(m: Denoiser, prompts: Sequence[str], scale: float = 1.0) -> Predict:
    return cfg(m, prompts, scale, clip=get_clip("auto", m.schedule))


def coded(code: Callable[[Tensor], Tensor], x: Tensor, m: Denoiser) -> Tensor:
    return torch.cat([code(some.to(m.device)) for some in x.split(8)])


def scores(clip_model: Clip, x: Tensor, prompts: Sequence[str]) -> list[float]:
    return clip_model(io.to_pil(x), prompts).diagonal().tolist()


def kept(x: Tensor, reference: Tensor) -> list[float]:
    return [psnr(a, b) for a, b in zip(io.to_pil(x), io.to_pil(reference), strict=True)]


def denoise(count: int, out: Path) -> Iterable[Row]:
    """PSNR to the clean picture, and the CLIP model's cosine with its caption."""
    m, clip_model = load("bundled-if"), Clip("bundled")
    s, (clean, prompts) = m.schedule, given(count, m.shape[-1])
    predict = guided(m, prompts)
    yield "t", "method", "PSNR, dB", "score", "better than the best blur in PSNR"
    for t in (250, 500, 750):
        rngs = generators(count)
        noisy = add_noise(s, clean, randn(clean.shape[1:], rngs), t)
        blurred = torch.cat([best_gaussian_denoise(a[None], b[None])[0] for a, b in zip(noisy, clean, strict=True)])
        found = {"blur 5, sigma 2": gaussian_denoise(noisy), "best blur": blurred}
        found["one step"] = predict(noisy.to(m.device), t).x0
        path = strided_pairs(t, 30, s.final_time)
        *_, last = sample(predict, s, noisy.to(m.device), steps=path, solver=solvers.get_solver("ddpm"), rngs=rngs)
        found["iterative"] = last.x
        best = kept(blurred, clean)
        for name, x in found.items():
            near = kept(x.cpu(), clean)
            more = sum(a > b for a, b in zip(near, best, strict=True))
            yield str(t), name, formatted(near, 1), formatted(scores(clip_model, x, prompts), 3), f"{more} of {count}"


def starts(count: int, out: Path) -> Iterable[Row]:
    """Each render to the next one's caption: identity distance (clip-grayscale), PSNR, the CLIP's cosine with that caption.

    Twice: 25 steps of DDIM, and the course's, DDPM's from 990 by 30. Every render is edited from four noises, the same
    at each start; errors are over the renders.
    """
    m, clip_model, shape = load("bundled"), Clip("bundled"), Clip("bundled-grayscale")
    s, (source, captions) = m.schedule, given(count, 256)
    x0, prompts = coded(m.encode, source, m).repeat(NOISES, 1, 1, 1), (captions[1:] + captions[:1]) * NOISES
    predict, before = guided(m, prompts, GUIDANCE), io.to_pil(source) * NOISES
    ways = {"ddim": solvers.timestep_pairs("ddim", s, STEPS), "course": strided_pairs(end=s.final_time)}
    yield "steps", "start", "t", "distance", "PSNR, dB", "score"
    for way, steps in ways.items():
        solve, spread = solvers.get_solver("ddpm" if way == "course" else "ddim"), PATHS[way]
        means: dict[int, tuple[float, float]] = {}
        for start in sorted({*COURSE, *spread}):
            *_, last = sdedit(predict, s, x0, steps=steps, start=start, solver=solve, rngs=generators(count * NOISES))
            x = io.to_pil(coded(m.decode, last.x, m).cpu())
            pairs = list(zip(x, before, strict=True))
            far, near = ([each(a, b) for a, b in pairs] for each in (partial(perceptual_distance, shape), psnr))
            fits = clip_model(x, prompts).diagonal().tolist()
            far, near, fits = (by_render(values) for values in (far, near, fits))
            means[start] = mean_error(far)[0], mean_error(fits)[0]
            yield way, str(start), f"{steps[start][0]}", formatted(far), formatted(near, 1), formatted(fits, 3)
        for name, some in {"the course's": COURSE, "evenly spread": spread}.items():
            noise = [-float(start) for start in some]
            ranks = [rank_correlation(noise, [means[start][k] for start in some]) for k in (0, 1)]
            yield way, f"rank correlation with the noise, {name}", "", f"{ranks[0]:.2f}", "", f"{ranks[1]:.2f}"
        io.save_image(out / f"starts-{way}.png", plot({steps[start][0]: pair for start, pair in means.items()}), {})


def by_render(values: Sequence[float]) -> list[float]:
    """The mean over the noises, of each render."""
    return torch.tensor(values, dtype=torch.float64).view(NOISES, -1).mean(0).tolist()


def filled(count: int, out: Path) -> Iterable[Row]:
    """The center quarter painted anew: the jump at its edge over that inside, and the CLIP model's cosine with the prompt.

    Of the filled region alone, and of the whole picture, each over that of plain generation from the same noise.
    """
    m, clip_model = load("bundled"), Clip("bundled")
    s, (x, captions) = m.schedule, given(count, 256)
    known, hole = coded(m.encode, x, m), pad(torch.ones(1, 1, 128, 128), [64] * 4)
    steps, coarse = solvers.timestep_pairs("ddim", s, STEPS), downsample_mask(hole, m.factor).to(m.device)
    parts = {"region": (..., slice(64, 192), slice(64, 192)), "whole": ...}
    yield "prompt", "how", "jump", "largest", "median", "score of the region", "of plain", "of the whole", "of plain"
    shown, rows = [*x[:8]], []
    for whose, prompts in {"its own": captions, "another's": captions[1:] + captions[:1]}.items():
        predict, noise = guided(m, prompts, GUIDANCE), randn(m.shape, generators(count)).to(m.device)
        *_, last = sample(predict, s, noise, steps=steps)
        plain = coded(m.decode, last.x, m).cpu()
        base = [sum(scores(clip_model, plain[part], prompts)) / count for part in parts.values()]
        for reach in (0.0, REACH):
            *_, last = inpaint(predict, s, noise, known, coarse, steps=steps, reach=reach, rngs=generators(count))
            painted = coded(m.decode, last.x, m).cpu()
            ways = {f"reach {reach:g}, pasted": 0.0, f"reach {reach:g}, carried": REACH}
            made = {name: composite(painted, x, hole, way) for name, way in ways.items()}
            for name, u in {f"reach {reach:g}, not pasted": painted, **made}.items():
                jump = [jumps(one, hole) for one in u]
                fits = [scores(clip_model, u[part], prompts) for part in parts.values()]
                over = [f"{mean_error(f)[0] / b:.2f}" for f, b in zip(fits, base, strict=True)]
                formatted_fits = [formatted(f, 3) for f in fits]
                middle = sorted(jump)[len(jump) // 2]
                yield (whose, name, formatted(jump), f"{max(jump):.2f}", f"{middle:.2f}",
                       formatted_fits[0], over[0], formatted_fits[1], over[1])  # fmt: skip
            shown += [*made[f"reach {reach:g}, pasted"][:8], *made[f"reach {reach:g}, carried"][:8]]
            rows += [f"{whose}, reach {reach:g}, {how}" for how in ("pasted", "carried")]
    yield "", "the renders themselves", formatted([jumps(one, hole) for one in x]), "", "", "", "", "", ""
    labels = [name for name in ("render", *rows) for _ in range(8)]
    io.save_image(out / "inpaint.png", io.image_grid(io.to_pil(torch.stack(shown)), labels[: len(shown)], 8, cell=128), {})


def jumps(x: Tensor, hole: Tensor) -> float:
    """The mean |difference| of neighbors across the hole's edge, over that of neighbors inside it. x (3, H, W)."""
    across, inside = [], []
    for u, h in ((x, hole[0, 0]), (x.mT, hole[0, 0].mT)):
        step = u.diff(dim=-1).abs().mean(0)
        across.append(step[h[:, 1:] != h[:, :-1]])
        inside.append(step[(h[:, 1:] * h[:, :-1]).bool()])
    return (torch.cat(across).mean() / torch.cat(inside).mean()).item()


def inverted(count: int, out: Path) -> Iterable[Row]:
    """Inversion and sampling at scale 1: PSNR to the autoencoder's own picture."""
    m = load("bundled", dtype="float32")
    s, (x, _) = m.schedule, given(count, 256)
    z, predict = coded(m.encode, x, m), guided(m, [""] * count)
    own, steps = coded(m.decode, z, m).cpu(), solvers.timestep_pairs("ddim", s, 50)
    yield "refine", "PSNR, dB", "least"
    for refine in (0, 2):
        *_, up = invert(predict, s, z, steps=steps, refine=refine)
        *_, down = sample(predict, s, up.x, steps=steps)
        found = kept(coded(m.decode, down.x, m).cpu(), own)
        yield str(refine), formatted(found, 1), f"{min(found):.1f}"


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's, of numbers without ties."""
    ranks = torch.tensor([a, b], dtype=torch.float64).argsort().argsort().double()
    return torch.corrcoef(ranks)[0, 1].item()


def plot(means: Mapping[Time, tuple[float, float]]) -> Image.Image:
    """Distance to the source and score of the new prompt over the time noised to, each over its largest."""
    lines = {}
    for k, name in enumerate(("distance to the source", "score of the new prompt")):
        largest = max(pair[k] for pair in means.values())
        lines[f"{name} / {largest:.2f}"] = [(float(t), pair[k] / largest) for t, pair in sorted(means.items())]
    return io.plot_lines(lines, "time that the picture is noised to", "each over its largest")


STUDIES = {"denoise": denoise, "starts": starts, "inpaint": filled, "invert": inverted}


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--count", type=int, default=50, help="held-out renders")
    parser.add_argument("--out", type=Path, default=Path("outputs/editing"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    lines = []
    for row in STUDIES[args.study](args.count, args.out):
        lines.append("\t".join(row))
        print(lines[-1], flush=True)
    (args.out / f"{args.study}.tsv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
