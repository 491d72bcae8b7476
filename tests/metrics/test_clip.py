import shutil

import pytest
import torch
from PIL import Image
from transformers import CLIPModel, CLIPProcessor, CLIPTokenizer

from synoptic.errors import InputError
from synoptic.metrics.clip import Clip, clip_score, clip_scores, square_crops
from synoptic.models.checkpoint import BUNDLED_DIR


@pytest.fixture(scope="module")
def pictures():
    torch.manual_seed(0)
    pixels = (torch.rand(5, 96, 128, 3) * 255).byte().numpy()
    return [Image.fromarray(p) for p in pixels]


def test_cosines_equal_the_models_own_logits(clip_model, pictures):
    texts = ["a photo of a horse", "an oil painting of a castle at night"]
    model = CLIPModel.from_pretrained(BUNDLED_DIR / "clip", dtype=torch.float32)
    tokens = CLIPTokenizer.from_pretrained(BUNDLED_DIR / "clip")(
        texts, padding="max_length", max_length=48, return_tensors="pt"
    )
    pixels = torch.cat([clip_model.preprocess(picture) for picture in pictures])
    with torch.no_grad():
        logits = model(pixel_values=pixels, **tokens).logits_per_image / model.logit_scale.exp()
    assert torch.allclose(clip_model(pictures, texts), logits, atol=1e-5)


def test_pictures_are_prepared_as_transformers_does(clip_model, pictures):
    module = pytest.importorskip("transformers.models.clip.image_processing_pil_clip")
    theirs = module.CLIPImageProcessorPil.from_pretrained(BUNDLED_DIR / "clip")(pictures, return_tensors="pt")[
        "pixel_values"
    ]
    assert torch.allclose(torch.cat([clip_model.preprocess(picture) for picture in pictures]), theirs, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_features_do_not_depend_on_the_batch(clip_model, pictures, batch):
    assert torch.allclose(clip_model.encode_images(pictures), clip_model.encode_images(pictures, batch=batch), atol=1e-5)
    assert torch.allclose(clip_model.patch_features(pictures), clip_model.patch_features(pictures, batch=batch), atol=1e-5)
    texts = ["a horse", "an oil painting of a castle at night", "", "a cat", "a red apple"]
    assert torch.allclose(clip_model.encode_texts(texts), clip_model.encode_texts(texts, batch=batch), atol=1e-5)


def test_the_judges_temperature_turns_cosines_into_its_logits(clip_model):
    model = CLIPModel.from_pretrained(BUNDLED_DIR / "clip", dtype=torch.float32)
    assert 1 / clip_model.temperature == pytest.approx(model.logit_scale.exp().item())


def test_the_score_of_a_set_is_the_mean_over_prompts_of_the_mean_over_pictures(clip_model, pictures):
    measured = clip_scores(clip_model, pictures[:3], ["a horse", "a castle", "a horse"])
    cosines = clip_model([picture.crop((0, 0, 96, 96)) for picture in pictures[:3]], ["a horse", "a castle"])
    right = clip_model([picture.crop((32, 0, 128, 96)) for picture in pictures[:3]], ["a horse", "a castle"])
    each = (cosines + right) / 2
    expected = {"a horse": (each[0, 0] + each[2, 0]).item() / 2, "a castle": each[1, 1].item()}
    assert measured.items == pytest.approx(expected, abs=1e-6)
    assert measured.mean == pytest.approx(sum(expected.values()) / 2, abs=1e-6)


def test_the_crops_of_a_wide_picture_are_squares_that_cover_it():
    wide = Image.new("RGB", (300, 128))
    boxes = [crop.size for crop in square_crops(wide)]
    assert boxes == [(128, 128)] * 3
    assert [c.size for c in square_crops(wide.transpose(Image.Transpose.ROTATE_90))] == boxes
    assert [c.size for c in square_crops(Image.new("RGB", (64, 64)))] == [(64, 64)]


def test_the_score_of_a_wide_picture_is_the_mean_of_its_crops(clip_model, pictures):
    left, right = pictures[0].resize((64, 64)), pictures[1].resize((64, 64))
    wide = Image.new("RGB", (128, 64))
    wide.paste(left, (0, 0))
    wide.paste(right, (64, 0))
    halves = clip_model([left, right], ["a horse"]).mean().item()
    assert clip_score(clip_model, wide, "a horse") == pytest.approx(halves, abs=1e-6)


def test_a_bundled_judge_says_its_name(clip_model):
    assert clip_model.name == "bundled clip" and Clip("bundled-grayscale").name == "bundled clip-grayscale"


def test_a_processor_saved_by_transformers_5_prepares_the_same(clip_model, pictures, tmp_path):
    module = pytest.importorskip("transformers.models.clip.image_processing_pil_clip")
    folder = shutil.copytree(BUNDLED_DIR / "clip", tmp_path / "clip")
    processor = CLIPProcessor(module.CLIPImageProcessorPil.from_pretrained(folder), CLIPTokenizer.from_pretrained(folder))
    (folder / "preprocessor_config.json").unlink()
    processor.save_pretrained(folder)
    assert (folder / "processor_config.json").is_file() and not (folder / "preprocessor_config.json").exists()
    ours = Clip(str(folder), "cpu")
    assert torch.equal(ours.encode_images(pictures), clip_model.encode_images(pictures))
    assert torch.equal(ours.encode_texts(["a fox"]), clip_model.encode_texts(["a fox"]))


def test_a_clip_model_without_a_processor_is_refused(tmp_path):
    folder = shutil.copytree(BUNDLED_DIR / "clip", tmp_path / "clip")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(InputError) as e:
        Clip(str(folder), "cpu")
    assert e.value.rule == "model-file-unreadable"


def test_emphasis_is_no_word_of_a_prompt(clip_model):
    found, wanted = (clip_model.encode_texts([text]) for text in ("a (red:1.3) mug", "a red mug"))
    assert torch.equal(found, wanted)
