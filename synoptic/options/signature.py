"""Options as Python shows them: a signature with the types that a caller may give, and a docstring with an Args section."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Sequence
from dataclasses import MISSING
from inspect import cleandoc
from typing import get_args, get_origin

from synoptic.errors import in_python
from synoptic.options import is_example
from synoptic.options.base import Options
from synoptic.options.option import OptionSpec, alternatives

MODEL = "a model that is loaded (`synoptic.load`), or its name, for one that is loaded here and kept for the next call"

PROGRESS = "show a bar with the time left (default: in notebooks)"


def python_signature(
    options: type[Options], without: Collection[str] = (), return_annotation: object = inspect.Signature.empty
) -> inspect.Signature:
    """Return the signature of a function of these options: positional ones first."""
    P = inspect.Parameter
    first = [P("model", P.POSITIONAL_OR_KEYWORD, annotation="PretrainedModel | str")] if "model" in without else []
    own = [
        P(
            spec.name,
            P.POSITIONAL_OR_KEYWORD if spec.option.positional else P.KEYWORD_ONLY,
            default=P.empty if spec.default is MISSING else spec.default,
            annotation=python_type(spec),
        )
        for spec in listed(options, without)
    ]
    last = [P("progress", P.KEYWORD_ONLY, default=None, annotation=bool | None)] if first else []
    return inspect.Signature([*first, *own, *last], return_annotation=return_annotation)


def python_doc(options: type[Options], without: Collection[str] = ()) -> str:
    """Return the docstring: what it does, every argument with its default, the examples of the command line at the end."""
    parts = cleandoc(options.__doc__ or "").split("\n\n")
    shell = [part for part in parts if is_example(part)]
    first = [f"    model: {MODEL}"] if "model" in without else []
    arguments = [f"    {spec.name}: {in_python(spec.option.help)}{shown_default(spec)}" for spec in listed(options, without)]
    last = [f"    progress: {PROGRESS}"] if first else []
    text = [part for part in parts if part not in shell]
    if first or arguments:
        text.append("\n".join(["Args:", *first, *arguments, *last]))
    lines = [f"    {line}" for part in shell for line in part.split("\n")]
    return "\n\n".join([*text, "\n".join(["On the command line:", *lines])]) if lines else "\n\n".join(text)


def listed(options: type[Options], without: Collection[str]) -> list[OptionSpec]:
    """Return the options that a function takes, positional ones first."""
    return sorted(
        (spec for spec in options.specs() if spec.name not in without), key=lambda spec: not spec.option.positional
    )


def shown_default(spec: OptionSpec) -> str:
    return "" if spec.default in (MISSING, None, "", ()) or "(default:" in spec.option.help else f" [{spec.default!r}]"


def python_type(spec: OptionSpec) -> object:
    """Return the type that a caller may give: one value for a list of one, None where `resolve` fills it in."""
    if spec.option.picture:
        found = "str | PathLike | PIL.Image.Image | numpy.ndarray | torch.Tensor"
        return found if spec.default is MISSING else f"{found} | None"
    kind = alternatives(spec.kind)[0]
    if get_origin(kind) is tuple:
        item = get_args(kind)[0]
        kind = item | Sequence[item] if isinstance(item, type) else Sequence[item]
    return kind | None if spec.default is None else kind
