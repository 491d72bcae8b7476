import pytest
import torch

from synoptic import images


def test_tensor_to_picture_and_back_within_half_a_level():
    x = torch.rand(2, 3, 5, 7) * 2 - 1
    back = torch.cat([images.from_pil(p) for p in images.to_pil(x)])
    assert (back - x).abs().max() <= 0.5 / 127.5 + 1e-6


def test_what_is_out_of_range_is_clipped_not_wrapped():
    x = torch.tensor([-3.0, 3.0]).view(1, 1, 1, 2).expand(1, 3, 1, 2)
    assert list(images.to_pil(x)[0].tobytes()) == [0, 0, 0, 255, 255, 255]


def test_settings_survive_in_the_file(tmp_path):
    image = images.to_pil(torch.zeros(1, 3, 4, 4))[0]
    settings = {"prompt": "ein Bär 🐻", "seed": 3, "nested": {"a": [1, None]}}
    images.save(tmp_path / "a.png", image, settings)
    assert images.settings(tmp_path / "a.png") == settings
    image.save(tmp_path / "plain.png")
    assert images.settings(tmp_path / "plain.png") == {}
    image.save(tmp_path / "plain.jpg")
    assert images.settings(tmp_path / "plain.jpg") == {}


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "run.json"
    path.write_text("old")

    def fail(file):
        file.write(b"half of the ne")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        images.atomically(path, fail)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
