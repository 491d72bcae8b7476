"""An application as a Python function: it loads a model where only its name is given, and returns all in memory."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from synoptic.errors import InputError, in_python, raising_in_python
from synoptic.io.progress import in_notebook, progress_bar
from synoptic.models.base import PretrainedModel
from synoptic.models.device import dtype_name, is_named
from synoptic.models.load_once import reading
from synoptic.models.memory import halves
from synoptic.models.truncation import truncation_warnings
from synoptic.options import options_class
from synoptic.options.known_warnings import known_warnings
from synoptic.options.pretrained_model import ModelOptions
from synoptic.options.signature import python_doc, python_signature
from synoptic.pipelines.base import Result, load_model, pipeline_class, take_steps
from synoptic.pipelines.outputs import Output
from synoptic.sampling.step import Step
from synoptic.utils.arguments import check_argument

WITHOUT = ("model", "out", "trace")  # options of a command that a function does not take: it keeps all in memory

LOADING = (
    *("lora", "vae", "textual_inversion", "embeddings", "clip_skip"),
    *("device", "dtype", "compile", "offload", "quantize"),
)


def check_loaded(model: PretrainedModel, options: Mapping[str, object]) -> None:
    """Raise InputError where an option asks of a loaded model what was chosen when it was loaded."""
    own = {
        "device": lambda name: is_named(model.device, name),
        "dtype": lambda name: name in ("auto", dtype_name(model.dtype)),
    }
    asked = [name for name in LOADING if name in options and not own.get(name, lambda _: False)(options[name])]
    if asked:
        raise InputError(
            f"{', '.join(LOADING[:-1])} and {LOADING[-1]} are chosen when a model loads, {asked[0]} was given with a loaded"
            " one: give it to synoptic.load instead",
            rule="model-loaded",
        )


class Application:
    """An application as a Python function: `wide(model, "a lake", width=768)`; `wide.steps(...)` yields every Step.

    `model` is loaded, or a name that is loaded for you; the last one is kept for the next call.
    """

    def __init__(self, name: str) -> None:
        self.__name__ = self.__qualname__ = name
        found = options_class(name)
        assert issubclass(found, ModelOptions)
        self.options_class = found
        self.__doc__ = python_doc(self.options_class, WITHOUT)
        self.__signature__ = python_signature(self.options_class, WITHOUT, return_annotation=Result)

    @raising_in_python
    def __call__(
        self,
        model: PretrainedModel | str | os.PathLike[str],
        *values: object,
        progress: bool | None = None,
        **options: object,
    ) -> Result:
        check_argument("progress", progress, bool | None)
        return self.run(*self._prepare(model, values, options), in_notebook() if progress is None else progress)

    def run(self, model: PretrainedModel, options: ModelOptions, progress: bool = False) -> Result:
        """Run resolved options, each of their variants if there are any, with a bar on the error stream if asked for."""
        if variants := options.variants():
            parts = {name: Application(o.application()).run(model, o, progress) for name, o in variants.items()}
            outputs = [output for part in parts.values() for output in part.outputs]
            items = [i._replace(stem=f"{name}/{i.stem}") for name, part in parts.items() for i in part.items]
            pipeline = pipeline_class(self.__name__)(model, options)
            return Result(outputs, options, items, pipeline, pipeline.compare(items, outputs))
        pipeline = pipeline_class(self.__name__)(model, options)
        items = options.items()
        outputs: list[Output] = []
        size = pipeline.max_items or len(items)
        batches = [items[i : i + size] for i in range(0, len(items), size)]
        with progress_bar(self.__name__, len(batches) * pipeline.num_steps, progress) as tick:
            while batches:
                batch, *batches = batches
                try:
                    outputs += take_steps(pipeline.steps(batch), lambda _: tick())
                except Exception as e:
                    batches = [*halves(batch, e), *batches]
        return pipeline.result_class(outputs, options, items, pipeline, pipeline.compare(items, outputs))

    @raising_in_python
    def steps(self, model: PretrainedModel | str | os.PathLike[str], *values: object, **options: object) -> Iterator[Step]:
        """Yield every Step of all items at once: i of n, t, canvas, views, and a cheap preview()."""
        loaded, resolved = self._prepare(model, values, options)
        pipeline = pipeline_class(self.__name__)(loaded, resolved)
        return pipeline.steps(resolved.items())

    def _prepare(
        self, model: PretrainedModel | str | os.PathLike[str], values: Sequence[object], options: Mapping[str, object]
    ) -> tuple[PretrainedModel, ModelOptions]:
        if files := {"out", "trace"} & options.keys():
            raise InputError(
                f"{self.__name__}(...) keeps its pictures in memory, {min(files)} was given: use synoptic.run",
                rule="in-memory",
            )
        if not isinstance(model, str | os.PathLike) and not hasattr(model, "checkpoint"):
            raise InputError(f"a model is a loaded one or its name, {model!r:.60} is neither: load one", rule="model-type")
        if isinstance(model, str | os.PathLike):
            asked = self.options_class.from_arguments(*values, **{"model": model} | dict(options)).prepare()
            loaded = load_model(asked)
        else:
            asked = self.options_class.from_arguments(*values, **{"model": model.checkpoint.name} | dict(options))
            check_loaded(model, options)
            asked = replace(asked, device=str(model.device)).resolve(model.checkpoint)
            loaded = reading(model, asked.long_texts())
        lost = truncation_warnings(getattr(loaded, "text_encoder", None), asked.texts())
        told = [in_python(line) for line in known_warnings(asked, loaded.checkpoint)]
        for line in [*told, *lost]:
            warnings.warn(line, stacklevel=4)
        return loaded, asked
