"""The names of `placement.py`'s ways to save memory, and what each needs. Imports nothing heavy."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal, get_args

from synoptic.errors import InputError, install_command

Offload = Literal["auto", "none", "text", "group"]
Quantize = Literal["none", "fp8", "fp8-compute", "int8", "nf4"]
LIBRARIES = {"fp8-compute": "torchao", "int8": "torchao", "nf4": "bitsandbytes"}  # beside diffusers, which has fp8 itself


def check_names(offload: str, quantize: str, compile: bool = False) -> None:
    """Raise InputError where a placement is none of these, does not go with `compile`, or its library is missing."""
    for option, value, known in (("--offload", offload, get_args(Offload)), ("--quantize", quantize, get_args(Quantize))):
        if value not in known:
            raise InputError(f"{option} must be one of {', '.join(known)}, {value!r} was given", rule="placement")
    library = LIBRARIES.get(quantize)
    if library and find_spec(library) is None:
        raise InputError(
            f"--quantize {quantize} needs {library}, which is not installed: {install_command('quantize')}, or use"
            " --quantize fp8",
            rule="missing-package",
        )
    if compile and (offload == "group" or quantize not in ("none", "fp8-compute")):
        raise InputError(
            "--compile is for weights that stay as they are and where they are, --offload group or --quantize was given:"
            " omit one",
            rule="placement-compile",
        )
