"""Check that the parts of a model are of one model, before weights load: widths of texts, latents. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.vae_configs import Latents, foreign_latents, vae_channels
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
QUICK, PADDING_OF_SECOND = "quick_gelu", "!"
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
    if kind in TWO_CLIPS:
        check_clip_order(checkpoint, widths)


def check_clip_order(checkpoint: Checkpoint, widths: Mapping[str, int | None]) -> None:
    """Raise InputError where two CLIPs, or their tokenizers, are in each other's place.

    The first is OpenAI's, which is narrower and has an activation of its own; the second's words are padded by "!".
    """
    if (widths["text_encoder"] or 0) > (widths["text_encoder_2"] or 0):
        raise InputError(
            f"of a model's two CLIPs the narrower one is text_encoder, in {checkpoint.name} they are"
            f" {widths['text_encoder']} and {widths['text_encoder_2']} wide: exchange text_encoder and text_encoder_2",
            rule="model-parts",
        )
    one, other = (checkpoint.config(part).get("hidden_act", QUICK) for part in ("text_encoder", "text_encoder_2"))
    if one != QUICK and other == QUICK:
        raise InputError(
            f"of a model's two CLIPs the one with {QUICK} is text_encoder, in {checkpoint.name} it is text_encoder_2:"
            " exchange text_encoder and text_encoder_2",
            rule="model-parts",
        )
    first, second = (padding(checkpoint, part) for part in ("tokenizer", "tokenizer_2"))
    if first == PADDING_OF_SECOND and second not in (None, PADDING_OF_SECOND):
        raise InputError(
            f"of a model's two tokenizers tokenizer_2 fills up by {PADDING_OF_SECOND!r}, in {checkpoint.name} tokenizer"
            " does: exchange tokenizer and tokenizer_2",
            rule="model-parts",
        )


def padding(checkpoint: Checkpoint, component: str) -> object:
    """Return the word that a tokenizer fills up by, None where its config gives none."""
    file = "tokenizer_config.json"
    given = checkpoint.config(component, file).get("pad_token") if f"{component}/{file}" in checkpoint.files else None
    return given.get("content") if isinstance(given, dict) else given


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
        cure = "use another --vae" if vae else "copy the model again as a whole"
        raise foreign_vae(other, vae or f"that of {checkpoint.name}", cure)


def foreign_vae(other: Latents, vae: str, cure: str) -> InputError:
    """Return the error of a VAE whose latents are another family's."""
    numbers = f"scaling_factor {other.scale:g}" + (f" and shift_factor {other.shift:g}" if other.shift else "")
    return InputError(f"a VAE must be made for the model, {vae} has the {numbers} of {other.family}: {cure}", rule="vae-fit")
