"""Check that the parts of a model are of one model, before weights load: widths of texts, latents. Imports nothing heavy."""

from __future__ import annotations

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.vae_configs import foreign_latents, vae_channels
from synoptic.utils.json_objects import JsonObject

TEXTS = {  # pipeline class -> the network's key, the text encoder whose states it takes, and how many layers of them
    "FluxPipeline": ("joint_attention_dim", "text_encoder_2", 1),
    "Flux2KleinPipeline": ("joint_attention_dim", "text_encoder", 3),
    "PixArtSigmaPipeline": ("caption_channels", "text_encoder", 1),
    "QwenImagePipeline": ("joint_attention_dim", "text_encoder", 1),
    "SanaPipeline": ("caption_channels", "text_encoder", 1),
    "StableDiffusion3Pipeline": ("joint_attention_dim", "text_encoder_3", 1),
    "ZImagePipeline": ("cap_feat_dim", "text_encoder", 1),
}
TWO_CLIPS = ("StableDiffusionXLPipeline", "StableDiffusion3Pipeline")  # the narrower one first


def check_parts_fit(checkpoint: Checkpoint) -> None:
    """Raise InputError where parts are of different models: texts of another width than the network's, other latents, text
    encoders in each other's place."""
    network, about = checkpoint.family.network, checkpoint.network_config
    kind, widths = checkpoint.pipeline_class, text_widths(checkpoint)
    pairs: list[tuple[str, object, object]] = []  # what meets there, the network's number, and that of other parts
    if checkpoint.has_unet and widths and None not in widths.values():
        wanted = about.get("encoder_hid_dim") or about.get("cross_attention_dim")
        pairs.append(("texts", wanted, sum(width or 0 for width in widths.values())))
    if kind in TEXTS:
        key, encoder, layers = TEXTS[kind]
        pairs.append(("texts", about.get(key), layers * (widths[encoder] or 0) or None))
    if kind == "FluxPipeline":
        pairs.append(("pooled texts", about.get("pooled_projection_dim"), widths["text_encoder"]))
    if checkpoint.has_latents:
        channels = about.get("out_channels") if checkpoint.has_unet else checkpoint.channels
        pairs.append(("latents", channels, vae_channels(checkpoint.config("vae"))))
    for what, ours, theirs in pairs:
        if isinstance(ours, int) and isinstance(theirs, int) and ours != theirs:
            others = "vae makes" if what == "latents" else "text encoders make"
            raise InputError(
                f"the parts of a model must be of one model, in {checkpoint.name} the {network} takes {what} of {ours}"
                f" numbers, its {others} {theirs}: copy it again as a whole",
                rule="model-parts",
            )
    if kind in TWO_CLIPS and (widths["text_encoder"] or 0) > (widths["text_encoder_2"] or 0):
        raise InputError(
            f"of a model's two CLIPs the narrower one is text_encoder, in {checkpoint.name} they are"
            f" {widths['text_encoder']} and {widths['text_encoder_2']} wide: exchange text_encoder and text_encoder_2",
            rule="model-parts",
        )


def text_widths(checkpoint: Checkpoint) -> dict[str, int | None]:
    """Return the width of every text encoder's states, None where its config gives none."""
    parts = [part for part in checkpoint.components if part.startswith("text_encoder")]
    configs = {part: checkpoint.config(part) for part in parts}
    configs = {part: config.get("text_config") or config for part, config in configs.items()}
    return {part: config.get("hidden_size", config.get("d_model")) for part, config in configs.items()}


def check_latent_scale(checkpoint: Checkpoint, config: JsonObject | None = None, vae: str = "") -> None:
    """Raise InputError where a VAE, the model's own or another, scales latents as another family's does: its network
    does not know them."""
    config = checkpoint.config("vae") if config is None else config
    if (other := foreign_latents(config, checkpoint.pipeline_class, checkpoint.channels)) is not None:
        numbers = f"scaling_factor {other.scale:g}" + (f" and shift_factor {other.shift:g}" if other.shift else "")
        raise InputError(
            f"a VAE must be made for the model, {vae or f'that of {checkpoint.name}'} has the {numbers} of {other.family}:"
            f" {'use another --vae' if vae else 'copy the model again as a whole'}",
            rule="vae-fit",
        )
