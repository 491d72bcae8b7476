import json
import math
import statistics

import pytest

from synoptic.errors import InputError
from synoptic.metrics.base import Metric, mean_by_prompt, mean_error


def test_mean_and_error_equal_the_standard_librarys():
    values = [0.1, 0.4, 0.35, 0.8]
    expected = statistics.mean(values), statistics.stdev(values) / math.sqrt(len(values))
    assert mean_error(values) == pytest.approx(expected)
    measured = Metric("seam", dict(zip("abcd", values, strict=True)))
    assert (measured.mean, measured.error) == pytest.approx(expected)


def test_a_large_offset_costs_no_digits():
    assert mean_error([1e9 + x for x in (0.0, 1.0, 2.0)]) == pytest.approx((1e9 + 1, math.sqrt(1 / 3)), rel=1e-12)


def test_one_item_has_a_mean_and_no_error():
    one = Metric("seam", {"a": 1.5})
    assert one.mean == 1.5 and one.error is None and one.as_json()["error"] is None
    assert str(one).splitlines()[-1] == "1.5000\tmean of 1"


def test_no_item_is_refused():
    with pytest.raises(InputError, match=r"seam needs at least one picture.*: name"):
        Metric("seam", {})


def test_a_table_has_a_header_a_line_an_item_in_order_and_the_mean_with_its_clip_model():
    table = str(Metric("CLIP score", {"b": 0.25, "a": 0.75}, "bundled clip"))
    assert [line.split("\t") for line in table.splitlines()] == [
        ["CLIP score", "item"],
        ["0.2500", "b"],
        ["0.7500", "a"],
        ["0.5000 ± 0.2500", "mean of 2", "by bundled clip"],
    ]


def test_json_holds_everything_and_no_infinity():
    measured = Metric("PSNR", {"kept": math.inf, "changed": 20.0})
    found = json.loads(json.dumps(measured.as_json(), allow_nan=False))
    assert found == {
        "name": "PSNR",
        "clip_model": "",
        "mean": None,
        "error": None,
        "items": {"kept": None, "changed": 20.0},
    }
    assert measured.mean == math.inf and measured.error is None


def test_a_metric_of_the_whole_set_brings_its_own_error():
    assert Metric("Fréchet distance", {"set": 0.5}, set_error=0.125).error == 0.125


def test_pictures_of_one_prompt_are_averaged_first():
    items = mean_by_prompt(["b", "a", "b", "b"], [1.0, 0.0, 0.5, 0.0])
    assert items == {"b": 0.5, "a": 0.0} and list(items) == ["b", "a"]
    with pytest.raises(ValueError):
        mean_by_prompt(["a"], [1.0, 2.0])
