from itertools import combinations

import numpy as np
import pytest
import torch
from PIL import Image

from synoptic.errors import InputError
from synoptic.metrics.coherence import coherence, disjoint_crops, mean_distance


def row(blobs: list[Image.Image]) -> Image.Image:
    wide = Image.new("RGB", (64 * len(blobs), 64))
    for k, blob in enumerate(blobs):
        wide.paste(blob, (64 * k, 0))
    return wide


def test_equals_a_loop_over_the_pairs(clip_model, blobs):
    features = clip_model.encode_images(blobs[:5]).numpy().astype(np.float64)
    expected = np.mean([1 - a @ b for a, b in combinations(features, 2)])
    assert coherence(clip_model, row(blobs[:5])) == pytest.approx(expected, abs=1e-6)


def test_the_order_of_the_crops_does_not_matter(clip_model, blobs):
    assert coherence(clip_model, row(blobs)) == pytest.approx(coherence(clip_model, row(blobs[::-1])), abs=1e-6)
    column = row(blobs[:3]).transpose(Image.Transpose.ROTATE_270)
    turned = [blob.transpose(Image.Transpose.ROTATE_270) for blob in blobs[:3]]
    assert coherence(clip_model, column) == pytest.approx(coherence(clip_model, row(turned)), abs=1e-6)


def test_equal_crops_are_at_zero_and_opposite_ones_at_two(clip_model, blobs):
    assert coherence(clip_model, row(blobs[:1] * 4)) == pytest.approx(0, abs=1e-6)
    assert mean_distance(torch.tensor([[1.0, 0.0], [-1.0, 0.0]])) == 2
    assert mean_distance(torch.eye(5)) == pytest.approx(1)


def test_crops_do_not_overlap_and_reach_both_edges():
    ramp = Image.fromarray(np.broadcast_to(np.arange(230, dtype=np.uint8)[None, :, None], (64, 230, 3)).copy())
    assert [np.asarray(crop)[0, [0, -1], 0].tolist() for crop in disjoint_crops(ramp, 64)] == [
        [0, 63],
        [83, 146],
        [166, 229],
    ]
    assert [crop.size for crop in disjoint_crops(Image.new("RGB", (130, 200)), 64)] == [(64, 64)] * 6


def test_a_picture_of_one_crop_is_refused(clip_model, blobs):
    with pytest.raises(InputError, match=r"two crops of 64 pixels, a picture of 64×64.*: give a wider"):
        coherence(clip_model, blobs[0])
    with pytest.raises(InputError, match="two crops of 200"):
        coherence(clip_model, row(blobs), side=200)
