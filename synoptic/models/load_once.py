"""A model that is loaded once and kept for the next call that asks for the same."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from copy import copy
from dataclasses import replace

from synoptic.errors import user_path
from synoptic.models import latent, pixel, transformer
from synoptic.models.base import PretrainedModel
from synoptic.models.clip_windows import count_windows
from synoptic.models.device import choose_device, choose_dtype, numbered
from synoptic.models.load import load
from synoptic.models.local_cache import file_hash
from synoptic.models.lora import read_loras
from synoptic.models.placement_names import Offload, Quantize
from synoptic.models.precomputed_text import PrecomputedTextEncoder
from synoptic.models.registry import resolve, resolve_vae
from synoptic.models.text import (
    ClipTextEncoder,
    DoubleClipTextEncoder,
)
from synoptic.models.textual_inversion import read_textual_inversions

_lock = threading.Lock()
_kept: dict[tuple[object, ...], PretrainedModel] = {}  # the last one


def load_once(
    name: str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    compile: bool = False,
    embeddings: str | None = None,
    lora: Sequence[str] = (),
    vae: str | None = None,
    textual_inversion: Sequence[str] = (),
    clip_skip: int = 0,
    offload: Offload = "none",
    quantize: Quantize = "none",
    long_prompts: Sequence[str] = (),
) -> PretrainedModel:
    """Load as `load` does, or return the model of the last call if it was the same. Safe in several threads.

    embeddings: a file of precomputed embeddings, used in place of the text encoder. lora, vae, textual_inversion, clip_skip,
    offload, quantize: as `load`. long_prompts: texts each of which the text encoder shall see as a whole.
    """
    checkpoint, on = resolve(name), choose_device(device)
    file = user_path(embeddings) if embeddings else None
    changes = tuple((one.digest, one.scale) for one in read_loras(lora, checkpoint))
    words = tuple((one.digest, one.token) for one in read_textual_inversions(textual_inversion, checkpoint))
    kind = choose_dtype(dtype, on, checkpoint.family.half)
    key = (checkpoint.path_or_repo, checkpoint.revision, numbered(on), kind, compile, changes, words, clip_skip)
    key += (offload, quantize)
    key += (file and file_hash(file), vae and resolve_vae(vae, checkpoint).network_revision)
    with _lock:
        if key not in _kept:
            _kept.clear()
            text = PrecomputedTextEncoder(file, on) if file else None
            _kept[key] = load(
                checkpoint,
                device=device,
                dtype=dtype,
                text_encoder=text,
                compile=compile,
                lora=lora,
                vae=vae,
                textual_inversion=textual_inversion,
                clip_skip=clip_skip,
                offload=offload,
                quantize=quantize,
            )
        return reading(_kept[key], long_prompts)


def reading(model: PretrainedModel, prompts: Sequence[str]) -> PretrainedModel:
    """Return the model with a text encoder of as many windows as the longest of some prompts fills."""
    if not prompts or not isinstance(model, latent.LatentDenoiser | pixel.PixelDenoiser | transformer.TransformerDenoiser):
        return model
    text = model.text_encoder
    if not isinstance(text, ClipTextEncoder | DoubleClipTextEncoder):
        return model
    longer = copy(model)
    longer.text_encoder = replace(text, windows=max(count_windows(tower.tokenizer, prompts) for tower in text.towers))
    return longer
