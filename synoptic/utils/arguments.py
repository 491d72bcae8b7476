"""What functions are given in Python, checked against their annotations before they begin. Imports nothing heavy."""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable, Sequence
from functools import cache, wraps
from operator import attrgetter
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from synoptic.errors import InputError, brief, code

F = TypeVar("F", bound=Callable[..., object])


class Expected(NamedTuple):
    """What an argument must be, several of it in a list, and the cure where it is not."""

    what: str
    several: str
    cure: str


class Axes(NamedTuple):
    """In an annotation: a tensor of floating-point numbers with these axes, `Annotated[Tensor, Axes("B, C, h, w")]`."""

    names: str

    def mismatch(self, x: Any) -> Expected | None:
        kind = f"({self.names}) of floating-point numbers"
        if x.ndim != len(self.names.split(",")):
            return Expected(f"a tensor {kind}", f"tensors {kind}", "give it these axes, x[None] adds one")
        return None if x.is_floating_point() else Expected(f"a tensor {kind}", f"tensors {kind}", "convert it, x.float()")


LIST = Expected("a list", "lists", "write [...]")
FUNCTION = Expected("a function", "functions", "give one")
NUMBERS = {
    int: Expected("a whole number", "whole numbers", "correct it"),
    float: Expected("a finite number", "finite numbers", "correct it"),
}
KINDS = {  # by the names of classes and protocols, which are of higher layers
    "str": Expected("a text", "texts", "write '...'"),
    "bool": Expected("True or False", "True and False", "write one of them"),
    "tuple": Expected("a tuple", "tuples", "write (...)"),
    "Mapping": Expected("a dictionary", "dictionaries", "write {...}"),
    "Tensor": Expected("a tensor", "tensors", "make it one, torch.as_tensor(...)"),
    "dtype": Expected("a dtype of torch", "dtypes of torch", "write torch.float32"),
    "device": Expected("a device of torch", "devices of torch", "write torch.device('cpu')"),
    "PathLike": Expected("a path", "paths", "make it one, pathlib.Path(...)"),
    "Checkpoint": Expected("a checkpoint", "checkpoints", "give a model's, model.checkpoint"),
    "Conditioning": Expected("a condition", "conditions", "embed prompts, model.embed([...])"),
    "Generator": Expected("a generator of torch", "generators of torch", "make one, torch.Generator().manual_seed(0)"),
    "Denoiser": Expected("a loaded model", "loaded models", "load one, synoptic.load(...)"),
    "Schedule": Expected("a schedule", "schedules", "give a model's, model.schedule"),
    "Projection": Expected("views of a canvas", "views of canvases", "make them, synoptic.Windows(...)"),
    "View": Expected("a view", "views", "make one, synoptic.get_view(...)"),
    "Scene": Expected("a scene", "scenes", "give what has parameters, a camera and a render"),
    "Learner": Expected("a learner", "learners", "give what learns, or None"),
}


def typed(target: F) -> F:
    """Return a function, or a class with its methods, which first checks each argument against its annotation.

    Raises InputError for the first that is of another kind: its name, what was given, the cure.
    """
    if isinstance(target, type):
        for name, method in list(vars(target).items()):
            if inspect.isfunction(method) and (name == "__init__" or not name.startswith("_")):
                setattr(target, name, typed(method))
        return cast(F, target)
    signature, hints = inspect.signature(target), cache(lambda: get_type_hints(target, include_extras=True))

    @wraps(target)
    def checked(*values: object, **named: object) -> object:
        try:
            given = signature.bind(*values, **named).arguments
        except TypeError:  # one too few or too many: the call says which, with the function's name
            return target(*values, **named)
        for name, value in given.items():
            check_argument(name, value, hints().get(name, Any))
        return target(*values, **named)

    return cast(F, checked)


def check_argument(name: str, value: object, kind: Any) -> None:
    """Raise InputError where an argument is not what an annotation asks for."""
    if found := mismatch(kind, value):
        raise InputError(f"{name} must be {found.what}, {brief(value)} was given: {found.cure}", rule=code(name, "type"))


def mismatch(kind: Any, value: object) -> Expected | None:
    """Return what an annotation asks for where a value is something else."""
    origin, inner = get_origin(kind) or kind, get_args(kind)
    if origin is Annotated:
        plain, rule = inner
        return mismatch(plain, value) or rule.mismatch(value)
    if origin in (Union, UnionType):
        if None in (every := [mismatch(one, value) for one in inner]):
            return None
        kinds = dict.fromkeys(found for one, found in zip(inner, every, strict=True) if found and one is not NoneType)
        what, several = (" or ".join(words) for words in (map(attrgetter(name), kinds) for name in ("what", "several")))
        return Expected(what, several, next(iter(kinds)).cure)
    if origin is Literal:
        is_one = any(type(value) is type(one) and value == one for one in inner)
        return None if is_one else Expected(f"one of {', '.join(inner)}", "of them", "write one of them")
    if origin in NUMBERS:
        return None if _is_number(value, origin) else NUMBERS[origin]
    if origin is Sequence or (origin is tuple and inner):
        return _items_mismatch(origin, inner, value)
    if origin is Callable:
        return None if callable(value) else FUNCTION
    if origin is Any or not isinstance(origin, type):  # or a variable of types
        return None
    fits = all(hasattr(value, name) for name in _asked(origin)) if _is_protocol(origin) else isinstance(value, origin)
    return None if fits else KINDS.get(origin.__name__, FUNCTION)


def _items_mismatch(origin: object, inner: tuple[Any, ...], value: object) -> Expected | None:
    """Return what a list, or a tuple of so many values, must be, where it or one of its items is something else."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        found = mismatch(inner[0], None)
        return Expected(f"a list of {found.several}", "lists", "write [...]") if found else LIST
    if origin is tuple and len(value) != len(inner):
        return Expected(f"{len(inner)} values", f"lists of {len(inner)}", "write so many")
    kinds = inner if origin is tuple else inner * len(value)
    wrong = next((found for kind, one in zip(kinds, value, strict=True) if (found := mismatch(kind, one))), None)
    return wrong and Expected(f"a list of {wrong.several}", "lists", wrong.cure)


def _is_number(value: Any, kind: type) -> bool:
    if isinstance(value, str | bytes | bool):
        return False
    try:
        return math.isfinite(operator.index(value) if kind is int else float(value))
    except (TypeError, ValueError, RuntimeError, OverflowError):  # as Python, NumPy and torch say it
        return False


def _is_protocol(kind: type) -> bool:
    return bool(getattr(kind, "_is_protocol", False))


@cache
def _asked(protocol: type) -> Sequence[str]:
    """Return the methods and properties that a protocol asks for."""
    names = (name for cls in protocol.__mro__ if _is_protocol(cls) for name in vars(cls))
    return [name for name in names if not name.startswith("_") or name in ("__call__", "__len__")]
