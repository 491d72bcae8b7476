import builtins
import importlib
import subprocess
import sys

import pytest
from PIL import Image

from synoptic.utils import deferred_imports
from synoptic.utils.deferred_imports import DeferringFinder, defer_imports


@pytest.fixture
def large(tmp_path, monkeypatch):
    """Yield the name of a package that is put off: `executed` lists how often it was, `double` is imported by name."""
    folder = tmp_path / "large_package"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "import builtins\nbuiltins.executed.append(__name__)\nfrom large_package.part import number\n"
        "def mark(f):\n    return 'marked'\ndef double(x):\n    return 2 * x\n"
    )
    (folder / "part.py").write_text("import builtins\nbuiltins.executed.append(__name__)\nnumber = 42\n")
    (folder / "alone.py").write_text("number = 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("builtins.executed", [], raising=False)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(deferred_imports, "STAND_INS", {"large_package": {"mark": deferred_imports.unchanged}})
    monkeypatch.setattr(deferred_imports, "FUNCTIONS", {"large_package": ["double"]})
    monkeypatch.setattr(deferred_imports, "ALONE", {"large_package.alone"})
    defer_imports()
    yield importlib.import_module("large_package")
    for name in ("large_package", "large_package.part", "large_package.alone"):
        sys.modules.pop(name, None)


def executed():
    return vars(builtins)["executed"]


def test_a_stand_in_and_a_submodule_that_stands_alone_leave_the_module_unexecuted(large):
    assert large.mark("as it is") == "as it is"
    assert importlib.import_module("large_package.alone").number == 7
    assert executed() == []


def test_another_submodule_is_imported_after_its_package_and_once(large):
    part = importlib.import_module("large_package.part")
    assert part.number == 42 and part is large.part
    assert part.__spec__ is not None and str(part.__spec__.origin).endswith("part.py")
    assert executed() == ["large_package", "large_package.part"]


def test_another_attribute_executes_the_module_once(large):
    assert large.number == 42
    assert large.mark("as it is") == "marked" and large.double(4) == 8
    assert executed() == ["large_package", "large_package.part"]
    with pytest.raises(AttributeError, match=r"large_package.*missing"):
        _ = large.missing


def test_a_function_that_was_imported_by_name_is_the_modules_own_when_it_is_called(large):
    double = large.double
    assert executed() == []
    assert double(21) == 42 and executed() == ["large_package", "large_package.part"]


def test_what_is_not_put_off_is_found_as_ever():
    assert DeferringFinder().find_spec("json", None) is None
    assert importlib.import_module("json").dumps([1]) == "[1]"


def test_names_of_a_module_that_is_executed_as_ever_are_replaced(tmp_path, monkeypatch):
    (tmp_path / "writes_stubs.py").write_text("def write(): raise OSError\ndef number(): return 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(deferred_imports, "REPLACED", {"writes_stubs": {"write": deferred_imports.omitted}})
    defer_imports()
    module = importlib.import_module("writes_stubs")
    assert module.write() is None and module.number() == 42
    sys.modules.pop("writes_stubs")


PAGE = """
import ast, inspect
from synoptic.utils.deferred_imports import defer_imports
defer_imports()
ast.get_source_segment = None  # what cuts a component's source out of its module
import gradio
assert "fn" in inspect.signature(gradio.Button.click).parameters
with gradio.Blocks() as page:
    gradio.Button("Paint").click(len, gradio.Textbox(), gradio.Number())
assert len(page.fns) == 1
"""


@pytest.mark.slow
def test_gradio_is_imported_without_comparing_its_sources_and_makes_pages():
    pytest.importorskip("gradio")
    subprocess.run([sys.executable, "-c", PAGE], check=True)


REAL = """
import sys
from synoptic.utils.deferred_imports import collector_paused, defer_imports
defer_imports()
with collector_paused():
    import diffusers.models.unets.unet_2d_condition
    import transformers.models.clip.modeling_clip
    from transformers.loss.loss_for_object_detection import linear_sum_assignment
for name in ("torch._dynamo.convert_frame", "scipy.stats._stats_py", "scipy.optimize._optimize", "scipy.integrate._ode"):
    assert name not in sys.modules, name
assert "peft" not in sys.modules
import scipy.integrate, scipy.stats, torch
assert linear_sum_assignment([[4, 1], [2, 8]])[1].tolist() == [1, 0]
assert abs(scipy.stats.norm.cdf(1.959963985) - 0.975) < 1e-9
assert abs(scipy.integrate.quad(lambda x: x, 0, 2)[0] - 2) < 1e-9
graphs = []
def backend(graph, inputs):
    graphs.append(graph)
    return graph.forward
assert torch.compile(lambda x: x * 2, backend=backend)(torch.ones(3)).tolist() == [2, 2, 2] and len(graphs) == 1
"""


@pytest.mark.slow
def test_the_libraries_import_without_what_is_put_off_and_work_when_it_is_asked_for():
    subprocess.run([sys.executable, "-c", REAL], check=True)


COMMAND = """
import sys
from synoptic import cli
sys.argv = ["synoptic", "generate", "a lake", "--steps", "2", "--upscaler-steps", "2", "--out", sys.argv[1]]
try:
    cli.main()
except SystemExit as e:
    assert e.code == 0
assert "torch._dynamo.convert_frame" not in sys.modules and "scipy.stats._stats_py" not in sys.modules
"""
FUNCTION = """
import sys
import synoptic
synoptic.run("generate", "a lake", steps=2, upscaler_steps=2, out=sys.argv[1])
assert "torch._dynamo.convert_frame" in sys.modules
"""


@pytest.mark.slow
def test_a_command_draws_the_picture_that_the_function_draws_without_the_compiler(tmp_path):
    pictures = []
    for name, script in (("command", COMMAND), ("function", FUNCTION)):
        subprocess.run([sys.executable, "-c", script, str(tmp_path / name)], check=True)
        pictures.append(Image.open(tmp_path / name / "a_lake_0.png"))
    assert pictures[0].tobytes() == pictures[1].tobytes()


FAKE = """
from synoptic.utils.deferred_imports import defer_imports
defer_imports()
import torch
from diffusers import UNet2DConditionModel
from torch._subclasses.fake_tensor import FakeTensorMode
with FakeTensorMode():
    assert torch.zeros(2, 3).mm(torch.zeros(3, 5)).shape == (2, 5)
"""


@pytest.mark.slow
def test_a_plan_measures_on_tensors_without_numbers_for_which_torch_reads_the_compilers_settings():
    subprocess.run([sys.executable, "-c", FAKE], check=True)
