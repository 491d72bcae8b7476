"""A ControlNet before its training: the U-Net's own encoder behind convolutions that are zero (Zhang et al. 2023)."""

from __future__ import annotations

import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from synoptic.utils.building import one_at_a_time

EMBEDDING_CHANNELS = (16, 32, 96, 256)  # channels through which a map is led down to the size of x: a level each


@one_at_a_time
def init_controlnet(unet: UNet2DConditionModel, factor: int, *, attention: bool = True, seed: int = 0) -> ControlNetModel:
    """Return a ControlNetModel in float32 for a diffusers UNet2DConditionModel, whose output it does not change yet.

    factor: pixels of a map per pixel of x. attention: False leaves it out, so that the map decides and not the prompt. seed:
    of the layers that lead the map in, which no U-Net has. Raises ValueError where factor is not 1, 2, 4 or 8.
    """
    levels = factor.bit_length()
    if factor != 2 ** (levels - 1) or levels > len(EMBEDDING_CHANNELS):
        raise ValueError(f"a ControlNet's map has 1, 2, 4 or 8 pixels per pixel of x, not {factor}: choose another model")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        whole = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=EMBEDDING_CHANNELS[:levels]).float()
    if attention:
        return whole
    blocks = ["DownBlock2D"] * len(unet.config["down_block_types"])
    net = ControlNetModel.from_config(dict(whole.config) | {"down_block_types": blocks, "mid_block_type": "UNetMidBlock2D"})
    assert isinstance(net, ControlNetModel)
    net.load_state_dict({name: value for name, value in whole.state_dict().items() if name in net.state_dict()})
    return net
