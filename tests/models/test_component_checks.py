"""Components: a directory that lacks one, or has one of a class that is not allowed, is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from synoptic.models.load import load
from tests.models.directories import WEIGHTS, edit, index, refused, write


def without(file: str, tensor: str) -> Callable[[Path], None]:
    """The weight file less one tensor."""

    def take(model: Path) -> None:
        tensors = load_file(model / file)
        del tensors[tensor]
        (model / file).unlink()
        save_file(tensors, model / file, {"format": "pt"})

    return take


@pytest.mark.parametrize(
    "broken",
    [
        without("text_encoder/model.safetensors", "embeddings.position_embedding.weight"),
        without(WEIGHTS, "conv_in.bias"),
        lambda m: (m / "tokenizer/tokenizer.json").unlink(),
        lambda m: (m / "vae/config.json").unlink(),
        lambda m: edit(m / "scheduler/scheduler_config.json", prediction_type="noise"),
        lambda m: edit(m / "scheduler/scheduler_config.json", timestep_spacing="random"),
        lambda m: write(m / "model_index.json", b"[]"),
        index(tokenizer=None),
    ],
    ids=["text tensor", "network tensor", "words", "vae config", "prediction type", "spacing", "index", "index entry"],
)
def test_a_directory_with_a_part_missing_is_refused(model, broken):
    broken(model)
    refused(lambda: load(str(model), device="cpu", dtype="float32"))


@pytest.mark.parametrize("entry", [["evil", "Evil"], ["diffusers", "DiffusionPipeline"], ["os", "system"], [None, None]])
def test_a_class_that_is_not_allowed_is_refused(model, entry):
    index(unet=entry)(model)
    refused(lambda: load(str(model), device="cpu"), f"a {entry[1]} as its unet", "does not load")
