"""The files that a run began with: found again for whoever may see them, and for nobody else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from synoptic.errors import InputError
from synoptic.io import load_image
from synoptic.options import options_class
from synoptic.studio.access import Access
from synoptic.studio.fields import fields_of, values_of
from synoptic.studio.inputs import find_inputs, without
from synoptic.utils.picture import PictureSource, read_upload
from tests.drawings import disc

STEPS = {"prompt": "a house", "steps": 1, "model": "bundled-if"}


@pytest.fixture
def access(studio, tmp_path):
    """options -> what browsers may see of a studio."""
    return lambda **options: Access(studio(**options), tmp_path / "served", "secret")


@pytest.fixture
def file(tmp_path) -> Path:
    disc(64).save(tmp_path / "disc.png")
    return tmp_path / "disc.png"


def recorded(application: str, values: Mapping[str, object]) -> dict[str, object]:
    return json.loads(json.dumps(options_class(application).from_arguments(**values).to_json()))


@pytest.mark.parametrize(
    ("options", "shared"), [({}, True), ({"listen": True}, False), ({"listen": True, "shared_history": True}, True)]
)
def test_an_upload_comes_back_to_whoever_painted_with_it(access, file, options, shared):
    a = access(**options)
    job = a.jobs.submit("edit", STEPS | {"image": a.jobs.permissions.keep_upload(str(file))}, "me")
    a.jobs.stop(job)
    cls, said = type(job.options), json.loads(json.dumps(job.options.to_json()))
    found, missing = find_inputs(a, "me", cls, said)
    place = found["image"]
    assert not missing and isinstance(place, Path) and place.is_relative_to(a.served)
    assert load_image(place).tobytes() == load_image(file).tobytes()
    found, missing = find_inputs(a, "someone else", cls, said)
    assert (list(found), missing) == ((["image"], []) if shared else ([], ["image"]))
    assert (without(missing) == "") == shared


def test_a_file_of_this_machine_comes_back_if_it_is_the_same_and_nobody_else_listens(access, file):
    said, cls = recorded("edit", STEPS | {"image": str(file)}), options_class("edit")
    alone = access()
    found, missing = find_inputs(alone, "me", cls, said)
    place = found["image"]
    assert not missing and isinstance(place, Path) and place.is_relative_to(alone.served)
    assert load_image(place).tobytes() == load_image(file).tobytes()
    assert find_inputs(access(listen=True), "me", cls, said) == ({}, ["image"])
    disc(72).save(file)
    assert find_inputs(alone, "me", cls, said) == ({}, ["image"])


def test_a_picture_that_a_program_gave_is_known_by_its_hash(access, file):
    a = access()
    a.jobs.permissions.keep_upload(str(file))
    found, missing = find_inputs(a, "me", options_class("edit"), recorded("edit", STEPS | {"image": load_image(file)}))
    assert list(found) == ["image"] and not missing


@pytest.mark.parametrize("value", ["/etc/passwd", "~nobody-at-all/x", "a\0b", "../secret", "", 7, ["x"], {"path": "x"}])
def test_what_a_forged_picture_names_is_not_opened(access, value):
    for digest in ("", None, 7, "a" * 64):
        said = {"image": value, "image_sha256": digest}
        assert find_inputs(access(), "me", options_class("edit"), said) == ({}, ["image"])


def test_a_default_is_no_file_that_is_missing(access):
    assert find_inputs(access(), "me", options_class("distill"), recorded("distill", {"prompt": ["x"]})) == ({}, [])
    said = recorded("distill", {"prompt": ["x"], "init": "sketch"})
    assert find_inputs(access(), "me", options_class("distill"), said) == ({}, ["init"])


def test_what_is_painted_is_added_to_the_mask_of_a_file(tmp_path, file):
    mask, layer = Image.new("L", (64, 64)), Image.new("RGBA", (64, 64))
    mask.paste(120, (8, 8, 30, 40))
    layer.paste((255, 255, 255, 255), (20, 20, 60, 60))
    mask.save(tmp_path / "mask.png")
    fields = [one for some in fields_of(options_class("inpaint"), ["bundled"]).values() for one in some]
    options = {"image": file, "mask": tmp_path / "mask.png", "prompt": "x"}

    def read(*layers: Image.Image) -> list[Image.Image]:
        """Return the picture and the mask that are kept."""
        entered = [one.entry(options) for one in fields]
        sent = {"background": Image.open(file), "layers": layers}
        kept: dict[str, Image.Image] = {}

        def keep(source: PictureSource) -> str:
            return kept.setdefault(f"{len(kept)}", read_upload(source)) and f"{len(kept) - 1}"

        read = values_of(fields, [sent if isinstance(one, dict) else one for one in entered], keep)
        return [kept[str(read[name])] for name in ("image", "mask")]

    picture, alone = read()
    assert picture.tobytes() == load_image(file).tobytes() and alone.convert("L").tobytes() == mask.tobytes()
    _, both = read(layer)
    assert both.convert("L").tobytes() == ImageChops.lighter(mask, layer.getchannel("A")).tobytes()
    mask.resize((32, 32)).save(tmp_path / "mask.png")
    with pytest.raises(InputError, match="picture's size, 64x64"):
        read()
