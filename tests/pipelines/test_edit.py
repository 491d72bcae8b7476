"""Edits: every option, several starts, pictures of any size, a picture's edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import ImageFilter

import synoptic
from synoptic import io
from synoptic.errors import InputError
from tests.drawings import disc, drawing
from tests.quick import slow_ones
from tests.references import assert_like_reference

HORSE = "a photo of a horse"
OPTIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "start": {"start": (1,)},
    "strength": {"strength": 0.3},
    "dpm++": {"sampler": "dpm++", "guidance_scale": 1.0, "clip": "none"},
    "ddpm": {"sampler": "ddpm", "negative_prompt": "a dog", "clip": "static"},
    "eta": {"eta": 0.5, "clip": "dynamic", "size": 260},
    "seed": {"seed": 3},
    "canny": {"condition": "canny"},
}


@pytest.mark.parametrize("name", slow_ones(OPTIONS, ["start", "strength", "dpm++", "ddpm", "seed"]))
def test_every_option_gives_the_picture_it_gave(name, sd32):
    (image,) = synoptic.edit(sd32, drawing(256, 256), HORSE, steps=3, **OPTIONS[name]).images
    assert image.size == (OPTIONS[name].get("size", 256),) * 2
    assert_like_reference(f"edit-{name}", image)


def test_pixel_models_edit_too(pixel32):
    (image,) = synoptic.edit(pixel32, drawing(40, 60), HORSE, steps=3, strength=0.6).images
    assert image.size == (64, 96)
    assert_like_reference("edit-pixels", image)


@pytest.mark.slow
def test_a_picture_is_edited_as_in_a_batch(sd32):
    both = synoptic.edit(sd32, drawing(256, 256), HORSE, steps=2, seed=1, count=2).images
    (second,) = synoptic.edit(sd32, drawing(256, 256), HORSE, steps=2, seed=2).images
    assert np.abs(np.asarray(both[1], int) - np.asarray(second, int)).max() <= 1


@pytest.mark.slow
def test_several_starts_make_one_figure_and_the_later_keep_more(tmp_path):
    asked: dict[str, Any] = {"start": (0, 4), "steps": 5, "dtype": "float32", "out": str(tmp_path)}
    run = synoptic.run("edit", drawing(256, 256), **asked)
    head, *rows, file = [line.split("\t") for line in str(run).splitlines()]
    assert head == ["start", "seed", "PSNR", "score"] and [row[0] for row in rows] == ["0", "4"]
    assert float(rows[1][2]) > float(rows[0][2]) + 3 and all(float(row[3]) for row in rows)
    assert file == [str(tmp_path / "edit.png")]
    assert io.load_image(tmp_path / "edit.png").width == 3 * (256 + 8) + 8
    assert (tmp_path / "edit.tsv").read_text().splitlines() == str(run).splitlines()[:-1]
    assert [picture.file for picture in run.pictures] == [f"start-{k}/a_high_quality_photo_1.png" for k in (0, 4)]
    inside = io.read_settings(tmp_path / "start-4/a_high_quality_photo_1.png")
    assert inside["options"]["start"] == [4] and inside["prompt"] == "a high quality photo"


@pytest.mark.slow
def test_a_finished_edit_is_not_done_again_and_another_picture_is_refused(tmp_path):
    drawing(256, 256).save(tmp_path / "a.png")
    how: dict[str, Any] = {"out": str(tmp_path / "run"), "strength": 0.5, "steps": 2, "dtype": "float32"}
    first, again = (synoptic.run("edit", str(tmp_path / "a.png"), HORSE, **how) for _ in range(2))
    assert "sample" not in again.timings and again.images[0].tobytes() == first.images[0].tobytes()
    assert io.load_image(tmp_path / "run/original.png").tobytes() == drawing(256, 256).tobytes()
    drawing(256, 256).rotate(90).save(tmp_path / "a.png")
    with pytest.raises(InputError) as e:
        synoptic.run("edit", str(tmp_path / "a.png"), HORSE, **how)
    assert e.value.rule == "run-differs"


@pytest.mark.slow
def test_pictures_of_any_size_are_edited_in_windows(sd32):
    """268 x 406 is larger than the model and no multiple of a latent; at the last step little is changed, to the edges."""
    source = drawing(406, 268).filter(ImageFilter.GaussianBlur(3))
    (image,) = synoptic.edit(sd32, source, start=24, steps=25).images
    assert image.size == (406, 268)
    off = np.abs(np.asarray(image, float) - np.asarray(source, float))
    assert off.mean() < 20 and off[:, -3:].mean() < 30 and off[-3:].mean() < 30


@pytest.mark.slow
def test_an_edit_can_keep_the_edges(sd32):
    edited = synoptic.edit(sd32, disc(), "an orange", steps=3, condition="canny")
    plain = synoptic.edit(sd32, disc(), "an orange", steps=3)
    assert edited.outputs[0].files.keys() == {"original.png", "canny.png"}
    assert edited.images[0].tobytes() != plain.images[0].tobytes()


@pytest.mark.slow
def test_the_steps_that_are_left_are_yielded_with_previews(sd32):
    steps = list(synoptic.edit.steps(sd32, drawing(280, 256), steps=4, start=2))
    assert [(step.i, step.n) for step in steps] == [(0, 2), (1, 2)]
    assert steps[-1].images()[0].size == (280, 256) and steps[0].preview(side=20).width <= 160
