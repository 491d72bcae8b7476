"""sd's ControlNets: edges, scribbles, depth and normals (Zhang et al. 2023), learned side by side on the frozen U-Net.

`python -m bundled_training.train.control` after sd: its finished directory is all that is needed. `--kinds`: which.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from torch import Tensor, nn
from torch.nn.functional import normalize

from bundled_training import networks
from bundled_training.render.bank import bank, rendered
from bundled_training.render.edges import canny, scribble, unsteady
from bundled_training.train import vae
from bundled_training.train.denoise import Noising, row, samples
from bundled_training.train.loop import Stage, Words, own, sheet, stage, train
from bundled_training.train.save import half, normalize_configs
from synoptic.controlnet.annotators.normal import normal_map
from synoptic.metrics.edges import edge_f1

LATE = 0.75  # t = T u^LATE: more than half of the rows are where the map, not the noisy picture, has to tell the structure
WORDLESS = 0.3  # the share of empty prompts
CHANNELS = {"normal": 3}  # of a kind's maps; others are gray


def main() -> None:
    kinds = own(kinds="canny,scribble,depth,normal").kinds.split(",")
    s = stage("control", minutes=9, count=80_000, batch=96, about="Train sd's ControlNets, after sd.")
    build: Any = StableDiffusionPipeline
    pipe = build.from_pretrained(s.family / "sd")
    frozen = [part.to(s.device).eval().requires_grad_(False) for part in (pipe.unet, pipe.text_encoder, pipe.vae)]
    unet, text, auto = (part.to(memory_format=torch.channels_last) for part in frozen)
    words, z, maps = drawn(s, kinds, pipe.tokenizer, auto)
    nets: Any = nn.ModuleDict({kind: begun(s, kind, unet) for kind in kinds})
    nets = nets.to(s.device, memory_format=torch.channels_last).train()
    noising = Noising(networks.latent_scheduler(), s.device)
    step = s.compiled(lambda *args: controlled(nets, unet, *args))
    last = len(noising.alpha)

    def loss(progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        k = torch.randint(len(z), (len(kinds) * s.batch,), device=s.device)
        t = (last * torch.rand(len(k), device=s.device) ** LATE).long()
        xt, t, v = noising(z[k].float(), t)
        with s.autocast():
            with torch.no_grad():
                states = text(input_ids=words.dropped(k % len(words.ids), WORDLESS))[0]
                seen = shown(kinds, maps, k)
            output = step(xt.contiguous(memory_format=torch.channels_last), t, states, seen)
        value, facts = noising.loss(output, v, z[k].float(), xt, t)
        errors = (output.detach().float() - v).square().mean((1, 2, 3)).view(len(kinds), -1).mean(1)
        return value, facts | dict(zip(kinds, errors, strict=True))

    held_out = bank(2 if s.tiny else 96, vae.SIDE, s.device, seed=4999, held_out=True, depth=True)
    train(s, nets, loss, lambda module: finish(s, module, pipe, noising, held_out), lr=5e-4, decay=0.999)


def drawn(s: Stage, kinds: Sequence[str], tokenizer: Any, auto: Any) -> tuple[Words, Tensor, list[Tensor]]:
    """The captions' words, scaled latents of pictures and their mirror images (2N, C, 32, 32), the maps of each kind.

    Maps are (N, 1, S, S) uint8, of normals (N, 3, S, S). The pictures are encoded chunk by chunk and not kept.
    """
    scale = auto.config.scaling_factor
    z = torch.empty(2 * s.count, auto.config.latent_channels, 32, 32, dtype=torch.float16, device=s.device)
    shape = (vae.SIDE, vae.SIDE)
    maps = [torch.empty(s.count, CHANNELS.get(k, 1), *shape, dtype=torch.uint8, device=s.device) for k in kinds]
    captions: list[str] = []
    for pictures, depths, texts in rendered(s.count, vae.SIDE, s.device, seed=4000 + s.seed + 7919 * s.rank):
        start = len(captions)
        here, mirrored = slice(start, start + len(texts)), slice(s.count + start, s.count + start + len(texts))
        z[here], z[mirrored] = vae.latents(auto, pictures, scale), vae.latents(auto, pictures.flip(3), scale)
        for begin in range(0, len(texts), 1024):
            part = slice(begin, begin + 1024)
            for kept, some in zip(maps, mapped(kinds, pictures[part].float() / 255, depths[part]), strict=True):
                kept[here][part] = some
        captions += texts
    s.log(drawn=len(captions), means=[round(kept[:1024].float().mean().item() / 255, 4) for kept in maps])
    return Words(tokenizer, captions, s.device), z, maps


def mapped(kinds: Sequence[str], pictures: Tensor, depths: Tensor) -> list[Tensor]:
    """The maps of each kind, uint8, of pictures (N, 3, S, S) in [0, 1] and depths (N, 1, S, S) uint8."""
    draw = {
        "canny": lambda: canny(pictures),
        "scribble": lambda: scribble(pictures),
        "depth": lambda: depths.float() / 255,
        "normal": lambda: normal_map(depths.float() / 255),
    }
    return [(255 * draw[kind]() + 0.5).byte() for kind in kinds]


def shown(kinds: Sequence[str], maps: Sequence[Tensor], k: Tensor) -> Tensor:
    """The maps (K, n, 3, S, S) in [0, 1] for rows k (K n,) of the latents, whose second half is mirrored."""
    varied = {"scribble": unsteady, "depth": stretched, "normal": steeper}
    rows = []
    for kind, kept, some in zip(kinds, maps, k.chunk(len(kinds)), strict=True):
        x = kept[some % len(kept)].float() / 255
        x = torch.where(row(some) < len(kept), x, mirrored(kind, x))
        rows.append((varied[kind](x) if kind in varied else x).expand(-1, 3, -1, -1))
    return torch.stack(rows)


def mirrored(kind: str, x: Tensor) -> Tensor:
    """Maps of the mirrored picture: what faced left, red in a map of normals, faces right."""
    if kind != "normal":
        return x.flip(3)
    red, rest = x.flip(3).split((1, 2), 1)
    return torch.cat([1 - red, rest], 1)


def steeper(normals: Tensor) -> Tensor:
    """Normals whose slopes are 0.6 to 1.6 times as steep: how deep a picture is, no map of depths tells."""
    slope, facing = (2 * normals - 1).split((2, 1), 1)
    factor = 0.6 * (1.6 / 0.6) ** torch.rand_like(facing[:, :, :1, :1])
    return (normalize(torch.cat([slope * factor, facing.clamp(min=0.02)], 1), dim=1) + 1) / 2


def stretched(depths: Tensor) -> Tensor:
    """Half of the maps from 0, the farthest, to 1, the nearest of the picture: all that a depth model can tell."""
    low, high = depths.amin((1, 2, 3), keepdim=True), depths.amax((1, 2, 3), keepdim=True)
    full = (depths - low) / (high - low).clamp(min=1 / 255)
    return torch.where(torch.rand_like(low) < 0.5, full, depths)


def begun(s: Stage, kind: str, unet: Any) -> Any:
    """A ControlNet with the U-Net's own encoder, as far as it has the same layers; or with the weights of --init."""
    if s.init:
        return ControlNetModel.from_pretrained(s.init / f"control-{kind}")
    net = networks.control()
    own = net.state_dict()
    fits = {k: v for k, v in unet.state_dict().items() if k in own and own[k].shape == v.shape}
    net.load_state_dict(own | fits)
    return net


