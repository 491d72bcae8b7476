"""What a pipeline returns leaves a process whole: pools pickle results, and what went wrong."""

from __future__ import annotations

import pickle
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import pytest
import torch
from PIL import Image

import synoptic
from synoptic.errors import InputError
from synoptic.pipelines.base import Output, Result
from synoptic.runs.errors import OptimizationFailed, RunFailed


def again(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def test_a_result_comes_out_of_a_pickle_as_it_went_in(sd32):
    result = synoptic.generate(sd32, "a lemon", "a fox", steps=2)
    found = again(result)
    assert [image.tobytes() for image in found.images] == [image.tobytes() for image in result.images]
    assert (found.options, found.items, found.comparison) == (result.options, result.items, None)
    assert len(pickle.dumps(result)) < 4 * sum(len(image.tobytes()) for image in result.images), "the model went with it"
    with pytest.raises(RuntimeError, match="read them before"):
        _ = found.scores
    assert again(result).images[0].tobytes() == result.images[0].tobytes()


@pytest.mark.slow
def test_scores_that_were_read_are_kept(sd32):
    result = synoptic.generate(sd32, "a lemon", steps=2)
    measured = result.scores
    assert again(result).scores == measured


def test_files_that_functions_write_are_left_out_aloud():
    image = Image.new("RGB", (2, 2), "red")
    output = Output(image, {".views.png": image, ".txt": "a", ".gif": lambda file: file.write_bytes(b"")}, {"seam": 1.0})
    with pytest.warns(UserWarning, match=r"\.gif left out"):
        found = again(Result([output], synoptic_options(), [], None))
    assert set(found.outputs[0].files) == {".views.png", ".txt"} and found.outputs[0].figures == {"seam": 1.0}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again(found)


def synoptic_options() -> Any:
    return synoptic.generate.options_class.from_arguments("a")


@pytest.mark.parametrize("error", [InputError("--steps is 0: raise it", rule="steps"), RunFailed("why", None)], ids=repr)
def test_what_went_wrong_comes_out_of_a_pickle(error):
    found = again(error)
    assert type(found) is type(error) and str(found) == str(error) and vars(found) == vars(error)
    assert again(again(error)).args == error.args
    assert isinstance(again(OptimizationFailed("why", None)), OptimizationFailed)


@pytest.mark.parametrize("call", ["generate", "wide", "score"])
def test_an_application_is_pickled_by_its_name(call):
    found = again(getattr(synoptic, call))
    assert found.__name__ == call and found.__signature__ == getattr(synoptic, call).__signature__


@pytest.mark.slow
def test_a_pool_of_processes_makes_pictures():
    how = partial(synoptic.generate, "bundled", steps=2, seed=3)
    threads = {"initializer": torch.set_num_threads, "initargs": (torch.get_num_threads(),)}  # of which sums depend
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), **threads) as pool:
        (found,) = pool.map(how, ["a lemon"])
        with pytest.raises(InputError, match="sampler must be one of"):
            pool.submit(how, "a lemon", sampler="euler").result()
    assert found.images[0].tobytes() == how("a lemon").images[0].tobytes()


@pytest.mark.parametrize(
    "asked", [{"device": "auto"}, {"device": "cpu:0"}, {"device": "cpu", "dtype": "auto"}, {"dtype": "float32"}]
)
def test_a_loaded_model_may_be_asked_for_where_and_as_it_is(asked, sd32):
    assert synoptic.generate(sd32, "a lemon", steps=1, **asked).options.device == "cpu"


@pytest.mark.parametrize("asked", [{"device": "cuda"}, {"device": "nonsense"}, {"dtype": "float64"}])
def test_a_loaded_model_stays_where_and_as_it_is(asked, sd32):
    with pytest.raises(InputError) as e:
        synoptic.generate(sd32, "a lemon", steps=1, **asked)
    assert e.value.rule == "model-loaded" and min(asked) in str(e.value)


@pytest.mark.parametrize("name", ["device", "dtype"])
def test_of_another_kind_is_the_same_error_with_a_loaded_model(name, sd32):
    said = []
    for model in (sd32, "bundled"):
        with pytest.raises(InputError) as e:
            synoptic.generate(model, "a lemon", steps=1, **{name: 3})
        said.append(str(e.value))
    assert said[0] == said[1]
