"""InputError, and checks of what a person typed, before any weights load. Imports nothing heavy."""

from __future__ import annotations

import errno
import math
import os
import re
import reprlib
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar, cast

F = TypeVar("F", bound=Callable[..., object])
Y = TypeVar("Y")
R = TypeVar("R")

DISTRIBUTION = "synoptic-diffusion"  # the name that pip installs; the import and the command are synoptic


class InputError(ValueError):
    """A rule broken by what was given. The message is one line: the rule, what was given, the cure; `rule` is its code."""

    def __init__(self, message: str, *, rule: str) -> None:
        super().__init__(printable(message))
        self.rule = rule

    def __reduce__(self) -> tuple[Callable[..., InputError], tuple[str, ...]]:
        """Return what a pickle makes it from: without its rule it could not leave a process of a pool."""
        return partial(type(self), rule=self.rule), (str(self),)

    def in_python(self) -> InputError:
        """Return the same error in Python's spelling: guidance_scale for --guidance-scale."""
        return InputError(in_python(str(self)), rule=self.rule)


def in_python(text: str) -> str:
    """Return a text with options in Python's spelling: guidance_scale for --guidance-scale."""
    return re.sub(r"(?<![\w./-])--(?:no-)?([a-z][a-z0-9-]*[a-z0-9])", lambda m: m[1].replace("-", "_"), text)


class DeniedError(InputError):
    """A file or folder that is there, or may be, and cannot be opened for want of a permission."""


class NonFiniteError(RuntimeError):
    """A picture has NaN or infinity in it: where, and what helps."""

    def in_python(self) -> NonFiniteError:
        """Return the same error in Python's spelling."""
        return NonFiniteError(in_python(str(self)))


def raising_in_python(function: F) -> F:
    """Return a function of the package for Python, whose errors name options as Python does: guidance_scale.

    So do those of a generator that it returns, as it goes on.
    """

    @wraps(function)
    def call(*values: object, **named: object) -> object:
        with told_in_python():
            found = function(*values, **named)
        return yielding_in_python(found) if isinstance(found, Generator) else found

    return cast(F, call)


@contextmanager
def told_in_python() -> Iterator[None]:
    """Raise what is raised inside in Python's spelling."""
    try:
        yield
    except Exception as e:
        if told := getattr(e, "in_python", None):
            raise told() from None
        raise


def yielding_in_python(values: Generator[Y, None, R]) -> Generator[Y, None, R]:
    """Yield what a generator yields, and return what it returns, its errors in Python's spelling."""
    with told_in_python():
        return (yield from values)


def install_command(extra: str) -> str:
    """Return the command that installs one of the package's extras."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def check_installed(package: str, what: str, cure: str) -> None:
    """Raise InputError where a package is missing: `what` needs it, `cure` installs it."""
    if find_spec(package) is None:
        raise InputError(f"{what}, which is not installed: {cure}", rule="missing-package")


def check_at_least(name: str, value: float, minimum: float) -> None:
    if value < minimum:
        raise InputError(f"{name} must be at least {minimum}, {value} was given: raise it", rule=code(name, "at-least"))


def check_at_most(name: str, value: float, maximum: float) -> None:
    if value > maximum:
        raise InputError(f"{name} must be at most {maximum}, {value} was given: lower it", rule=code(name, "at-most"))


def check_multiple(name: str, value: int, factor: int, what: str) -> None:
    if rest := value % factor:
        near = f"{value - rest} or {value - rest + factor}"
        raise InputError(
            f"{name} must be a multiple of {factor}, {what}; {value} was given: use {near}", rule=code(name, "multiple")
        )


def code(name: str, rule: str) -> str:
    """Return the stable code of a rule about an option: "noise-level-at-most" for "--noise-level for if-ii"."""
    return f"{name.split()[0].strip('-,').lower()}-{rule}"


def user_path(text: str | os.PathLike[str]) -> Path:
    """Return a path with `~` as home. Raises InputError where no file system can have it, or a folder cannot be opened."""
    try:
        path = Path(text).expanduser()
        if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except PermissionError as e:
        raise DeniedError(
            f"a path must be one that may be read, {str(text)[:200]!r} may not ({e.strerror}): allow it, or write another",
            rule="path",
        ) from None
    except (OSError, RuntimeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "there is no such user"
        raise InputError(
            f"a path must be one that can be, {str(text)[:80]!r} is none ({reason}): write another", rule="path"
        ) from None
    return path


def check_writable(folder: Path) -> None:
    """Check that a folder can be written into, or made where it is not there yet. Raises InputError."""
    if re.match(r"[A-Za-z][\w+.-]+:/", str(folder)):  # not a drive's letter
        raise InputError(
            f"files are written on this machine, {folder} is an address: choose a folder for --out", rule="out-address"
        )
    try:
        existing = next(parent for parent in (folder, *folder.absolute().parents) if os.path.lexists(parent))
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as e:
        reason = os.strerror(e.errno) if e.errno else e
        raise InputError(
            f"the output folder must be writable, {folder} is not ({reason}): choose another --out", rule="out-unwritable"
        ) from None


def check_output_file(out: Path, suffixes: Sequence[str], inputs: Iterable[Path] = ()) -> None:
    """Check that a file can be written: of a kind that is made, not what is read. Raises InputError."""
    if out.suffix not in suffixes:
        raise InputError(f"--out must end in {' or '.join(suffixes)}, {out} was given: rename it", rule="out-suffix")
    if out.is_dir():
        raise InputError(f"--out must be a file, {out} is a folder: name a file in it", rule="out-folder")
    if out.exists() and any(file.exists() and out.samefile(file) for file in inputs):
        raise InputError(f"--out must not be what is read, {out} is: give it another name", rule="out-is-input")
    check_writable(out.parent)


def brief(value: object) -> str:
    """Return a value as a message shows it: an array or a tensor by its type and shape, what is long cut."""
    shape = getattr(value, "shape", ())
    if shape:
        return f"{type(value).__name__} {tuple(shape)} of {getattr(value, 'dtype', '?')}"
    try:
        return reprlib.repr(value)
    except ValueError:  # of more digits than Python writes
        return "a number of thousands of digits"


def is_encodable(text: str) -> bool:
    """Return whether a text can be written down and name a file: it has no NUL, and no bytes that are not UTF-8."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def is_finite(number: float) -> bool:
    """Return whether a number is finite as a float: whole ones may be larger than any."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def printable(text: object) -> str:
    """Return a text as one line of a table or a message: tabs, line breaks and terminal codes become their escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
