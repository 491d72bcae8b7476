"""Check that a checkpoint has every component its family needs, before weights load. Imports nothing heavy."""

from __future__ import annotations

from synoptic.diffusion.scheduler_classes import FLOW_SCHEDULERS, KNOWN_SCHEDULERS, MULTISTEP_SCHEDULERS, other_spacing
from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.checkpoint_files import VOCABULARIES
from synoptic.models.families import FAMILIES
from synoptic.models.hub import incomplete, is_online
from synoptic.models.parts_fit import check_latent_scale, check_parts_fit
from synoptic.models.vae_configs import vae_channels

FORMER_CLASSES = {"Transformer2DModel": "PixArtTransformer2DModel"}  # as released indices say, before diffusers' new names

TOKENIZERS = {cls for family in FAMILIES.values() for part, cls in family.components.items() if part.startswith("tokenizer")}


def check_components(checkpoint: Checkpoint) -> Checkpoint:
    """Return the source itself, once every part that it needs is seen to be there."""
    network, native = checkpoint.family.network, checkpoint.side
    if not isinstance(native, int):
        raise InputError(
            f"a model's {network}/config.json must give one sample_size, {checkpoint.name} gives {native!r}: choose another",
            rule="model-size",
        )
    if not checkpoint.has_unet and native % checkpoint.downsampling:
        raise InputError(
            f"a transformer's sample_size must be a multiple of {checkpoint.downsampling}, a token's side, that of"
            f" {checkpoint.name} is {native}: correct its config.json",
            rule="model-size",
        )
    if checkpoint.has_latents:
        check_latent_scale(checkpoint)
    check_input_channels(checkpoint)
    for component in ("scheduler", *filter(None, [checkpoint.family.low_res_scheduler])):
        check_scheduler(checkpoint, component)
    scheduler = checkpoint.config("scheduler", "scheduler_config.json")
    if scheduler.get("rescale_betas_zero_snr") and scheduler.get("prediction_type", "epsilon") == "epsilon":
        raise InputError(
            f"a schedule that ends in pure noise needs another prediction_type than epsilon, that of {checkpoint.name} has"
            " rescale_betas_zero_snr and epsilon: correct its scheduler_config.json",
            rule="scheduler-zero-snr",
        )
    for component, cls in checkpoint.components.items():
        entry = checkpoint.model_index.get(component)
        given = entry[1] if isinstance(entry, list) and len(entry) == 2 else None  # [library, class]
        if not isinstance(given, str) or FORMER_CLASSES.get(given, given.removesuffix("Fast")) != cls:
            raise InputError(
                f"{checkpoint.name} has a {given} as its {component}, which synoptic does not load: it must be a {cls}",
                rule="model-component",
            )
        if component in checkpoint.family.weighted_components:
            check_class(checkpoint, component, checkpoint.config(component).get("_class_name"), cls)
            check_network(checkpoint, component)
        else:
            check_words(checkpoint, component, cls)
    check_parts_fit(checkpoint)
    return checkpoint


def check_class(checkpoint: Checkpoint, component: str, named: object, cls: str) -> None:
    """Raise InputError where a component's own config names another class than the family has there."""
    if isinstance(named, str) and FORMER_CLASSES.get(named, named.removesuffix("Fast")) != cls:
        raise InputError(
            f"a model's {component} must be of class {cls}, that of {checkpoint.name} is a {named[:60]}, by its config:"
            f" copy the folder {component} again",
            rule="model-component",
        )


def check_words(checkpoint: Checkpoint, component: str, cls: str) -> None:
    """Raise InputError where a tokenizer lacks its words, is another model's, or its config names code or other files."""
    if not any(all(f"{component}/{file}" in checkpoint.files for file in words) for words in VOCABULARIES):
        if not checkpoint.is_local and not is_online():
            raise incomplete(checkpoint.path_or_repo, f"{component}/{VOCABULARIES[0][0]}")
        known = ", ".join(" with ".join(words) for words in VOCABULARIES)
        raise InputError(
            f"a model needs its words, {checkpoint.name} has none of {known} in {component}/: copy it again",
            rule="tokenizer-missing",
        )
    if checkpoint.is_local:
        checkpoint.fetch(checkpoint.word_files(component))
    if f"{component}/tokenizer_config.json" in checkpoint.files:
        named = checkpoint.config(component, "tokenizer_config.json").get("tokenizer_class")
        if isinstance(named, str) and named.removesuffix("Fast") in TOKENIZERS:  # transformers' general ones say nothing
            check_class(checkpoint, component, named, cls)


