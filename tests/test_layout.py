"""The layers of the package, what its code must not do, and what a wheel of it installs."""

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import nb301_ogb

ROOT = Path(nb301_ogb.__file__).parents[1]
PACKAGE = ROOT / "nb301_ogb"
MODULES = sorted(PACKAGE.rglob("*.py"))
HEIGHT = {
    "_version": 0, "errors": 0, "jsonable": 0, "catalog": 1, "spaces": 2, "storage": 3, "evaluators": 4, "loaders": 4,
    "baselines": 5, "sweeps": 6, "search": 6, "leaderboard": 7, "experiments": 8, "compat": 8, "cli": 9,
}  # fmt: skip
"""Imports run downward only; parts of one height do not know each other."""

FORBIDDEN = {"print", "input", "eval", "exec", "breakpoint", "__import__", "torch.load", "np.save", "exit", "quit"}
SERIALISERS = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
UNPICKLER = "nb301_ogb.loaders.sources.nasbench201"


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree):
    """The full names of the modules that a file imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole module"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def called(tree):
    """What a file calls, as it is written."""
    return [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]


@pytest.fixture(scope="module")
def tracked():
    """The files of the repository, relative to its root."""
    git = ["git", "-C", ROOT, "ls-files", "-z"]
    try:
        listed = subprocess.run(git, capture_output=True, text=True, check=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git repository, so what belongs to it is not known")
    return [Path(name) for name in listed if name and (ROOT / name).exists()]


def test_imports_run_downward():
    upward = []
    for path in MODULES:
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        assert part in HEIGHT, f"{part} has no place among the layers"
        for name in imported(tree_of(path)):
            first, _, rest = name.partition(".")
            other = rest.partition(".")[0]
            if first == "nb301_ogb" and rest and other != part and HEIGHT.get(other, 9) >= HEIGHT[part]:
                upward.append(f"{name_of(path)} imports {name}")
    assert upward == []


def misdeeds(path):
    tree = tree_of(path)
    yield from FORBIDDEN & set(called(tree))
    modules = {name.partition(".")[0] for name in imported(tree)}
    yield from (SERIALISERS & modules) - ({"pickle"} if name_of(path) == UNPICKLER else set())
    keywords = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    yield from {"allow_pickle", "weights_only"} & keywords
    if "tomllib" in modules and "tomli" not in modules:
        yield "tomllib, which Python 3.10 does not have"
    names = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    shared = r"(np|numpy)\.random\.\w+" + (r"|random\.\w+" if "random" in modules else "")
    drawn = {name for name in names if re.fullmatch(shared, name)}
    yield from drawn - {f"np.random.{allowed}" for allowed in ("default_rng", "Generator", "SeedSequence")}
    if len(path.read_text(encoding="utf-8").splitlines()) > 400:
        yield "more than 400 lines"


def test_what_the_library_does_not_do():
    """No prompt and no print, no code from data, no pickles, no generator that all share."""
    assert {name_of(path): found for path in MODULES if (found := sorted(misdeeds(path)))} == {}


def test_the_refusing_unpickler_is_the_only_one():
    source = PACKAGE / "loaders" / "sources" / "nasbench201.py"
    used = {ast.unparse(node) for node in ast.walk(tree_of(source)) if isinstance(node, ast.Attribute)}
    assert {name for name in used if name.startswith("pickle.")} == {"pickle.Unpickler"}


@pytest.mark.parametrize("part", ["loaders", "evaluators", "baselines"])
def test_links_at_the_top_level(part):
    link = ROOT / part
    if not link.is_symlink():
        pytest.skip("these links are part of the repository, not of an installed package")
    assert os.readlink(link) == f"nb301_ogb/{part}"
    assert link.resolve() == (PACKAGE / part).resolve()


def test_nothing_else_at_the_top_level_can_be_imported(tracked):
    top = {path.parts[0] for path in tracked if path.suffix == ".py"}
    assert top <= {"nb301_ogb", "tests", "benchmarks", "docs"}
    assert "tests" in top


def test_no_path_of_a_machine_is_in_the_repository(tracked):
    words = [f"/{folder}/".encode() for folder in ("work", "root")]
    for path in tracked:
        if path.suffix != ".h5" and not (ROOT / path).is_symlink():
            content = (ROOT / path).read_bytes()
            assert not any(word in content for word in words), path


# The wheel


@pytest.fixture(scope="module")
def wheel(tracked, tmp_path_factory):
    """A wheel made from a copy of the repository's files."""
    source, output = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for path in tracked:
        if path.parts[0] != "tests":
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, source / path, follow_symlinks=False)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*pip, source, "--wheel-dir", output], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    (made,) = output.iterdir()
    return made


def test_a_wheel_installs_one_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    info = f"nb301_ogb-{nb301_ogb.__version__}.dist-info"
    assert wheel.name == f"nb301_ogb-{nb301_ogb.__version__}-py3-none-any.whl"
    assert {name.partition("/")[0] for name in names} == {"nb301_ogb", info}
    assert {f"{info}/licenses/LICENSE", f"{info}/licenses/NOTICE", f"{info}/entry_points.txt"} <= set(names)


def test_a_wheel_holds_every_file_of_the_package(wheel, tracked):
    with zipfile.ZipFile(wheel) as archive:
        packed = {Path(name) for name in archive.namelist() if name.startswith("nb301_ogb/")}
    assert packed == {path for path in tracked if path.parts[0] == "nb301_ogb"}
    assert {path.suffix for path in packed} >= {".py", ".h5", ".toml", ".typed"}
    assert sum(path.suffix == ".h5" for path in packed) == 3


def test_a_wheel_says_what_it_is(wheel):
    with zipfile.ZipFile(wheel) as archive:
        info = f"nb301_ogb-{nb301_ogb.__version__}.dist-info"
        metadata = archive.read(f"{info}/METADATA").decode()
        commands = archive.read(f"{info}/entry_points.txt").decode()
    head = metadata.partition("\n\n")[0].splitlines()
    assert {"License: Apache-2.0", "License-Expression: Apache-2.0"} & set(head)
    assert "Requires-Python: >=3.10" in head
    assert any(line.startswith("Requires-Dist: torch-geometric") for line in head)
    assert "nb301-ogb = nb301_ogb.cli" in commands


def test_an_installed_wheel_works(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    program = (
        "import nb301_ogb; print(nb301_ogb.__file__);"
        "print(len(nb301_ogb.GraphPropPredDataset('nb201-imagenet16').get_idx_split()['train']))"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60
    )
    assert done.stdout.split() == [str(tmp_path / "nb301_ogb" / "__init__.py"), "12500"], done.stderr
