"""The list of models, and what the bundled ones know."""

from __future__ import annotations

from synoptic import cli
from synoptic.commands.models import execute
from synoptic.models.registry import resolve
from synoptic.models.vocabulary import unknown_words, vocabulary_warnings
from synoptic.options.models import ModelsOptions


def test_models_lists_what_there_is_and_what_it_knows():
    found = execute(ModelsOptions())
    rows = [line.split("\t") for line in str(found).splitlines()]
    assert rows[1][:2] == ["bundled", "in the package"] and rows[1][3] == "256x256"
    assert {"bundled-canny", "bundled-if-ii", "sdxl", "clip-vit-b32", "bundled-grayscale"} <= {row[0] for row in rows}
    assert dict(found.defaults)["text-to-3d"] == "bundled-if" and {*dict(found.defaults)} <= {*cli.APPLICATIONS}
    assert "snowy mountains" in found.known["scenes"] and "horse" in found.known["objects"]


def test_every_example_of_the_vocabulary_is_known():
    for kind, examples in execute(ModelsOptions()).known.items():
        for example in examples:
            assert unknown_words(example.replace("(or any color)", "")) == [], (kind, example)
    assert unknown_words("A photo of a HORSE, a dog's bone & the Grand Canyon at 5!") == ["dog's"]
    assert unknown_words("an accordion") == []
    assert unknown_words("🦊 🦊 !") == ["🦊", "!"] and unknown_words("a fox!") == [], (
        "signs count where nothing else is said"
    )
    (line,) = vocabulary_warnings(resolve("bundled"), ["x" * 10_000])
    assert len(line) < 400
