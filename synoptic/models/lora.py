"""LoRAs (Hu et al. 2021): small changes of a model's layers, W + scale alpha/r B A, added to the weights when it loads.

Files name layers as kohya's scripts, diffusers, peft, ComfyUI or the first Stable Diffusion code do; whatever the dots and
underscores, a name is found among the network's own. Imports nothing heavy.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import safe_open

from synoptic.errors import InputError, user_path
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.hub import download, list_files
from synoptic.models.local_cache import file_hash
from synoptic.models.lora_flux import in_diffusers_names
from synoptic.models.lora_layers import Layer, check_tensors, layers_of, normalized, place_of
from synoptic.models.lora_strength import PEFT_CONFIG, config_beside, read_configs, strength
from synoptic.models.weights import check_weights, read_safetensors_header

if TYPE_CHECKING:
    from torch import nn

OTHER_KINDS = {  # of a tensor's name -> what a file with such a tensor is
    r"\.dora_scale$|lora_magnitude_vector": "a DoRA",
    r"\.hada_": "a LoHa",
    r"\.lokr_": "a LoKr",
    r"\.diff(_b)?$": "a full change of layers",
}
PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
RESNET = {  # the first Stable Diffusion code's names inside a residual block -> diffusers'
    "in_layers_2": "conv1",
    "out_layers_3": "conv2",
    "emb_layers_1": "time_emb_proj",
    "skip_connection": "conv_shortcut",
}


@dataclass
class Lora:
    """A LoRA's file, its scale, and the layers that it changes, by component and normalized name."""

    name: str
    file: Path
    scale: float
    layers: dict[str, dict[str, Layer]] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The SHA-256 of the file, and of the config beside it where that counts, shortened."""
        found, beside = file_hash(self.file), config_beside(self.file)
        return "sha256:" + (sha256((found + file_hash(beside)).encode()).hexdigest() if beside else found)[:16]

    def fuse(self, net: nn.Module, component: str, layers_per_block: int = 2) -> None:
        """Add the changes of a component to a network's weights, computed in float32.

        Raises InputError where a layer is none of the network's, or a tensor's shape does not fit.
        """
        wanted, modules = self.layers.get(component, {}), dict(net.named_modules())
        matched = match(wanted, [name for name in modules if hasattr(modules[name], "weight")], layers_per_block)
        check_all(self, len(matched), len(wanted), f"the model's {component}")
        with safe_open(self.file, framework="pt") as f:
            for name, layer in matched.items():
                weight = modules[name].get_parameter("weight").data
                down, up = (f.get_tensor(key).to(weight.device).float() for key in (layer.down, layer.up))
                begin, end, of = layer.rows
                up = up[begin * len(up) // of : end * len(up) // of]
                strength = float(f.get_tensor(layer.alpha)) / len(down) if layer.alpha else layer.strength
                change = self.scale * strength * (up.flatten(1) @ down.flatten(1))
                if change.numel() != weight.numel():
                    raise InputError(
                        f"a LoRA must be made for the model's family, {layer.down} of {self.name} changes"
                        f" {tuple(change.shape)} numbers, the model's layer has {tuple(weight.shape)}: use another --model",
                        rule="lora-shape",
                    )
                weight.copy_((weight.float() + change.view_as(weight)).to(weight.dtype))


def read_loras(values: Sequence[str], checkpoint: Checkpoint) -> list[Lora]:
    """Return LoRAs `FILE_OR_ID[:scale]` that are seen to belong to a model. Raises InputError, before weights load."""
    loras = [read_lora(value) for value in values]
    for lora in loras:
        if not checkpoint.has_unet and "unet" in lora.layers:  # ComfyUI's and other names do not say which network
            lora.layers["transformer"] = lora.layers.pop("unet") | lora.layers.get("transformer", {})
        if checkpoint.pipeline_class == "FluxPipeline" and "transformer" in lora.layers:
            lora.layers["transformer"] = in_diffusers_names(lora.layers["transformer"])
        check_fit(lora, checkpoint)
    return loras


def read_lora(value: str) -> Lora:
    """Return the LoRA `FILE_OR_ID[:scale]`: a safetensors file, a folder with one, or a hub id org/name[/file].

    Raises InputError where there is no such file, or it holds no LoRA.
    """
    found = re.fullmatch(r"(.+):([+-]?(?:\d+\.?\d*|\.\d+))", value, re.S)
    source, scale = (found[1], float(found[2])) if found else (value, 1.0)
    lora = Lora(source, find_file(source), scale)
    check_weights(lora.file)
    header = read_safetensors_header(lora.file)[0]
    keys = [key for key in header if key != "__metadata__"]
    if other := next((kind for mark, kind in OTHER_KINDS.items() for key in keys if re.search(mark, key)), None):
        raise InputError(f"a LoRA has matrices A and B for a layer, {source} holds {other}: use another", rule="lora-kind")
    found = layers_of(keys)
    if not found:
        raise InputError(
            f"a LoRA's tensors are called lora_A, lora_down or the like, {source} has none of them: check the file",
            rule="lora-none",
        )
    check_tensors(source, header, [layer for layers in found.values() for layer in layers.values()])
    configs = read_configs(lora.file, header, source)
    for component, layers in found.items():
        config = configs.get(component, configs.get("", {}))
        lora.layers[component] = {
            name: layer._replace(strength=strength(config, place_of(layer.down)[1], header[layer.down]["shape"][0], source))
            for name, layer in layers.items()
        }
    return lora


def find_file(source: str) -> Path:
    """Return the safetensors file that a path or a hub id names. Raises InputError."""
    path = user_path(source)
    if path.is_file():
        if path.suffix.lower() in PICKLES:
            raise InputError(
                f"a LoRA must be a safetensors file, {source} is a pickle, which can run code: convert it, or take another",
                rule="weights-pickle",
            )
        return path
    if source and path.is_dir():
        return path / only_file(source, sorted(file.name for file in path.glob("*.safetensors")))
    before, colon, scale = source.rpartition(":")
    if colon and user_path(before or ":").exists():
        raise InputError(
            f"a LoRA's scale is a number, {scale!r} of {source} is none: write {before}:0.8, for example", rule="lora-scale"
        )
    if not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+(/.+\.safetensors)?", source) or (
        source.count("/") == 1 and path.suffix == ".safetensors"
    ):
        raise InputError(
            f"a LoRA is a safetensors file, a folder with one or a hub id (org/name), {source!r} is none: check the path",
            rule="lora-missing",
        )
    organization, name, *file = source.split("/", 2)
    repo, instead = f"{organization}/{name}", "give a local file, or omit --lora"
    if file:
        return download(repo, file[0], instead=instead)
    snapshot = download(repo, "README.md", instead=instead).parent
    files = list_files(repo, snapshot)
    names = [name for name in files if name.endswith(".safetensors")]
    if PEFT_CONFIG in files:
        download(repo, PEFT_CONFIG, snapshot.name, instead=instead)
    return download(repo, only_file(source, names), snapshot.name, instead=instead)


def local_lora_files(value: str) -> list[Path]:
    """Return the files of this machine that the LoRA `FILE_OR_FOLDER[:scale]` is read from; [] of all other names."""
    for path in (user_path(text) for text in (value, value.rpartition(":")[0]) if text):
        files = [path] if path.is_file() else sorted(path.glob("*.safetensors")) if path.is_dir() else []
        if files:
            return [*files, *(beside for file in files if (beside := config_beside(file)))]
    return []


def only_file(source: str, names: Sequence[str]) -> str:
    """Return the one safetensors file of a folder. Raises InputError where there are none, or several."""
    if len(names) != 1:
        raise InputError(
            f"a LoRA's folder must hold one safetensors file, {source} has {', '.join(names) or 'none'}: name the file",
            rule="lora-files",
        )
    return names[0]


def match(layers: Mapping[str, Layer], names: Collection[str], layers_per_block: int = 2) -> dict[str, Layer]:
    """Return {name: layer} for every layer of a LoRA that is one of a network's own."""
    own = {normalized(name): name for name in names}
    found = {}
    for name, layer in layers.items():
        candidates = (name, f"{name}_0", diffusers_name(name, layers_per_block))  # an output layer is first of a list
        if hit := next((own[candidate] for candidate in candidates if candidate in own), None):
            found[hit] = layer
    return found


