import numpy as np
import pytest
import torch

from synoptic.errors import InputError
from synoptic.metrics.retrieval import ranks, retrieval

PROMPTS = ["a photo of a horse", "an oil painting of a castle", "a red apple", "a photo of a fish"]


@pytest.mark.parametrize("top", [1, 2, 5])
def test_equals_a_search_in_the_sorted_cosines(clip_model, blobs, top):
    prompts = [*PROMPTS, *PROMPTS]  # two pictures a prompt
    among = ["a photo of the ocean at night", "a pencil sketch of a cat", PROMPTS[0]]  # one is a prompt already
    candidates = [*PROMPTS, *among[:2]]
    order = np.argsort(-clip_model(blobs, candidates).numpy(), axis=1)
    hits = [float(k % 4 in row[:top]) for k, row in enumerate(order)]
    measured = retrieval(clip_model, blobs, prompts, among, top=top)
    assert measured.items == {prompt: (hits[k] + hits[k + 4]) / 2 for k, prompt in enumerate(PROMPTS)}
    assert measured.name == f"top-{top} of 6" and measured.clip_model == "bundled clip"


def test_ranks_count_what_fits_better_and_ties_count_against():
    cosines = torch.tensor([[0.9, 0.1, 0.2], [0.3, 0.1, 0.2], [0.5, 0.5, 0.5]])
    assert ranks(cosines, torch.tensor([0, 1, 0])).tolist() == [0, 2, 2]  # a model who sees no difference scores nothing


def test_more_candidates_make_it_no_easier(clip_model, blobs):
    few, many = (
        retrieval(clip_model, blobs[:4], PROMPTS, among) for among in ([], ["a cat", "a dog in the snow", "the sky"])
    )
    assert all(many.items[prompt] <= few.items[prompt] for prompt in PROMPTS)


def test_what_cannot_be_ranked_is_refused(clip_model, blobs):
    with pytest.raises(InputError, match="one prompt a picture, 8 and 4"):
        retrieval(clip_model, blobs, PROMPTS)
    with pytest.raises(InputError, match="more than 5 different prompts, 4"):
        retrieval(clip_model, blobs[:4], PROMPTS, top=5)
    with pytest.raises(InputError, match="top must be at least 1"):
        retrieval(clip_model, blobs[:4], PROMPTS, top=0)
    with pytest.raises(InputError, match="at least one picture"):
        retrieval(clip_model, [], [], PROMPTS)
