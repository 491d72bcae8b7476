import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from synoptic.errors import InputError
from synoptic.metrics.concealment import alignment, alignment_and_concealment, concealment
from synoptic.models.checkpoint import BUNDLED_DIR

PROMPTS = ["a photo of a horse", "an oil painting of a castle", "a red apple"]


def by_hand(cosines: np.ndarray, temperature: float) -> tuple[float, float]:
    n, total = len(cosines), 0.0
    for i in range(n):
        e = np.exp(cosines.astype(np.float64) / temperature)
        total += e[i, i] / sum(e[i, j] for j in range(n)) + e[i, i] / sum(e[j, i] for j in range(n))
    return min(cosines[i, i] for i in range(n)), total / (2 * n)


def test_equal_the_papers_formulas_element_by_element(clip_model, blobs):
    with safe_open(BUNDLED_DIR / "clip" / "model.safetensors", "np") as f:
        temperature = 1 / np.exp(f.get_tensor("logit_scale").item())
    assert clip_model.temperature == pytest.approx(temperature, rel=1e-6)
    pictures = [[b, b.rotate(90), b.rotate(180)] for b in blobs[:2]]
    every = [PROMPTS, PROMPTS[::-1]]
    expected = [by_hand(clip_model(views, texts).numpy(), temperature) for views, texts in zip(pictures, every, strict=True)]
    for measured, values in zip(
        alignment_and_concealment(clip_model, pictures, every), zip(*expected, strict=True), strict=True
    ):
        assert list(measured.items.values()) == pytest.approx(values, abs=1e-5)
        assert list(measured.items) == [" | ".join(PROMPTS), " | ".join(PROMPTS[::-1])]


def test_perfect_views_conceal_each_other_and_equal_ones_are_at_chance():
    assert concealment(torch.eye(3), 0.01).item() == pytest.approx(1)
    assert concealment(torch.full((4, 4), 0.3), 0.01).item() == pytest.approx(1 / 4)
    assert concealment(1 - torch.eye(2), 0.01).item() == pytest.approx(0, abs=1e-12)


def test_concealment_knows_no_offset_and_neither_knows_the_order():
    s = torch.rand(5, 3, 3, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(concealment(s + 0.4, 0.05), concealment(s, 0.05))
    p = torch.tensor([2, 0, 1])
    assert torch.equal(alignment(s[:, p][:, :, p]), alignment(s))
    assert torch.allclose(concealment(s[:, p][:, :, p], 0.05), concealment(s, 0.05))
    assert torch.equal(concealment(s[1], 0.05), concealment(s, 0.05)[1])


def test_pictures_of_the_same_prompts_are_averaged_first(clip_model, blobs):
    pictures = [[b, b.rotate(90)] for b in blobs[:2]]
    both = alignment_and_concealment(clip_model, pictures, [PROMPTS[:2]] * 2)[0]
    apart = [alignment_and_concealment(clip_model, [picture], [PROMPTS[:2]])[0].mean for picture in pictures]
    assert both.items == {" | ".join(PROMPTS[:2]): pytest.approx(sum(apart) / 2)}


def test_views_without_prompts_are_refused(clip_model):
    square = Image.new("RGB", (64, 64))
    with pytest.raises(InputError, match="2 views and 3 prompts"):
        alignment_and_concealment(clip_model, [[square, square]], [PROMPTS])
    with pytest.raises(InputError, match="1 view and 1 prompt"):
        alignment_and_concealment(clip_model, [[square]], [PROMPTS[:1]])
    with pytest.raises(InputError, match="1 picture and 2 were given"):
        alignment_and_concealment(clip_model, [[square, square]], [PROMPTS[:2]] * 2)
