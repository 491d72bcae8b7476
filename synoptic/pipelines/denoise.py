"""The noise laboratory: a picture noised, and what classical and learned denoisers make of it (CS180, project 5A)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from synoptic.errors import check_at_least, check_at_most, check_choice
from synoptic.models.registry import Checkpoint
from synoptic.options.common import Clip, Device, Dtype, Embeddings, Model, Negative, Out, Sampler, Seed
from synoptic.options.input_image import GENERAL, Picture, Prompt, Size, given
from synoptic.options.resolve import settle, warn_unknown
from synoptic.runs.manifest import Run, open_run

if TYPE_CHECKING:
    from PIL.Image import Image

Times = Annotated[list[int] | None, "noise levels: times of the model, of 1000 mostly (default: 250 500 750)"]
Method = Annotated[
    list[str] | None,
    "gaussian: blurs, of kernel 5 and sigma 2, and the one nearest to the original; onestep: the model's estimate of the"
    " clean picture; iterative: the model, step by step (default: all)",
]
Stride = Annotated[int, "of the iterative denoiser: from t to t - stride, and so on to 0"]
Guidance = Annotated[float, "classifier-free guidance scale; 1 is off, which is best for estimates"]

TIMES = [250, 500, 750]
METHODS = ["gaussian", "onestep", "iterative"]
FIXED = {"steps": None, "eta": 0.0, "count": 1}


@dataclass(frozen=True)
class Bench:
    """(t, what was done, PSNR against the original in dB) a picture, and the labelled figure of all of them."""

    rows: list[tuple[int, str, float]]
    images: list[Image]
    run: Run

    def __str__(self) -> str:
        lines = ["t\tmethod\tPSNR", *(f"{t}\t{name}\t{psnr:.2f}" for t, name, psnr in self.rows)]
        return "\n".join([*lines, str(self.run.folder / "denoise.png")])


def denoise(
    image: Picture,
    prompt: Prompt = GENERAL,
    *,
    t: Times = None,
    method: Method = None,
    stride: Stride = 30,
    guidance: Guidance = 1.0,
    negative: Negative = "",
    sampler: Sampler = "ddpm",
    clip: Clip = "auto",
    size: Size = None,
    seed: Seed = 0,
    model: Model = "bundled-if",
    embeddings: Embeddings = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    out: Out = None,
) -> Bench:
    """Noise a picture and denoise it: by blurring, by the model's one-step estimate, and by the model step by step.

    synoptic denoise horse.png "a photo of a horse" --t 250 500 750 --method gaussian onestep
    """
    source, settings = settle(FIXED | locals())
    check(source, settings)
    picture = given(source, settings)
    run = open_run("denoise", {name: value for name, value in settings.items() if name not in FIXED}, out)
    picture.keep(run)
    warn_unknown(source, settings["prompt"])

    import torch

    from synoptic import io
    from synoptic.diffusion import solvers
    from synoptic.diffusion.equations import add_noise, randn
    from synoptic.diffusion.schedules import get_clip
    from synoptic.guidance.cfg import cfg
    from synoptic.metrics.fidelity import psnr
    from synoptic.runs.execute import opened
    from synoptic.runs.progress import bar
    from synoptic.sampling.baselines import best_gaussian_denoise, gaussian_denoise, strided_pairs
    from synoptic.sampling.joint import joint_predict
    from synoptic.sampling.single import sample

    m, clock = opened(run, source)
    s = m.schedule
    predict = joint_predict(cfg(m, settings["prompt"], guidance, negative, clip=get_clip(clip, s)), s, picture.views)
    clean = picture.encode(m)
    rows, shown, labels = [], [], []

    def show(level: int, name: str, x: Any) -> None:
        file = run.folder / f"t{level}_{name.replace(' ', '_')}.png"
        io.save_image(file, io.to_pil(picture.decode(m, x))[0], {"command": run.command, "t": level, "method": name})
        rows.append((level, name, psnr(io.load_image(file), picture.image)))
        shown.append(io.load_image(file))
        labels.append(f"t = {level}, {name}: {rows[-1][-1]:.1f} dB")

    with bar("denoise", len(settings["t"])) as tick, clock("sample"), torch.no_grad():
        for level in settings["t"]:
            rng = torch.Generator().manual_seed(seed)
            noisy = add_noise(s, clean, randn(clean.shape[1:], [rng], clean), level)
            shown.append(picture.image)
            labels.append("original")
            show(level, "noisy", noisy)
            if "gaussian" in settings["method"]:
                show(level, "blur 5 sigma 2", gaussian_denoise(noisy))
                best, sigma = best_gaussian_denoise(noisy, clean)
                show(level, f"best blur sigma {sigma:.2f}", best)
            if "onestep" in settings["method"]:
                show(level, "onestep", predict(noisy, level).x0)
            if "iterative" in settings["method"]:
                path = strided_pairs(level, stride, s.final_time)
                *_, last = sample(predict, s, noisy, steps=path, solver=solvers.get_solver(sampler), rngs=[rng])
                show(level, "iterative", last.x)
            tick()
    sheet = io.image_grid(shown, labels, len(shown) // len(settings["t"]))
    io.save_image(run.folder / "denoise.png", sheet, {"settings": run.settings})
    bench = Bench(rows, [sheet], run)
    io.atomic_write(run.folder / "denoise.tsv", lambda f: f.write(f"{bench}\n".encode()))
    run.state = "done"
    run.write()
    return bench


def check(source: Checkpoint, settings: dict[str, Any]) -> None:
    """Check the times, methods and stride. Raises InputError on a broken rule."""
    T = source.read_json("scheduler/scheduler_config.json").get("num_train_timesteps", 1000)
    settings["t"], settings["method"] = settings["t"] or TIMES, settings["method"] or METHODS
    for level in settings["t"]:
        check_at_least("--t", level, 0)
        check_at_most("--t", level, T - 1)
    for name in settings["method"]:
        check_choice("--method", name, METHODS)
    check_at_least("--stride", settings["stride"], 1)
