import json
import logging
import re
from pathlib import Path

import pytest
import torch
from PIL import Image

from synoptic.courses.files import distinct, file_name, pictures, prompt_of, unique_names
from synoptic.courses.folder_scores import score_folder, write_eval
from synoptic.errors import InputError
from synoptic.metrics.clip import Clip


@pytest.fixture(scope="module")
def reference_clip():
    return Clip("bundled")


def paint(path: Path, seed: int, size: tuple[int, int] = (64, 64)) -> Path:
    x = torch.rand(size[1], size[0], 3, generator=torch.Generator().manual_seed(seed))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((x * 255).byte().numpy()).save(path)
    return path


def test_names_are_the_courses():
    assert file_name("a photo of a horse", 17) == "a_photo_of_a_horse_17.png"
    assert file_name("A photo of a beautiful ocean") == "A_photo_of_a_beautiful_ocean.png"
    assert file_name("a 24/7\nshop") == "a_24_7_shop.png"
    assert len(file_name("é" * 300, 2560).encode()) < 255


@pytest.mark.parametrize("position", [None, 0, 2535])
@pytest.mark.parametrize("prompt", ["a photo of a horse", "A European medieval town", "말의 사진"])
def test_a_name_gives_its_prompt_back(prompt, position):
    assert prompt_of(Path("somewhere") / file_name(prompt, position)) == prompt


def test_names_are_kept_apart_and_still_read_alike():
    names = distinct(["a_lake.png", "A_lake.png", "a_lake.png", "é.png", "e\u0301.png"])
    assert names == ["a_lake.png", "A_lake.2.png", "a_lake.3.png", "é.png", "e\u0301.2.png"]
    assert {prompt_of(Path(name)).lower() for name in names[:3]} == {"a lake"}


def test_a_name_is_read_up_to_its_first_dot():
    assert prompt_of(Path("a_dog.best_quality.png")) == "a dog"


def test_the_score_is_the_mean_of_prompts_of_the_means_of_their_pictures(reference_clip, tmp_path):
    for i, name in enumerate(["a_photo_of_a_horse_0", "a_photo_of_a_horse_128", "a_photo_of_a_horse_7", "a_castle_3"]):
        paint(tmp_path / f"{name}.png", i)
    scores = score_folder(tmp_path, reference_clip)

    def cosine(name: str, text: str) -> float:
        with Image.open(tmp_path / name) as image:
            return reference_clip([image], [text]).item()

    horses = [cosine(f"a_photo_of_a_horse_{p}.png", "a photo of a horse") for p in (0, 128, 7)]
    castle = cosine("a_castle_3.png", "a castle")
    first = str(tmp_path / "a_photo_of_a_horse_0.png")
    assert scores[first] == pytest.approx(sum(horses) / 3, abs=1e-6)
    assert scores["score"] == pytest.approx((sum(horses) / 3 + castle) / 2, abs=1e-6)


def test_eval_json_has_the_courses_schema(reference_clip, tmp_path):
    """{"source_dir", "<first image path of the prompt>": mean, …, "score"}."""
    for name in ("an_oil_painting_of_a_horse", "an_oil_painting_of_a_library"):
        paint(tmp_path / f"{name}.png", len(name))
    written = json.loads(write_eval(tmp_path, score_folder(tmp_path, reference_clip)).read_text())
    keys = list(written)
    assert keys[0] == "source_dir" and keys[-1] == "score" and written["source_dir"] == str(tmp_path)
    assert keys[1:-1] == [str(tmp_path / f"an_oil_painting_of_a_{what}.png") for what in ("horse", "library")]
    assert written["score"] == pytest.approx(sum(written[k] for k in keys[1:-1]) / 2)
    assert [p.name for p in tmp_path.glob(".*")] == [], "no partial file stays"


def test_scores_do_not_depend_on_other_pictures_in_the_batch(reference_clip, tmp_path):
    for i in range(3):
        paint(tmp_path / "all" / f"a_dog_{i}.png", i)
        paint(tmp_path / "all" / f"a_cat_{i}.png", 9 + i)
        paint(tmp_path / "cats" / f"a_cat_{i}.png", 9 + i)
    every, cats = score_folder(tmp_path / "all", reference_clip), score_folder(tmp_path / "cats", reference_clip)
    assert every[str(tmp_path / "all/a_cat_0.png")] == pytest.approx(cats["score"], abs=1e-6)


def test_a_full_panorama_among_crops_is_not_scored(reference_clip, tmp_path, caplog):
    paint(tmp_path / "a_beach_0.png", 0)
    paint(tmp_path / "a_beach_100.png", 1)
    before = score_folder(tmp_path, reference_clip)
    panorama = paint(tmp_path / "a_beach.png", 2, (384, 64))
    with caplog.at_level(logging.WARNING):
        assert score_folder(tmp_path, reference_clip) == before
    assert re.search(f"{re.escape(str(panorama))} is 384×64.*not scored", caplog.text)


def test_without_crops_every_picture_counts_whatever_its_shape(tmp_path):
    paint(tmp_path / "a_beach.png", 0, (96, 64))
    assert list(pictures(tmp_path)) == ["a beach"]


def test_known_prompts_claim_files_whose_names_say_less(tmp_path):
    prompt = "a 3.5 m boat on route 66"
    paint(tmp_path / file_name(prompt), 0)
    assert list(pictures(tmp_path, unique_names([(prompt, None)]))) == [prompt]
    assert list(pictures(tmp_path)) == ["a"]


def test_files_that_are_no_pictures_are_named(tmp_path):
    whole = paint(tmp_path / "a_beach.png", 0).read_bytes()
    for broken in (b"text", whole[: len(whole) // 2]):
        (tmp_path / "a_horse.png").write_bytes(broken)
        with pytest.raises(InputError, match=r"a_horse\.png is none: remove it"):
            pictures(tmp_path)


def test_a_folder_without_pictures_is_no_score_of_zero(reference_clip, tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no"):
        score_folder(tmp_path, reference_clip)
