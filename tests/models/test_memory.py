"""Memory that is free, and memory that runs out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from synoptic.models.base import Conditioning
from synoptic.models.memory import empty_cache, free_memory, halves
from synoptic.models.text import embed_in_halves
from synoptic.utils.out_of_memory import is_out_of_memory

GIB = 2**30


@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_a_gpu_is_asked_by_its_number(device, monkeypatch):
    """As torch's `get_per_process_memory_fraction` demands, which refuses a device without one."""

    def by_number(answer: object) -> object:
        def ask(index: object) -> object:
            if not isinstance(index, int):
                raise ValueError(f"Expected a torch.device with a specified index or an integer, but got: {index}")
            return answer

        return ask

    answers = {"memory_reserved": 3 * GIB, "memory_allocated": 2 * GIB, "mem_get_info": (100 * GIB, 128 * GIB)}
    answers |= {"get_per_process_memory_fraction": 0.0625}  # 8 GiB
    for name, answer in answers.items():
        monkeypatch.setattr(f"torch.cuda.{name}", by_number(answer))
    monkeypatch.setattr("torch.cuda.current_device", lambda: 0)
    assert free_memory(torch.device(device)) == 6 * GIB


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("CUDA error: out of memory"), False),
    ],
)
def test_memory_that_runs_out_is_told_from_other_errors(error, expected):
    assert is_out_of_memory(error) is expected
    if expected:
        assert halves("abc", error) == ["a", "bc"]
    with pytest.raises(type(error)):
        halves("a" if expected else "abc", error)


def test_a_cache_can_be_emptied_where_there_is_no_gpu():
    empty_cache()


def test_prompts_that_do_not_fit_together_are_embedded_in_halves():
    seen = []

    def embed(prompts: Sequence[str]) -> Conditioning:
        if len(prompts) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        seen.append(list(prompts))
        return Conditioning(text=torch.tensor([[float(p)] for p in prompts])[:, None])

    found = embed_in_halves(embed, ["1", "2", "3", "4", "5"])
    assert found.text.flatten().tolist() == [1, 2, 3, 4, 5] and seen == [["1", "2"], ["3"], ["4", "5"]]


def test_a_prompt_that_does_not_fit_alone_is_an_error():
    def never(prompts: Sequence[str]) -> Conditioning:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        embed_in_halves(never, ["1", "2"])
