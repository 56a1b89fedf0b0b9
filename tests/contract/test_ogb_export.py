"""What `nb301-ogb export --format ogb` writes is a dataset to ogb itself, and the same one as ours."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from nb301_ogb.loaders.export import export
from tests.small_files import darts_file, part_of_nb201

FILES = {"nasbench201": part_of_nb201, "darts": darts_file}
TARGETS = ("val_accuracy", "num_params")

LOAD = """
import json, sys
sys.modules["outdated"] = None  # else ogb starts a thread that asks PyPI, without a time limit, for its latest version
import numpy as np
import torch
from ogb.graphproppred import GraphPropPredDataset, PygGraphPropPredDataset

def check(folder, name, tasks, splits):
    meta = torch.load(folder + "/out/meta_dict.pt", weights_only=True)
    found = {}
    for time in ("first", "again"):
        plain, pyg = GraphPropPredDataset(name, meta_dict=meta), PygGraphPropPredDataset(name, meta_dict=meta)
        for data in (plain, pyg):
            facts = (data.num_tasks, data.eval_metric, data.task_type, data.num_classes)
            assert facts == (tasks, "rmse", "regression", -1), facts
        for row in range(len(plain)):
            (graph, label), data = plain[row], pyg[row]
            assert graph["num_nodes"] == len(graph["node_feat"]) == data.num_nodes
            for word, one, other in (("edge_index", graph["edge_index"], data.edge_index),
                                     ("node_feat", graph["node_feat"], data.x),
                                     ("edge_feat", graph["edge_feat"], data.edge_attr),
                                     ("label", label[None], data.y)):
                assert one.dtype == other.numpy().dtype, word
                np.testing.assert_array_equal(one, other.numpy())
                found.setdefault(f"{time}/{word}", []).append(one)
        for split in splits:
            for part, rows in plain.get_idx_split(split).items():
                np.testing.assert_array_equal(rows, pyg.get_idx_split(split)[part])
                found[f"{time}/{split}/{part}"] = [rows]
        for part, rows in plain.get_idx_split().items():
            found[f"{time}/default split/{part}"] = [rows]
    axis = {"edge_index": 1}
    arrays = {key: np.concatenate(pieces, axis=axis.get(key.split("/")[1], 0)) for key, pieces in found.items()}
    arrays["edges"] = [graph["edge_index"].shape[1] for graph in plain.graphs]
    arrays["nodes"] = [graph["num_nodes"] for graph in plain.graphs]
    np.savez(folder + "/found.npz", **arrays)

for task in json.loads(sys.argv[1]):
    check(**task)
"""


def run(command, **environment):
    found = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
    )
    assert found.returncode == 0, found.stderr
    return found


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """For each space the dataset and its folder, exported here or, for nasbench201, by the command line."""
    made = {}
    for space, make in FILES.items():
        folder = tmp_path_factory.mktemp(space)
        made[space] = make(folder / "small.h5", rows=60), folder
    dataset, folder = made["darts"]
    export(dataset, "ogb", folder / "out", targets=TARGETS)
    return made | {"said": _by_command(made["nasbench201"][1])}


def _by_command(folder):
    """What the command said. Its input is closed, and an `outdated` that would hang could be imported."""
    (folder / "outdated.py").write_text(
        f"def check_outdated(*_):\n    open({str(folder / 'asked')!r}, 'w').close()\n"
        "    import time\n    time.sleep(1000)\n"
    )
    command = [sys.executable, "-c", "from nb301_ogb.cli import main; main()"]
    command += ["export", str(folder / "small.h5"), "--format", "ogb", "--output", str(folder / "out")]
    for name in TARGETS:
        command += ["--target", name]
    return run(command, PYTHONPATH=os.pathsep.join((str(folder), os.environ.get("PYTHONPATH", ""))))


@pytest.fixture(scope="module")
def loaded(exports):
    tasks = [
        {"folder": str(folder), "name": dataset.header.name, "tasks": 2, "splits": dataset.split_names}
        for dataset, folder in (exports[space] for space in FILES)
    ]
    run([sys.executable, "-c", LOAD, json.dumps(tasks)], TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD="1")
    found = {}
    for space in FILES:
        with np.load(exports[space][1] / "found.npz") as arrays:
            found[space] = dict(arrays)
    return found


@pytest.mark.parametrize("time", ["first", "again"])
@pytest.mark.parametrize("space", FILES)
def test_ogb_loads_the_same_dataset(exports, loaded, space, time):
    (dataset, _), found = exports[space], loaded[space]
    graphs = dataset.graphs()
    labels = np.stack(
        [np.nanmean(dataset.values(name), axis=1, dtype=np.float64).astype(np.float32) for name in TARGETS], axis=1
    )
    np.testing.assert_array_equal(found["nodes"], np.diff(graphs.node_ptr))
    np.testing.assert_array_equal(found["edges"], np.diff(graphs.edge_ptr))
    assert (found["edges"] == 0).any() == (space == "nasbench201")
    for name in ("node_feat", "edge_index", "edge_feat"):
        np.testing.assert_array_equal(found[f"{time}/{name}"], getattr(graphs, name))
        assert found[f"{time}/{name}"].dtype == np.int64
    np.testing.assert_array_equal(found[f"{time}/label"], labels)
    names = {split: split for split in dataset.split_names}
    names["default split"] = "default" if space == "darts" else "equivalence"
    for told, split in names.items():
        for part, rows in dataset.split(split).parts().items():
            np.testing.assert_array_equal(found[f"{time}/{told}/{part}"], rows)


def test_nothing_is_asked_and_nothing_else_is_left(exports):
    folder, said = exports["nasbench201"][1], exports["said"]
    assert not (folder / "asked").exists()
    assert "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1" in said.stdout
    assert "Saving" not in said.stdout + said.stderr
    names = {path.name for path in (folder / "out").iterdir()}
    assert names == {"README.md", "export.json", "meta_dict.pt", "nb201_cifar10", "nb201_cifar10.zip"}
    assert {path.name for path in folder.iterdir()} - {"found.npz", "__pycache__"} == {"outdated.py", "small.h5", "out"}
