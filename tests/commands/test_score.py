"""CLIP scores: the prompt inside a picture or in its name, and what is left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import synoptic
from synoptic import io
from synoptic.errors import InputError


def test_score_reads_the_prompt_inside_or_the_file_name(tmp_path):
    run = synoptic.run("generate", "a photo of a horse", model="bundled", out=str(tmp_path), steps=5, dtype="float32")
    run.images[0].save(tmp_path / "a_photo_of_a_lemon_128.png")
    scores = synoptic.score(str(tmp_path))
    by_prompt = {prompt: value for _, prompt, value in scores.items}
    assert set(by_prompt) == {"a photo of a horse", "a photo of a lemon"}
    assert by_prompt["a photo of a horse"] == pytest.approx(run.pictures[0].score, abs=1e-4)
    assert by_prompt["a photo of a horse"] > by_prompt["a photo of a lemon"] + 0.2
    assert scores.mean == pytest.approx(sum(by_prompt.values()) / 2)
    assert "by bundled clip" in str(scores)


@pytest.mark.parametrize("prompt", [5, ["a lion"], None, ""])
def test_a_prompt_that_is_no_text_is_not_one(prompt, tmp_path):
    io.save_image(tmp_path / "a_lion_0.png", io.to_pil(torch.zeros(1, 3, 64, 64))[0], {"prompt": prompt})
    assert [text for _, text, _ in synoptic.score(str(tmp_path)).items] == ["a lion"]


def test_score_leaves_out_what_belongs_to_another_picture(tmp_path):
    picture = io.image_grid([io.to_pil(torch.zeros(1, 3, 64, 64))[0]], ["a"], 1)
    io.save_image(tmp_path / "a_lion_0.png", picture, {"prompt": "a lion"})
    io.save_image(tmp_path / "a_lion_0.views.png", picture, {"of": "a_lion_0.png"})
    io.save_image(tmp_path / "canny.png", picture, {"of": "a_lion_0.png"})
    assert [prompt for _, prompt, _ in synoptic.score(str(tmp_path)).items] == ["a lion"]
    with pytest.raises(InputError) as e:
        synoptic.score(str(tmp_path / "a_lion_0.views.png"))
    assert e.value.rule == "folder-no-prompt"


def test_score_leaves_out_a_film_and_a_copy_beside_a_runs_picture(tmp_path, capsys):
    picture = io.to_pil(torch.zeros(1, 3, 64, 64))[0]
    for ending in ("png", "jpg", "texture.png"):
        io.save_image(tmp_path / f"a_lion_0.{ending}", picture, {"prompt": "a lion"})
    io.save_gif(tmp_path / "a_lion_0.gif", [picture, picture.rotate(90)], 2)
    picture.save(tmp_path / "a_lion_01.png")  # not of this run
    (tmp_path / "run.json").write_text(json.dumps({"pictures": [{"file": "a_lion_0.png"}]}))
    assert [Path(file).name for file, *_ in synoptic.score(str(tmp_path)).items] == ["a_lion_0.png", "a_lion_01.png"]
    assert capsys.readouterr().err == ""


def test_pictures_of_the_old_version_still_score(tmp_path):
    picture = io.to_pil(torch.zeros(1, 3, 64, 64))[0]
    old = {"file": "x_0.png", "prompt": "a lion", "seed": 0, "recipe": "generate", "settings": {"guidance": 5.0}}
    io.save_image(tmp_path / "x_0.png", picture, old)
    assert [prompt for _, prompt, _ in synoptic.score(str(tmp_path)).items] == ["a lion"]
