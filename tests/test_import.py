import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import nb301_ogb

ROOT = Path(nb301_ogb.__file__).parent


def python(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_package_imports_neither_torch_nor_ogb():
    python("import nb301_ogb, sys; assert 'torch' not in sys.modules and 'ogb' not in sys.modules")


def test_what_needs_no_torch_imports_none():
    python(
        "import sys, nb301_ogb.storage.write, nb301_ogb.storage.verify, nb301_ogb.loaders.splits\n"
        "import nb301_ogb.loaders.build_nb201, nb301_ogb.loaders.locate, nb301_ogb.loaders.fetch\n"
        "from nb301_ogb import get_info, get_space, dataset_names, Evaluator, GraphPropPredDataset\n"
        "get_space('nasbench201'), get_space('darts')\n"
        "found = {'torch', 'torch_geometric', 'ogb', 'pandas', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "assert not found, found"
    )


@pytest.mark.parametrize("name", nb301_ogb.__all__)
def test_public_names(name):
    value = getattr(nb301_ogb, name)
    assert name in dir(nb301_ogb)
    if name != "__version__":
        assert value is getattr(importlib.import_module(nb301_ogb._HOME[name]), name)
        assert inspect.getdoc(value)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="module 'nb301_ogb' has no attribute 'Dataset'"):
        nb301_ogb.Dataset  # noqa: B018
    assert not hasattr(nb301_ogb, "torch")


def test_type_checkers_see_the_same_names():
    tree = ast.parse((ROOT / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert seen == nb301_ogb._HOME
    assert set(nb301_ogb.__all__) == {*nb301_ogb._HOME, "__version__"}


def test_the_package_is_marked_as_typed():
    assert (ROOT / "py.typed").is_file()


@pytest.mark.slow
def test_every_module_can_be_the_first_that_is_imported():
    """In an order of its own each, so that no module relies on another having been imported before."""
    names = [module.name for module in pkgutil.walk_packages([str(ROOT)], "nb301_ogb.")]
    assert len(names) > 40
    python(
        "import importlib, sys\n"
        f"for name in {names}:\n"
        "    for loaded in [one for one in sys.modules if one.startswith('nb301_ogb')]:\n"
        "        del sys.modules[loaded]\n"
        "    importlib.import_module(name)"
    )
