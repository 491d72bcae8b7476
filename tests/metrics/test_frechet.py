import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from synoptic.errors import InputError
from synoptic.metrics.base import mean_error
from synoptic.metrics.frechet import frechet, frechet_distance, jackknife


def normal(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_hand(a: np.ndarray, b: np.ndarray) -> float:
    """Heusel et al.'s formula by the eigenvalues of the product of the covariances, which is similar to a symmetric one."""
    values = np.linalg.eigvals(np.cov(a.T) @ np.cov(b.T)).real.clip(0)
    means = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return means + np.trace(np.cov(a.T)) + np.trace(np.cov(b.T)) - 2 * np.sqrt(values).sum()


def whitened(n: int, d: int, seed: int) -> torch.Tensor:
    """Rows whose mean is exactly 0 and whose covariance is exactly the identity."""
    x = normal(n, d, seed)
    q = torch.linalg.qr(x - x.mean(0)).Q
    return q * math.sqrt(n - 1)


def test_equals_the_formula_with_the_matrix_root():
    a, b = normal(300, 12, 0) @ normal(12, 12, 2), normal(200, 12, 1) @ normal(12, 12, 3) + 0.5
    assert frechet(a, b) == pytest.approx(by_hand(a.numpy(), b.numpy()), rel=1e-9)


def test_two_gaussians_are_as_far_apart_as_known():
    a = whitened(50, 3, 0)
    b = whitened(80, 3, 1) * torch.tensor([2.0, 3.0, 1.0], dtype=torch.float64) + torch.tensor([1.0, 0.0, 0.0])
    assert frechet(a, b) == pytest.approx(1 + (1 - 2) ** 2 + (1 - 3) ** 2, abs=1e-9)


@pytest.mark.parametrize("n", [4, 40, 400])
def test_a_set_is_at_zero_from_itself_even_where_its_covariance_is_singular(n):
    x = normal(n, 64, 0)
    assert frechet(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet(x, x.flip(0)) == pytest.approx(0, abs=1e-9)
    assert frechet(x.float(), x.float() + 1) == pytest.approx(64, rel=1e-5)


def test_symmetric_and_blind_to_rotations():
    a, b = normal(30, 8, 0), 2 * normal(20, 8, 1) + 1
    turn = torch.linalg.qr(normal(8, 8, 2)).Q
    assert frechet(a, b) == pytest.approx(frechet(b, a), rel=1e-12)
    assert frechet(a @ turn, b @ turn) == pytest.approx(frechet(a, b), rel=1e-9)


def test_the_distance_of_pictures_is_that_of_their_features_with_an_error(clip_model, blobs):
    few: Any = SimpleNamespace(name="few", encode_images=lambda pictures: clip_model.encode_images(pictures)[:, :64])
    measured = frechet_distance(few, blobs[:4], blobs[3:])
    a, b = (few.encode_images(pictures).numpy().astype(np.float64) for pictures in (blobs[:4], blobs[3:]))
    assert measured.mean == pytest.approx(by_hand(a, b), rel=1e-4)
    left_out = [by_hand(np.delete(a, k, 0), np.delete(b, [k, k + 4] if k + 4 < len(b) else [k], 0)) for k in range(4)]
    assert measured.error == pytest.approx(math.sqrt(3 / 4 * sum((x - np.mean(left_out)) ** 2 for x in left_out)), rel=1e-3)


def test_the_jackknife_gives_a_means_own_error():
    x = normal(50, 1, 0)[:, 0]
    assert jackknife(lambda rows: x[rows].mean().item(), 50, groups=50) == pytest.approx(mean_error(x))


def test_too_few_are_refused_with_the_cure(clip_model, blobs):
    with pytest.raises(InputError, match="at least three references, 2 were given: make more"):
        frechet_distance(clip_model, blobs, blobs[:2])
    with pytest.raises(ValueError, match="two rows or more"):
        frechet(normal(1, 4, 0), normal(9, 4, 0))
    with pytest.raises(ValueError, match=r"same features.*\(9, 4\) and \(9, 5\)"):
        frechet(normal(9, 4, 0), normal(9, 5, 0))
