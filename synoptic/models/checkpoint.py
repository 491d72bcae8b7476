"""A model that was found: its family, its sizes and its defaults, read before weights load. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from synoptic.diffusion.scheduler_classes import CONSISTENCY_SCHEDULERS, FLOW_SCHEDULERS
from synoptic.errors import InputError
from synoptic.models.checkpoint_files import CheckpointFiles
from synoptic.models.families import BASE_CLASSES, FAMILIES, Defaults, Family, Variant, few_step_defaults
from synoptic.models.vae_configs import vae_factor
from synoptic.utils.json_objects import JsonObject

BUNDLED_DIR = Path(__file__).parent / "bundled"
BUNDLED_DEFAULTS = {
    "sd": Defaults(25, 3.0, 8),
    "if": Defaults(25, 3.0, 16, edit_strength=0.9),  # with less a red car stays red
    "if-ii": Defaults(10, 1.0, 64),  # with 20 it paints the same
}  # of the bundled models
TEXT_COMPONENTS = ("tokenizer", "text_encoder")  # which an upscaler's directory may leave to stage I


@dataclass(frozen=True)
class Checkpoint(CheckpointFiles):
    """A model that was found, and what its configs say of it."""

    @property
    def is_bundled(self) -> bool:
        return Path(self.path_or_repo).parent == BUNDLED_DIR

    @cached_property
    def model_index(self) -> JsonObject:
        return self.read_json("model_index.json")

    @property
    def pipeline_class(self) -> str:
        """The class of the family: an image-to-image, inpainting or ControlNet pipeline has a base family's parts."""
        kind = self.model_index.get("_class_name")
        return BASE_CLASSES.get(kind, kind) if isinstance(kind, str) else str(kind)

    @cached_property
    def family(self) -> Family:
        kind = self.pipeline_class
        if kind not in FAMILIES:
            raise InputError(
                f"a model's pipeline must be one of {', '.join(FAMILIES)}, {self.name} is a {kind}", rule="model-family"
            )
        return FAMILIES[kind]

    @cached_property
    def components(self) -> dict[str, str]:
        """The family's components that are here: all of them, but an upscaler may lack its text tower (null)."""
        missing = [
            part
            for part in TEXT_COMPONENTS
            if self.family.low_res_scheduler and self.model_index.get(part) in (None, [None, None])
        ]
        return {part: cls for part, cls in self.family.components.items() if part not in missing}

    @property
    def clip_towers(self) -> list[str]:
        """The text encoders that are CLIP's; none of a transformer's, which does not see their words alone."""
        return (
            [] if not self.has_unet else [part for part, kind in self.components.items() if kind.startswith("CLIPTextModel")]
        )

    @cached_property
    def network_config(self) -> JsonObject:
        """The config of the network that denoises."""
        return self.config(self.family.network)

    @property
    def has_unet(self) -> bool:
        """Whether the network that denoises is a U-Net, not a transformer."""
        return self.family.network == "unet"

    @cached_property
    def factor(self) -> int:
        """Image pixels per pixel of x: the VAE's reduction, or 1."""
        return vae_factor(self.config("vae")) if self.has_latents else 1

    @property
    def side(self) -> int:
        """Side of the native x, in the model's own pixels."""
        return self.network_config.get("sample_size") or self.family.native_side

    @property
    def channels(self) -> int:
        """Channels of x."""
        return self.network_config["in_channels"] // (self.family.token_side**2 if self.family.packed else 1)

    @property
    def native_size(self) -> int:
        """Side of the native picture in image pixels."""
        return self.side * self.factor

    @property
    def downsampling(self) -> int:
        """What the network's finest grid divides the sides of x by."""
        if self.has_unet:
            return 2 ** (len(self.network_config["block_out_channels"]) - 1)
        return self.family.token_side

    @property
    def tokens(self) -> int | None:
        """Image tokens that a transformer sees of one native x; None of a U-Net."""
        return None if self.has_unet else (self.side // self.downsampling) ** 2

    @property
    def text_length(self) -> int:
        """Tokens of a prompt that the longest text encoder reads."""
        return self._variant.text_length if self._variant else self.family.text_length

    @property
    def has_latents(self) -> bool:
        return "vae" in self.family.weighted_components

    @property
    def is_flow(self) -> bool:
        """Whether the model is a rectified flow, not of the DDPM family."""
        config = self._scheduler_config
        return config.get("_class_name") in FLOW_SCHEDULERS or config.get("prediction_type") == "flow_prediction"

    @property
    def num_train_timesteps(self) -> int:
        return self._scheduler_config.get("num_train_timesteps", 1000)

    @property
    def defaults(self) -> Defaults:
        """The bundled model's own, those of few steps for a model distilled to them, else the family's or its variant's."""
        usual = self._variant.defaults if self._variant else self.family.defaults
        usual = replace(usual, stride=min(usual.stride, self.side // 2))  # windows of small models overlap too
        place = Path(self.path_or_repo)
        if self.is_bundled:
            return BUNDLED_DEFAULTS[place.name]
        name = place.parents[1].name if place.parent.name == "snapshots" else place.name  # a commit in the hub's cache
        if self.has_embedded_guidance or self._scheduler_config.get("_class_name") in CONSISTENCY_SCHEDULERS:
            return usual.distilled
        return few_step_defaults(name, usual) or usual

    @property
    def has_embedded_guidance(self) -> bool:
        """Whether the network itself is conditioned on a guidance scale, as a latent consistency model (Luo et al. 2023)."""
        return self.network_config.get("time_cond_proj_dim") is not None

    @property
    def takes_guidance_scale(self) -> bool:
        """Whether the network itself is conditioned on a guidance scale of one's choice, as FLUX.1-dev."""
        return bool(self.network_config.get("guidance_embeds"))

    @property
    def _variant(self) -> Variant | None:
        found = self.family.variant
        about = self.network_config if found and found.key in self.network_config else self.model_index
        return found if found and about.get(found.key) == found.value else None

    @property
    def _scheduler_config(self) -> JsonObject:
        return self.config("scheduler", "scheduler_config.json")

    def most_steps(self, sampler: str = "ddim") -> int:
        """Return the most steps that a sampler takes: a consistency model's times are those that it was distilled at."""
        config = self._scheduler_config
        consistency = config.get("_class_name") in CONSISTENCY_SCHEDULERS and sampler != "dpm++"
        if sampler in ("lcm", "tcd") or consistency:
            return min(config.get("original_inference_steps") or 50, self.num_train_timesteps)
        return self.num_train_timesteps - 1

    @cached_property
    def revision(self) -> str:
        """The hub's commit, or a hash of every file of a directory that loading reads, in full or in half precision."""
        if not self.is_local:
            return self.snapshot.name
        return self._hash_of(self.read_files)

    @property
    def read_files(self) -> list[str]:
        """Every file that loading reads, in full or in half precision: index, configs, words and weights."""
        files = {self.index_file}
        for component in self.components:
            if component in self.family.weighted_components:
                files |= {f"{component}/config.json"}
                files |= {f for half in (False, True) for f in self.weight_files(component, half)}
            else:
                files |= set(self.word_files(component))
        schedulers = ("scheduler", self.family.low_res_scheduler)
        return sorted(files | {f"{name}/scheduler_config.json" for name in schedulers if name})
