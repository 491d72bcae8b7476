"""A ControlNet for a condition and pictures of one's own: what is trained, on what, by what (Zhang et al. 2023)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from PIL.Image import Image
from torch import Tensor

from synoptic.controlnet.dataset import CachedPairs, keyed_generator, make_batch, training_row
from synoptic.controlnet.init import init_controlnet
from synoptic.controlnet.maps import control_maps
from synoptic.controlnet.train import Batch
from synoptic.errors import user_path
from synoptic.io import from_pil
from synoptic.models.base import PretrainedModel
from synoptic.models.load import load, load_controlnet
from synoptic.models.registry import resolve_depth_model
from synoptic.options.train_controlnet import TrainControlnetOptions
from synoptic.utils.picture import read_picture


def build_accelerator(options: TrainControlnetOptions) -> Accelerator:
    """Return devices, processes, mixed precision and accumulation."""
    on_gpu = torch.cuda.is_available() and options.device != "cpu"
    dtype = ("bfloat16" if on_gpu else "float32") if options.dtype == "auto" else options.dtype
    precision = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}[dtype]
    return Accelerator(
        mixed_precision=precision, gradient_accumulation_steps=options.accumulate, cpu=options.device == "cpu"
    )


def load_networks(options: TrainControlnetOptions, device: torch.device) -> tuple[ControlNetModel, PretrainedModel]:
    """Return the ControlNet that is trained and the frozen model, in float32."""
    model = load(options.model, device=str(device), dtype="float32")
    if options.init is None:
        unet = model.network
        assert isinstance(unet, UNet2DConditionModel)
        net = init_controlnet(unet, model.factor, attention=options.attention, seed=options.seed)
        torch.nn.Module.to(net, device)
    else:
        net = load_controlnet(options.init, model=model.checkpoint, device=str(device), dtype="float32").net
        assert isinstance(net, ControlNetModel)
    if options.checkpointing:
        network = model.network
        assert isinstance(network, ModelMixin)
        net.enable_gradient_checkpointing()
        network.enable_gradient_checkpointing()
    return net.train().requires_grad_(True), model


def cached_pairs(options: TrainControlnetOptions, model: PretrainedModel, folder: Path) -> CachedPairs:
    """Return the pictures' latents and maps, made once and kept in `folder`."""
    names, maps, side = list(options.read_captions()), options.find_maps(), model.checkpoint.native_size
    depth = resolve_depth_model(options.depth) if options.depth is not None else None
    images = user_path(options.images)

    def load_pair(k: int) -> tuple[Tensor, Tensor]:
        picture = middle_square(read_picture(str(images / names[k])), side)
        shown = middle_square(read_picture(maps[names[k]]), side) if maps else picture
        return from_pil(picture), control_maps(shown, [options.condition], depth)[options.condition]

    return CachedPairs(load_pair, lambda picture: model.encode(picture.to(model.device)), folder, side**2)


def middle_square(image: Image, side: int) -> Image:
    """Return the largest square in the middle of a picture, `side` pixels wide."""
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    return image.resize((side, side), box=(left, top, left + short, top + short))


def split(options: TrainControlnetOptions, count: int) -> tuple[list[int], list[int]]:
    """Return the pictures that are held out, and those to train on."""
    order = torch.randperm(count, generator=keyed_generator(options.seed, 2))
    held, rest = order.tensor_split([options.num_validation])
    return held.tolist(), rest.tolist()


def batches_of(
    options: TrainControlnetOptions,
    model: PretrainedModel,
    pairs: CachedPairs,
    captions: Mapping[str, str],
    rest: Sequence[int],
    accelerator: Accelerator,
) -> Callable[[int], Iterator[Batch]]:
    """Return step -> this process's batches, which do not depend on how the rows are shared out."""
    words, rows = list(captions.values()), options.batch
    row = partial(
        training_row,
        count=len(rest),
        seed=options.seed,
        shape=model.shape,
        num_train_timesteps=model.checkpoint.num_train_timesteps,
        caption_dropout=options.caption_dropout,
    )

    def batches(i: int) -> Iterator[Batch]:
        for j in range(i * options.accumulate, (i + 1) * options.accumulate):
            first = (j * accelerator.num_processes + accelerator.process_index) * rows
            chosen = [row(n) for n in range(first, first + rows)]
            yield make_batch([r._replace(k=rest[r.k]) for r in chosen], pairs, words, model)

    return batches
