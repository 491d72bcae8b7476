"""Put off what libraries import and a run seldom uses: torch's compiler, scipy's statistics and optimizers; omit
peft, and what gradio does for editors alone.

diffusers and transformers import each of them whole, for a decorator or a function that an image model never calls; that is
a third of the time in which a command starts. A module that is put off is executed when anything is asked of it that has no
stand-in here. Not for a process that compiles: the compiler would not know what was decorated before it was there.
Where peft is installed, diffusers imports all of it, a tenth of what a run imports; LoRAs are read and merged here without.
As it is imported, gradio compares the source of each of its components with a file of type stubs beside it, and renders the
docstring of each of their events; that is more than half of the time in which it is imported, and nothing that a page needs.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from threading import RLock
from types import ModuleType
from typing import TypeVar

F = TypeVar("F")
StandIn = Callable[..., object]
LOCK = RLock()


def unchanged(function: F) -> F:
    """Stand in for a decorator that tells the compiler how to read a function."""
    return function


def disable(function: StandIn | None = None, recursive: bool = True, **_: object) -> StandIn:
    """Stand in for `torch._dynamo.disable`, a decorator of what the compiler leaves alone."""
    return function or unchanged


def omitted(*_: object) -> None:
    """Stand in for a function of which nothing is needed."""


def no(*_: object) -> bool:
    """Stand in for the question whether a package is installed that is not to be used."""
    return False


class Unrendered(str):
    """Stand in for a template of a docstring that nobody reads: its text as it is."""

    def render(self, **_: object) -> str:
        return self


STAND_INS: Mapping[str, Mapping[str, StandIn]] = {  # in place of what the libraries ask of a module as they are imported
    "torch._dynamo": {"allow_in_graph": unchanged, "assume_constant_result": unchanged, "disable": disable},
    "scipy.stats": {},
    "scipy.integrate": {},
    "scipy.optimize": {},
}
FUNCTIONS: Mapping[str, Sequence[str]] = {"scipy.optimize": ["linear_sum_assignment"]}  # imported by name, called at use
ALONE = {"torch._dynamo._trace_wrapped_higher_order_op"}  # submodules that need nothing of their package
REPLACED: Mapping[str, Mapping[str, StandIn]] = {  # names of modules that are executed as ever
    "diffusers.utils.import_utils": {"is_peft_available": no},
    "gradio.component_meta": {"create_or_modify_pyi": omitted},
    "gradio.events": {"Template": Unrendered},
}


class DeferredModule(ModuleType):
    """A module that is executed when something is asked of it that it does not have yet."""

    _own_loader: Loader | None = None

    def execute(self) -> None:
        """Execute the module, once; another thread waits until it is whole."""
        with LOCK:
            if self._own_loader is not None:
                loader, self._own_loader = self._own_loader, None
                loader.exec_module(self)

    def call(self, name: str, *values: object, **named: object) -> object:
        """Call a function of the module that was imported by name before the module was executed."""
        self.execute()
        return getattr(self, name)(*values, **named)

    def __getattr__(self, name: str) -> object:
        if not name.startswith("__"):  # what the import system itself asks
            self.execute()
        return ModuleType.__getattribute__(self, name)


class DeferringLoader(Loader):
    """Make a module with stand-ins in place of executing it."""

    def __init__(self, own: Loader) -> None:
        self.own = own

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return DeferredModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        assert isinstance(module, DeferredModule) and module.__spec__ is not None
        module._own_loader = module.__loader__ = module.__spec__.loader = self.own
        vars(module).update(STAND_INS[module.__name__])
        vars(module).update({name: partial(module.call, name) for name in FUNCTIONS.get(module.__name__, ())})


class ReplacingLoader(Loader):
    """Execute a module, then put what REPLACED says in the place of its own."""

    def __init__(self, own: Loader) -> None:
        self.own = own

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.own.exec_module(module)
        vars(module).update(REPLACED[module.__name__])


class ImportedLoader(Loader):
    """Return a submodule that its package has imported while it was looked for: Python would execute it once more."""

    def __init__(self, module: ModuleType) -> None:
        self.module, self.spec = module, module.__spec__
        vars(module)["__spec__"] = ModuleSpec(module.__name__, self)  # which Python takes, as there is a module now

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__spec__"] = self.spec  # not by setattr, which torch._dynamo.config refuses


class DeferringFinder(MetaPathFinder):
    """Find the modules that are put off, where Python finds them; before another of its submodules, execute a package."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        package = sys.modules.get(fullname.rpartition(".")[0])
        if isinstance(package, DeferredModule) and fullname not in ALONE:
            package.execute()
            return ModuleSpec(fullname, ImportedLoader(sys.modules[fullname])) if fullname in sys.modules else None
        spec = PathFinder.find_spec(fullname, path, target) if fullname in (*STAND_INS, *REPLACED) else None
        if spec is not None and spec.loader is not None:
            spec.loader = (DeferringLoader if fullname in STAND_INS else ReplacingLoader)(spec.loader)
        return spec


def defer_imports() -> None:
    """Put off the modules of STAND_INS from now on in this process, those that it has not imported yet."""
    sys.meta_path.insert(0, DeferringFinder())


@contextmanager
def collector_paused() -> Iterator[None]:
    """Import without collecting garbage, which imports do not leave, and never look for any in what was imported."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