def check_input_channels(checkpoint: Checkpoint) -> None:
    """Raise InputError where a model's network wants more than the noisy picture: a mask, a depth map or a picture."""
    given, usual = checkpoint.channels, 3
    if checkpoint.has_latents and checkpoint.has_unet:
        usual = checkpoint.network_config.get("out_channels") or 4
    elif checkpoint.has_latents:
        usual = vae_channels(checkpoint.config("vae"))
    if given > usual and not checkpoint.family.low_res_scheduler:
        what, cure = {
            2 * usual + 1: ("an inpainting network, which wants a mask", "`inpaint` fills holes with any ordinary model"),
            usual + 1: ("a depth network, which wants a depth map", "use a depth ControlNet by `control`"),
            2 * usual: ("an editing network, which wants a picture", "`edit` edits with any ordinary model"),
        }.get(given, ("made for a further input", "choose another model"))
        raise InputError(
            f"a model's network takes the noisy picture alone, {usual} channels, that of {checkpoint.name} takes {given}:"
            f" it is {what}; {cure}, such as --model sd1.5",
            rule="model-channels",
        )


def check_scheduler(checkpoint: Checkpoint, component: str) -> None:
    """Raise InputError where a scheduler's class, in its config or in the model's index, is none that is known, or where
    its noise levels are spaced in a way that is not."""
    entry = checkpoint.model_index.get(component)
    named = entry[1] if isinstance(entry, list) and len(entry) == 2 else None
    config = checkpoint.config(component, "scheduler_config.json")
    for kind in (config.get("_class_name"), named):
        if kind is not None and kind not in KNOWN_SCHEDULERS:
            raise InputError(
                f"a model's scheduler must be of a class that is known, the {component} of {checkpoint.name} is a"
                f" {str(kind)[:60]}: choose a model trained with one of {', '.join(KNOWN_SCHEDULERS)}",
                rule="scheduler-unknown",
            )
    halves = (config.get("prediction_type") == "flow_prediction", bool(config.get("use_flow_sigmas")))
    whole = all(halves) and config.get("_class_name") in MULTISTEP_SCHEDULERS
    if any(halves) and not whole and config.get("_class_name") not in FLOW_SCHEDULERS:
        raise InputError(
            f"a flow's scheduler is one of {', '.join((*FLOW_SCHEDULERS, *MULTISTEP_SCHEDULERS))}, the last"
            f" {len(MULTISTEP_SCHEDULERS)} with flow_prediction and use_flow_sigmas; the {component} of {checkpoint.name} is"
            f" a {config.get('_class_name')} with {config.get('prediction_type')} and use_flow_sigmas"
            f" {config.get('use_flow_sigmas')}: correct its scheduler_config.json",
            rule="scheduler-flow",
        )
    written = config.get("_class_name", named)
    is_flow = written in FLOW_SCHEDULERS or any(halves)
    if named and named not in MULTISTEP_SCHEDULERS and is_flow != (named in FLOW_SCHEDULERS):  # those may be either
        raise InputError(
            f"a flow's scheduler is of no other model, the {component} of {checkpoint.name} is a {written}, its"
            f" model_index.json names a {named}: copy the folder {component} again, or correct the index",
            rule="scheduler-other",
        )
    if (key := other_spacing(config)) is not None:
        raise InputError(
            f"noise levels are spaced by time or by use_karras_sigmas, the {component} of {checkpoint.name} has {key}"
            f" {config[key]!r}: remove it from its scheduler_config.json",
            rule="scheduler-spacing",
        )


def check_network(checkpoint: Checkpoint, component: str) -> Checkpoint:
    """Return the checkpoint itself, once one of its networks is seen to be whole; the hub's are seen to be safetensors,
    and checked when they are fetched."""
    files = {file for half in (False, True) for file in checkpoint.weight_files(component, half)}
    if checkpoint.is_local:
        checkpoint.fetch(files)
    return checkpoint
