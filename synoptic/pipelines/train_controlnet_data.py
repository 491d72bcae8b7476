"""What a ControlNet learns from and is measured by: its rows, and paintings of pictures that were held back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synoptic.errors import InputError
from synoptic.models.registry import Checkpoint
from synoptic.options.control import check_kinds, maps
from synoptic.options.input_image import read

if TYPE_CHECKING:
    from accelerate import Accelerator
    from PIL.Image import Image
    from torch import Tensor

    from synoptic.controlnet.dataset import CachedPairs
    from synoptic.controlnet.train import Batch
    from synoptic.models.base import Denoiser
    from synoptic.runs.manifest import Run


def keep(run: Run, words: dict[str, str]) -> None:
    """Put the captions into the run's folder. Raises InputError where that holds work on other pictures."""
    from synoptic.io import atomic_write

    place = Path(run.settings["images"]).expanduser()
    said = {name: [caption, (place / name).stat().st_size] for name, caption in words.items()}
    path = run.folder / "captions.json"
    if path.exists() and json.loads(path.read_text()) != said:
        raise InputError(
            f"one folder holds one run, and {run.folder} holds work on other pictures or captions: choose another --out or"
            " delete the old one"
        )
    text = json.dumps(said, indent=1, ensure_ascii=False)
    atomic_write(path, lambda f: f.write(text.encode()))


def accelerated(settings: dict[str, Any]) -> Accelerator:
    """Devices, processes, mixed precision and accumulation."""
    import torch
    from accelerate import Accelerator

    cpu = settings["device"] == "cpu"
    usual = "bfloat16" if torch.cuda.is_available() and not cpu else "float32"
    kind = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}[
        usual if settings["dtype"] == "auto" else settings["dtype"]
    ]
    return Accelerator(mixed_precision=kind, gradient_accumulation_steps=settings["accumulate"], cpu=cpu)


def networks(source: Checkpoint, settings: dict[str, Any], accelerator: Accelerator) -> tuple[Any, Denoiser]:
    """The net that learns and the frozen model, in float32."""
    from synoptic.controlnet.init import init_controlnet
    from synoptic.models.load import load, load_controlnet

    how: dict[str, Any] = {"device": str(accelerator.device), "dtype": "float32"}
    m: Any = load(source, **how)
    if settings["init"] is None:
        net = init_controlnet(m.unet.net, m.factor, no_attention=settings["slim"], seed=settings["seed"]).to(
            accelerator.device
        )
    else:
        net = load_controlnet(settings["init"], model=source, **how).net
    if settings["checkpointing"]:
        for part in (net, m.unet.net):
            part.enable_gradient_checkpointing()
    return net.train().requires_grad_(True), m


def shelf(run: Run, words: dict[str, str], drawn: dict[str, str] | None, source: Checkpoint, m: Denoiser) -> CachedPairs:
    """The pictures' latents and maps, kept in the run's folder; `drawn` are the files of maps that are given."""
    from synoptic.controlnet.dataset import CachedPairs
    from synoptic.io import from_pil

    kind, depth, names = run.settings["condition"], run.settings["depth"], list(words)
    place, model = Path(run.settings["images"]).expanduser(), check_kinds([kind], depth)

    def look(k: int) -> tuple[Tensor, Tensor]:
        picture = squared(read(str(place / names[k])), source.native_size)
        shown = squared(read(drawn[names[k]]), source.native_size) if drawn else picture
        return from_pil(picture), maps(shown, [kind], depth, model)[kind]

    return CachedPairs(look, lambda picture: m.encode(picture.to(m.device)), run.folder / "pictures", source.native_size**2)


def squared(image: Image, side: int) -> Image:
    """The largest square in its middle, `side` pixels wide."""
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    return image.resize((side, side), box=(left, top, left + short, top + short))


def lessons(
    settings: dict[str, Any], captions: Sequence[str], pictures: CachedPairs, m: Denoiser, accelerator: Accelerator
) -> tuple[list[int], Callable[[int], Iterator[Batch]]]:
    """The pictures that are held back, and the batches of each step for this process."""
    import torch

    from synoptic.controlnet.dataset import keyed_generator, make_batch, training_row

    seed, each, accumulate = settings["seed"], settings["batch"], settings["accumulate"]
    held, rest = (
        part.tolist()
        for part in torch.randperm(len(captions), generator=keyed_generator(seed, 2)).tensor_split([settings["held_back"]])
    )
    s: Any = m.schedule
    how = {"count": len(rest), "seed": seed, "shape": m.shape, "num_train_timesteps": len(s.alphas_cumprod)}

    def batches(i: int) -> Iterator[Batch]:
        for j in range(i * accumulate, (i + 1) * accumulate):
            n = (j * accelerator.num_processes + accelerator.process_index) * each
            rows = [training_row(k, **how, caption_dropout=settings["wordless"]) for k in range(n, n + each)]
            yield make_batch([r._replace(k=rest[r.k]) for r in rows], pictures, captions, m)

    return held, batches
