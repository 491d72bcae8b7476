"""From a picture to the noise that gives it: DDIM inversion (Song et al. 2021; refined, Pan et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from synoptic.errors import check_at_least
from synoptic.options.common import Clip, Device, Dtype, Embeddings, Model, Out, Steps
from synoptic.options.input_image import Picture, Size, given
from synoptic.options.resolve import settle, warn_unknown
from synoptic.runs.manifest import Run, open_run

if TYPE_CHECKING:
    from PIL.Image import Image

Prompt = Annotated[str, "what the picture shows, in words; may be left out"]
Refine = Annotated[int, "take each step so many times more, each time with a better idea of where it ends"]

FIXED = {"guidance": 1.0, "sampler": "ddim", "eta": 0.0, "seed": 0, "count": 1}  # of an inversion, which has no choice


@dataclass(frozen=True)
class Inversion:
    """The reconstruction, how near it is (PSNR, dB), and the noise: `noise.safetensors`, one tensor, (1, C, h, w)."""

    image: Image
    run: Run
    psnr: float  # to the original
    psnr_model: float  # to what the model's autoencoder makes of it; of pixel models the same
    mean: float
    std: float  # of the noise, which of white noise would be 0 and 1

    def __str__(self) -> str:
        rows = [
            ("PSNR to the original", f"{self.psnr:.2f} dB"),
            ("PSNR to the autoencoder's own", f"{self.psnr_model:.2f} dB"),
            ("noise, mean and standard deviation", f"{self.mean:.3f} {self.std:.3f}"),
            *((name, str(self.run.folder / file)) for name, file in FILES.items()),
        ]
        return "\n".join("\t".join(row) for row in rows)


FILES = {"noise": "noise.safetensors", "reconstruction": "reconstruction.png", "figure": "figure.png"}


def invert(
    image: Picture,
    prompt: Prompt = "",
    *,
    refine: Refine = 2,
    steps: Steps = None,
    size: Size = None,
    clip: Clip = "none",
    model: Model = "bundled",
    embeddings: Embeddings = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    out: Out = None,
) -> Inversion:
    """Find the noise that a picture comes from, and sample from it again: how much of the picture comes back?

    synoptic invert horse.png "a photo of a horse" --steps 50
    """
    source, settings = settle(FIXED | locals())
    check_at_least("--refine", refine, 0)
    picture = given(source, settings)
    run = open_run("invert", {name: value for name, value in settings.items() if name not in FIXED}, out)
    picture.keep(run)
    warn_unknown(source, settings["prompt"])

    from safetensors.torch import load, save

    from synoptic import io
    from synoptic.diffusion import solvers
    from synoptic.diffusion.schedules import get_clip
    from synoptic.guidance.cfg import cfg
    from synoptic.metrics.fidelity import psnr
    from synoptic.runs.execute import opened
    from synoptic.runs.progress import bar
    from synoptic.sampling.invert import invert as backwards
    from synoptic.sampling.joint import joint_predict
    from synoptic.sampling.single import sample

    m, clock = opened(run, source)
    s = m.schedule
    predict = joint_predict(cfg(m, settings["prompt"], clip=get_clip(clip, s)), s, picture.views)
    path = solvers.timestep_pairs("ddim", s, settings["steps"])
    z = picture.encode(m)
    noise, again = (run.folder / FILES[name] for name in ("noise", "reconstruction"))
    with bar("invert", 2 * len(path)) as tick, clock("sample"):
        if not noise.exists():
            x = z
            for step in backwards(predict, s, z, steps=path, refine=refine):
                x = step.x
                tick()
            io.atomic_write(noise, lambda f: f.write(save({"noise": x.cpu().contiguous()}, {"command": run.command})))
        start = x = load(noise.read_bytes())["noise"].to(m.device)
        if not again.exists():
            for step in sample(predict, s, start, steps=path):
                x = step.x
                tick()
            io.save_image(again, io.to_pil(picture.decode(m, x))[0], {"command": run.command, "model": run.model})
    back, own = io.load_image(again), io.to_pil(picture.decode(m, z))[0]
    found = Inversion(back, run, psnr(back, picture.image), psnr(back, own), start.mean().item(), start.std().item())
    shown = [picture.image, own, io.to_pil(picture.decode(m, start))[0], back]
    labels = ["original", "the autoencoder's own", "the noise, decoded", f"sampled from it, {found.psnr_model:.1f} dB"]
    io.save_image(run.folder / FILES["figure"], io.image_grid(shown, labels, 4), {"settings": run.settings})
    run.state = "done"
    run.write()
    return found