def controlled(nets: nn.Module, unet: Any, x: Tensor, t: Tensor, states: Tensor, maps: Tensor) -> Tensor:
    """What the U-Net says of rows x (K n, C, h, w), n of them under each net and its maps (K, n, 3, S, S)."""
    n = maps.shape[1]
    rows = zip(nets.children(), x.split(n), t.split(n), states.split(n), maps, strict=True)
    parts = [net(x, t, states, shown, return_dict=False) for net, x, t, states, shown in rows]
    downs = [torch.cat(level) for level in zip(*(downs for downs, _ in parts), strict=True)]
    mid = torch.cat([mid for _, mid in parts])
    return unet(x, t, states, down_block_additional_residuals=downs, mid_block_additional_residual=mid).sample


@torch.no_grad()
def finish(s: Stage, nets: Any, pipe: Any, noising: Noising, held_out: tuple[Tensor, list[str], Tensor]) -> None:
    """Write the directories; paint held-out maps and say how well the edges of the paintings follow them."""
    pictures, captions, depths = held_out
    n, x0 = len(pictures), pictures.float() / 255
    kinds = list(nets)
    maps = torch.stack([given.expand(-1, 3, -1, -1) for given in mapped(kinds, x0, depths)]).float() / 255

    def predict(x: Tensor, t: Tensor, states: Tensor) -> Tensor:
        halves = zip(x.chunk(2), states.chunk(2), strict=True)  # without and with the words
        return torch.cat([controlled(nets, pipe.unet, x, t.expand(len(x)), states, maps) for x, states in halves])

    words = Words(pipe.tokenizer, captions, s.device)
    with s.autocast():
        states = pipe.text_encoder(words[torch.arange(n, device=s.device)])[0].repeat(len(maps), 1, 1)
        empty = pipe.text_encoder(words.empty)[0]
        shape = pipe.unet.config.in_channels, *(pipe.unet.config.sample_size,) * 2
        z = samples(predict, noising, states, empty, shape, steps=2 if s.tiny else 25, guidance=3.0)
    painted = vae.decoded(pipe.vae, z, pipe.vae.config.scaling_factor).unflatten(0, (len(maps), n))
    edges, own_edges = canny(x0), [canny(x) for x in painted]
    for kind, x, given, found in zip(kinds, painted, maps, own_edges, strict=True):
        pair = (scribble(x), given[:, :1]) if kind == "scribble" else (found, edges)
        s.log(kind=kind, followed=edge_f1(*pair).mean().item(), unlike=edge_f1(found, edges.roll(1, 0)).mean().item())
    rows = [x0, *torch.stack([maps, painted], 1).flatten(0, 1)]
    sheet(torch.cat([x[:16] for x in rows]), s.work / "previews" / "control.png", min(n, 16))
    for kind, net in nets.items():
        half(net).save_pretrained(s.family / f"control-{kind}")
        normalize_configs(s.family / f"control-{kind}")


if __name__ == "__main__":
    main()
