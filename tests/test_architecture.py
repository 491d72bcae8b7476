"""What import-linter cannot see: where heavy imports are, how many are inside functions, what is never let in."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import synoptic

ROOT = Path(synoptic.__file__).parent
FILES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}
LAZY = ("cli.py", "__init__.py")  # which import what they call when it is called
UPPER = ("options", "pipelines", "runs", "commands", "courses")
BANNED = {"torchvision", "pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
VERBS = """
Add Answer Apply Ask Bake Blend Blur Bring Build Cache Call Carry Change Check Clip Close Compile Compute Connect
Count Cut Decode Denoise Diagnose Distill Divide Draw Embed Encode End Enlarge Execute Exit Fetch Find Forget Fuse
Generate Give Go Hand Hold Import Invert Join Keep Label Let List Load Look Make Map Measure Move Multiply Noise
Optimize Paint Paste Place Plan Predict Prepare Print Project Push Put Raise Read Record Reduce Remove Render Repeat
Replace Reshape Return Run Sample Save Say Score Search Serve Set Share Show Simplify Solve Stack Stand Stitch Stop
Store Subtract Sum Take Time Trace Turn Undo Upload Wait Weight Write Yield
"""  # with which a docstring begins; another one is added here


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that a file imports, at its top or inside a function."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=str(name)):
                yield name


def inner_imports(tree: ast.AST) -> list[int]:
    """The lines of imports inside functions."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [n.lineno for f in functions for n in ast.walk(f) if isinstance(n, ast.Import | ast.ImportFrom)]


def test_few_imports_hide_in_functions():
    upper = {f: lines for f, tree in FILES.items() if f.split("/")[0] in UPPER and (lines := inner_imports(tree))}
    assert sum(map(len, upper.values())) < 20, upper


def test_a_docstring_of_a_function_begins_with_a_verb():
    """Beyond ruff's D401, which lets "(B, C, H, W) -> …" pass. A property's says what it is."""
    for file, tree in FILES.items():
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        for node in functions:
            text = ast.get_docstring(node)
            if text and not any("property" in ast.unparse(decorator) for decorator in node.decorator_list):
                first, second, *_ = text.split()
                assert first.rstrip(",") in VERBS.split() and second != "of", f"{file}:{node.lineno} {text[:60]}"


def test_texts_are_read_and_written_in_utf_8():
    """Whatever the locale: a Latin-1 console has no other files."""
    plain = ("read_text()", 'open("r")', "open()")
    calls = {
        f"{file}:{node.lineno}"
        for file, tree in FILES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node).endswith(tuple(f".{call}" for call in plain))
    }
    assert not calls


def test_nothing_that_can_run_a_checkpoints_code_is_imported():
    for file, tree in FILES.items():
        assert not BANNED & {part for name in imported(tree) for part in name.split(".")}, file
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Name("torch"), attr="load" | "save" | "hub"):
                    raise AssertionError(f"{file}:{node.lineno} uses torch.{node.attr}")
                case ast.keyword(arg="trust_remote_code" | "allow_pickle"):
                    raise AssertionError(f"{file}:{node.lineno} gives {node.arg}")
                case ast.keyword(arg="use_safetensors", value=ast.Constant(value)) if value is not True:
                    raise AssertionError(f"{file}:{node.lineno} gives use_safetensors={value}")


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("synoptic", "torch diffusers transformers numpy PIL accelerate huggingface_hub cyclopts"),
        ("synoptic.cli", "torch diffusers transformers numpy accelerate huggingface_hub"),
        ("synoptic.runs.folders", "torch diffusers transformers numpy accelerate huggingface_hub"),
        ("synoptic.io", "torch diffusers transformers accelerate huggingface_hub"),
        ("synoptic.studio.jobs", "torch diffusers transformers accelerate"),
    ],
)
def test_light_modules_import_nothing_heavy(modules, heavy):
    code = f"import sys, {modules}; print([m for m in {heavy.split()} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_public_names_are_the_ones_the_type_checker_sees():
    (block,) = [node for node in FILES["__init__.py"].body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == {name: f"synoptic.{module}" for name, module in synoptic.MODULES.items()}
