"""The house: who may import whom, where weight lies, and what is never let in. Reads imports inside functions too."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import synoptic

ROOT = Path(synoptic.__file__).parent
HEAVY = {"torch", "diffusers", "transformers"}

# room: the rooms it may look into, besides itself. A new room must say here where it stands.
HOUSE: dict[str, set[str]] = {
    "diffusion": set(),
    "distributed": set(),
    "errors": set(),
    "utils": set(),
    "io": {"errors"},
    "models": {"diffusion", "errors"},
    "views": {"diffusion", "distributed", "errors"},
    "animate": {"io", "views"},
    "guidance": {"diffusion", "models", "views"},
    "metrics": {"errors", "io", "models"},
    "sampling": {"diffusion", "guidance", "io", "models", "views"},
    "controlnet": {"diffusion", "distributed", "guidance", "io", "metrics", "models", "sampling", "utils"},
    "distillation": {"diffusion", "guidance", "models", "sampling", "utils", "views"},
    "nerf": {"distillation", "io", "metrics"},
    "mesh": {"errors", "io", "metrics", "nerf"},
    "runs": {"diffusion", "distributed", "errors", "guidance", "io", "metrics", "models"},
    "options": {"controlnet", "distributed", "errors", "io", "metrics", "models", "nerf", "views"},
    "pipelines": {
        *("animate", "controlnet", "diffusion", "distillation", "distributed", "errors", "guidance", "io", "mesh"),
        *("metrics", "models", "nerf", "options", "runs", "sampling", "views"),
    },
    "commands": {"errors", "io", "metrics", "models", "options", "pipelines", "runs", "views"},
    "courses": {"commands", "errors", "io", "metrics", "models", "options", "pipelines", "runs", "views"},
    "__init__": {"commands", "courses", "models", "pipelines"},
    "cli": {"__init__", "commands", "courses", "distributed", "errors", "options", "pipelines"},
    "__main__": {"cli"},
}


class Import(NamedTuple):
    """`file` imports `module`: at the `top` level or inside a function, at run time or for the type checker only."""

    file: str
    module: str
    top: bool
    run_time: bool


def imports(source: str, file: str) -> Iterator[Import]:
    """Every import of a file, each name of `from a import b` as a.b, relative ones made absolute."""
    package = ["synoptic", *Path(file).parent.parts]

    def walk(node: ast.AST, top: bool, run_time: bool) -> Iterator[Import]:
        match node:
            case ast.Import():
                yield from (Import(file, alias.name, top, run_time) for alias in node.names)
            case ast.ImportFrom():
                base = package[: len(package) + 1 - node.level] if node.level else []
                module = ".".join([*base, *([node.module] if node.module else [])])
                yield from (Import(file, f"{module}.{alias.name}", top, run_time) for alias in node.names)
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="__import__"), args=[ast.Constant(str(name)), *_]
            ):
                yield Import(file, name, top, run_time)
            case ast.If(test=ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                for child in node.body:
                    yield from walk(child, top, False)
                for child in node.orelse:
                    yield from walk(child, top, run_time)
                return
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, top and not inside, run_time)

    return walk(ast.parse(source), True, True)


FILES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted(ROOT.rglob("*.py"))}
EVERY = [item for file, source in FILES.items() for item in imports(source, file)]


def room(file: str) -> str:
    return Path(file).parts[0].removesuffix(".py")


def target(module: str) -> str | None:
    """The room that a module of ours lies in; None where it is not ours."""
    head, *rest = module.split(".")
    if head != "synoptic":
        return None
    return rest[0] if rest and rest[0] in {room(file) for file in FILES} else "__init__"


def test_every_room_has_its_place():
    assert {room(file) for file in FILES} == set(HOUSE)
    for name, below in HOUSE.items():
        assert below <= set(HOUSE) and name not in below


def test_the_house_has_no_stairs_that_lead_back():
    reached: set[str] = set()
    while ready := {name for name, below in HOUSE.items() if name not in reached and below <= reached}:
        reached |= ready
    assert reached == set(HOUSE)


@pytest.mark.parametrize("name", HOUSE)
def test_imports_point_down(name):
    mine = [i for i in EVERY if room(i.file) == name and (i.run_time or name == "__init__")]
    seen = {(i.file, i.module) for i in mine if target(i.module) not in (None, name, *HOUSE[name])}
    assert not seen


def test_only_the_doors_know_the_recipes():
    above = {"pipelines", "commands", "courses", "__init__", "cli"}
    assert {room(i.file) for i in EVERY if i.run_time and target(i.module) == "pipelines"} <= above


def test_only_images_and_those_who_read_pictures_know_pil():
    known = {i.file for i in EVERY if i.run_time and i.module.split(".")[0] == "PIL"}
    assert {file for file in known if room(file) not in ("io", "metrics", "courses")} <= {"commands/score.py"}
    assert {i.module for i in EVERY if i.file == "commands/score.py" and "PIL" in i.module} <= {"PIL.UnidentifiedImageError"}


def light(file: str) -> bool:
    doors = {"__init__.py", "__main__.py", "cli.py", "errors.py", "distributed.py"}
    doors |= {f"models/{name}.py" for name in ("embeddings", "families", "hub", "registry", "vocabulary", "weights")}
    doors |= {"views/registry.py", "views/permutation_file.py"}
    return file in doors or room(file) in ("pipelines", "options", "commands") or file.startswith("courses/cli/")


@pytest.mark.parametrize("file", [file for file in FILES if light(file)])
def test_doors_and_recipes_import_nothing_heavy_at_the_top(file):
    assert not {i.module for i in EVERY if i.file == file and i.top and i.run_time and i.module.split(".")[0] in HEAVY}


def test_nothing_that_can_run_a_checkpoints_code_is_imported():
    banned = {"torchvision", "pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    assert not {(i.file, i.module) for i in EVERY if banned & set(i.module.split("."))}
    assert not {(i.file, i.module) for i in EVERY if i.module in ("torch.load", "torch.save")}
    for file, source in FILES.items():
        for node in ast.walk(ast.parse(source)):
            match node:
                case ast.Attribute(value=ast.Name("torch"), attr="load" | "save" | "hub"):
                    raise AssertionError(f"{file}:{node.lineno} uses torch.{node.attr}")
                case ast.keyword(arg="trust_remote_code" | "allow_pickle"):
                    raise AssertionError(f"{file}:{node.lineno} gives {node.arg}")
                case ast.keyword(arg="use_safetensors", value=ast.Constant(value)) if value is not True:
                    raise AssertionError(f"{file}:{node.lineno} gives use_safetensors={value}")


@pytest.mark.parametrize("modules", ["synoptic", "synoptic, synoptic.cli"])
def test_importing_the_doors_does_not_import_anything_heavy(modules):
    heavy = sorted(HEAVY | {"numpy", "PIL", "accelerate", "huggingface_hub"})
    code = f"import sys, {modules}; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_public_names_are_the_ones_the_type_checker_sees():
    seen = {
        i.module.split(".")[-1]: i.module.rpartition(".")[0] for i in EVERY if i.file == "__init__.py" and not i.run_time
    }
    assert seen == synoptic.PUBLIC


def test_this_test_sees_imports_wherever_they_hide():
    source = """
import torch.nn
from typing import TYPE_CHECKING
from . import views
if TYPE_CHECKING:
    from PIL import Image
def late():
    from ..pipelines.wide import wide
    importlib.import_module("pickle")
class Early:
    try:
        import numpy as np
    finally:
        pass
"""
    assert set(imports(source, "views/windows.py")) == {
        Import("views/windows.py", "torch.nn", True, True),
        Import("views/windows.py", "typing.TYPE_CHECKING", True, True),
        Import("views/windows.py", "synoptic.views.views", True, True),
        Import("views/windows.py", "PIL.Image", True, False),
        Import("views/windows.py", "synoptic.pipelines.wide.wide", False, True),
        Import("views/windows.py", "pickle", False, True),
        Import("views/windows.py", "numpy", True, True),
    }
    assert [target(m) for m in ("synoptic", "synoptic.__version__", "synoptic.views.windows", "torch")] == [
        *("__init__", "__init__", "views", None)
    ]
