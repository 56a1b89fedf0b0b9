"""A script written for ogb runs after changing its imports, and nothing else."""

import os
import re
import subprocess
import sys

import torch

BLOCK = re.compile(r"# >>> imports\n.*# <<< imports\n", re.DOTALL)
OURS = """from nb301_ogb import Evaluator, PygGraphPropPredDataset
from nb301_ogb import EdgeEncoder as BondEncoder, NodeEncoder as AtomEncoder
"""


def test_it_trains_for_an_epoch(tmp_path, ogb_script):
    program = BLOCK.sub(OURS, ogb_script)
    (tmp_path / "main.py").write_text(program)
    arguments = ["--dataset", "ogbg-nb201-cifar10", "--limit", "320", "--filename", "result.pt"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "main.py", *arguments],
        capture_output=True, text=True, timeout=180, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert "Finished training!" in done.stdout
    result = torch.load(tmp_path / "result.pt")
    assert set(result) == {"train", "valid", "test"}
    assert all(isinstance(score, float) and 0 < score < 100 for score in result.values())
    assert f"Test score: {result['test']}" in done.stdout
    assert sorted(os.listdir(tmp_path)) == ["main.py", "result.pt"], "neither data nor caches beside the script"


def test_only_the_imports_differ(ogb_script):
    assert len(BLOCK.findall(ogb_script)) == 1
    assert BLOCK.sub(OURS, ogb_script).replace(OURS, "") == BLOCK.sub("", ogb_script)
    assert "nb301" not in ogb_script
    compile(ogb_script, "ogb_script.py", "exec")


def test_its_imports_are_real(ogb_interface):
    """The original's imports work in ogb itself."""
    assert set(ogb_interface) == {"GraphPropPredDataset", "PygGraphPropPredDataset"}
