"""The courses' score of a folder, and eval.json, which holds it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from synoptic.courses.files import pictures
from synoptic.io import load_image, write_whole
from synoptic.metrics.clip import Clip
from synoptic.utils.json_objects import JsonObject


def cosines(found: Mapping[str, Sequence[Path]], clip: Clip, prompts: Sequence[str]) -> dict[str, Tensor]:
    """Return each prompt's pictures against all `prompts`: a (pictures, prompts) tensor of
    cosines for every entry of `found`.
    """
    texts = clip.encode_texts(prompts)
    return {prompt: clip.encode_images([load_image(path) for path in paths]) @ texts.T for prompt, paths in found.items()}


def eval_of(folder: Path, found: Mapping[str, Sequence[Path]], scores: Mapping[str, float]) -> JsonObject:
    """Return the courses' eval.json: the folder, each prompt's score under its first picture's path, and their mean."""
    entries = {str(paths[0]): scores[prompt] for prompt, paths in found.items()}
    return {"source_dir": str(folder), **entries, "score": sum(scores.values()) / len(scores)}


def score_folder(folder: Path, clip: Clip) -> JsonObject:
    """Return the courses' score of a folder: the cosines of one prompt's pictures are averaged first, then the prompts.

    Gives what eval.json holds (`eval_of`). All *.png directly in the folder are scored, with the text in their names;
    raises FileNotFoundError where there is none.
    """
    found = pictures(folder)
    if not found:
        raise FileNotFoundError(f"{folder} holds no .png: nothing to score")
    every = cosines(found, clip, list(found))
    means = {prompt: every[prompt][:, i].mean().item() for i, prompt in enumerate(found)}
    return eval_of(folder, found, means)


def write_eval(folder: Path, scores: JsonObject) -> Path:
    """Write folder/eval.json, whole or not at all, and return its path."""
    path = folder / "eval.json"
    write_whole(path, json.dumps(scores, indent=4, ensure_ascii=False) + "\n")
    return path
