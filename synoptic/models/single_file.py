"""A whole model in one safetensors file, with the first Stable Diffusion code's names.

What it is, is read from the names and shapes of its tensors. Imports nothing heavy.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.file_kinds import another_kind
from synoptic.models.local_cache import file_hash
from synoptic.models.weights import axis_size, read_safetensors_header
from synoptic.utils.json_objects import JsonObject

CONFIGS = Path(__file__).parent / "single_files"  # of the released models: {component: its config.json}
UNET = "model.diffusion_model."
KINDS = {  # tensor of a whole model -> (its size in the last axis, the name of its configs)
    f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": {768: "sd1.5", 1024: "sd2"},
    f"{UNET}input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": {2048: "sdxl"},
}
PREFIXES = {  # of the tensors of a component, by the name of its configs
    "sd1.5": {"unet": UNET, "vae": "first_stage_model.", "text_encoder": "cond_stage_model.transformer."},
    "sd2": {"unet": UNET, "vae": "first_stage_model.", "text_encoder": "cond_stage_model.model."},
    "sdxl": {
        "unet": UNET,
        "vae": "first_stage_model.",
        "text_encoder": "conditioner.embedders.0.transformer.",
        "text_encoder_2": "conditioner.embedders.1.model.",
    },
}
SCALES = (".scale_weight", ".weight_scale", "scaled_fp8")  # end the names of what ComfyUI multiplies 8-bit weights by
PREDICTIONS = {"epsilon": "epsilon", "eps": "epsilon", "v": "v_prediction", "v_prediction": "v_prediction"}
READ_APART = ("__metadata__", "v_pred", "ztsnr")
OF_TRAINING = re.compile(  # begins the names of averages, noise levels and the like, which a training leaves
    r"(model_)?ema[._]|betas|(\w+_)?alphas_cumprod|posterior_|lvlb_weights|logvar|scale_factor|global_step|denoiser\.|"
    r"(cond_stage_model|conditioner)\..*(logit_scale|text_projection|position_ids|attn_mask|vision_model|visual)"
)
SD2_PIXELS = {"epsilon": 64, "v_prediction": 96}  # side of the native latents of SD 2 base and SD 2


@dataclass(frozen=True)
class SingleFile(Checkpoint):
    """A model, or a network, in one file: `path_or_repo` is the file, `configs` what a directory would say of components.

    The component "" is the file itself where it holds one network. `prefixes` begin the names of a component's tensors.
    """

    configs: Mapping[str, JsonObject] = field(default_factory=dict, compare=False)
    prefixes: Mapping[str, str] = field(default_factory=dict, compare=False)
    unread: tuple[str, ...] = field(default=(), compare=False)  # tensors of no component, that say something of a model

    @property
    def is_local(self) -> bool:
        return True

    @cached_property
    def snapshot(self) -> Path:
        return Path(self.path_or_repo).parent

    @cached_property
    def files(self) -> list[str]:
        return [Path(self.path_or_repo).name]

    def config(self, component: str, file: str = "config.json") -> JsonObject:
        return self.configs[component]

    @cached_property
    def model_index(self) -> JsonObject:
        return self.configs["model_index"]

    def weight_files(self, component: str, half: bool) -> list[str]:
        return self.files

    def tensor_shapes(self, component: str) -> None:
        """Return nothing: the file's names are not the network's, which is known when it is loaded."""

    @cached_property
    def revision(self) -> str:
        """A hash of the file, and of what was read beside it."""
        about = json.dumps(self.configs, sort_keys=True) + file_hash(Path(self.path_or_repo))
        return "sha256:" + hashlib.sha256(about.encode()).hexdigest()[:16]

    @property
    def network_revision(self) -> str:
        return self.revision


def model_file(name: str, path: Path) -> SingleFile:
    """Return the model of a file: Stable Diffusion 1, 2 or XL. Raises InputError, with what it is, where it is none."""
    header = read_safetensors_header(path)[0]
    if scaled := next((key for key in header if key.endswith(SCALES)), None):
        raise InputError(
            f"weights must be plain numbers, {name} holds scaled ones of 8 bits ({scaled}): take the file in float16",
            rule="weights-scaled",
        )
    kind = next((sizes.get(axis_size(header, key, -1)) for key, sizes in KINDS.items() if key in header), None)
    prefixes = PREFIXES.get(kind or "", {})
    lacking = [part for part, prefix in prefixes.items() if not any(key.startswith(prefix) for key in header)]
    if kind is None or lacking == [part for part in prefixes if part != "unet"]:
        raise another_kind(name, header)
    if lacking:
        raise InputError(
            f"a model's file must hold all of its networks, {name} lacks the {lacking[0]}: choose the whole model's file",
            rule="model-file-part",
        )
    configs: dict[str, JsonObject] = json.loads((CONFIGS / f"{kind}.json").read_text("utf-8"))
    configs["unet"]["in_channels"] = axis_size(header, f"{UNET}input_blocks.0.0.weight", 1)
    prediction = prediction_of(path, header)
    if kind == "sd2":
        if prediction is None:
            raise InputError(
                f"the file of a Stable Diffusion 2 does not tell what its network predicts: beside {name} write"
                f" {path.with_suffix('.yaml').name}, with the line `parameterization: v` (pictures of 768 pixels) or"
                " `parameterization: eps` (of 512)",
                rule="model-file-prediction",
            )
        configs["unet"]["sample_size"] = SD2_PIXELS[prediction]
    configs["scheduler"]["prediction_type"] = prediction or "epsilon"
    if "ztsnr" in header:
        configs["scheduler"] |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return SingleFile(name, str(path), "", configs, prefixes, unread_tensors(header, prefixes.values()))


def unread_tensors(header: JsonObject, prefixes: Collection[str]) -> tuple[str, ...]:
    """Return the tensors of a file that are of no component, nor of how it was trained."""
    others = (key for key in header if not key.startswith(tuple(prefixes)))
    return tuple(sorted(key for key in others if key not in READ_APART and not OF_TRAINING.match(key)))


def unread_warnings(checkpoint: Checkpoint) -> list[str]:
    """Return the warning of tensors in a model's file that nothing reads, if there are any."""
    unread = checkpoint.unread if isinstance(checkpoint, SingleFile) else ()
    more = f" and {len(unread) - 1} more" if len(unread) > 1 else ""
    says = f"{checkpoint.name} holds more than a model, which is not used: {''.join(unread[:1])}{more}"
    return [says] if unread else []


def prediction_of(path: Path, header: JsonObject) -> str | None:
    """Return epsilon or v_prediction where something says it: a tensor `v_pred`, the header, or a .yaml beside the file.

    The header as in ModelSpec (modelspec.prediction_type); the .yaml, of the same name, is the first Stable Diffusion code's
    config, where no parameterization is eps.
    """
    if "v_pred" in header:
        return "v_prediction"
    about = header.get("__metadata__") or {}
    if (said := PREDICTIONS.get(str(about.get("modelspec.prediction_type")).lower())) is not None:
        return said
    beside = path.with_suffix(".yaml")
    if not beside.is_file():
        return None
    found = re.search(r"^\s*parameterization:\s*[\"']?(\w+)", beside.read_text("utf-8", errors="replace"), re.M)
    return PREDICTIONS.get(found[1] if found else "eps")