def diffusers_name(name: str, layers_per_block: int) -> str:
    """Return diffusers' normalized name of a U-Net layer that is called as in the first Stable Diffusion code.

    Its input blocks are a convolution, then per level so many layers and a downsampler; its output blocks one layer more,
    the last with an upsampler inside.
    """
    if middle := re.match(r"middle_block_([012])_", name):
        place = ("mid_block_resnets_0_", "mid_block_attentions_0_", "mid_block_resnets_1_")[int(middle[1])]
        rest = name[middle.end() :]
        return place + (rest if middle[1] == "1" else RESNET.get(rest, rest))
    found = re.match(r"(input|output)_blocks_(\d+)_(\d)_", name)
    if not found:
        return name
    side, i, j = found[1], int(found[2]), int(found[3])
    level, layer = divmod(i - (side == "input"), layers_per_block + 1)
    rest, block = name[found.end() :], f"{'down' if side == 'input' else 'up'}_blocks_{level}_"
    if side == "input" and layer == layers_per_block:
        return f"{block}downsamplers_0_conv"
    if j == 0:
        return f"{block}resnets_{layer}_{RESNET.get(rest, rest)}"
    return f"{block}upsamplers_0_conv" if rest == "conv" else f"{block}attentions_{layer}_{rest}"


def check_fit(lora: Lora, checkpoint: Checkpoint) -> None:
    """Raise InputError where a LoRA changes layers that a model has not, or of other sizes. Reads headers, no weights.

    Networks that are not downloaded yet, or lie in a single file, are checked when they load.
    """
    own, found = read_safetensors_header(lora.file)[0], 0
    for component, layers in lora.layers.items():
        if component not in checkpoint.components:
            continue
        shapes = checkpoint.tensor_shapes(component)
        if shapes is None:
            found += len(layers)
            continue
        sizes = {key.removesuffix(".weight"): math.prod(shape) for key, shape in shapes.items() if key.endswith(".weight")}
        for name, layer in match(layers, sizes, layers_per_block(checkpoint)).items():
            begin, end, of = layer.rows
            found += of * sizes[name] == (end - begin) * changed(own[layer.down]["shape"], own[layer.up]["shape"])
    check_all(lora, found, sum(map(len, lora.layers.values())), checkpoint.name)


def check_all(lora: Lora, found: int, total: int, model: str) -> None:
    """Raise InputError where fewer of a LoRA's layers were found than it has."""
    if found < total:
        raise InputError(
            f"a LoRA must be made for the model's family, {total - found} of the {total} layers of {lora.name} are none of"
            f" {model}: use another --model, or another --lora",
            rule="lora-fit",
        )


def changed(down: Sequence[int], up: Sequence[int]) -> int:
    """Return how many numbers B A has, of the shapes of A and B."""
    return up[0] * math.prod(down[1:])


def layers_per_block(checkpoint: Checkpoint) -> int:
    given = checkpoint.network_config.get("layers_per_block", 2)
    return given if isinstance(given, int) else given[0]
