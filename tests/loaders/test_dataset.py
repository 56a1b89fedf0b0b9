import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from nb301_ogb import GraphPropPredDataset
from nb301_ogb.spaces.nasbench201 import SPACE

NAME = "ogbg-nb201-cifar10"


@pytest.fixture(scope="module")
def dataset():
    return GraphPropPredDataset(NAME)


def test_items_are_graphs_and_labels(dataset):
    graph, label = dataset[SPACE.index([[3, 3, 3, 1, 3, 2]])[0]]
    assert graph["edge_index"].tolist() == [[0, 0, 1, 0, 1, 2], [1, 2, 2, 3, 3, 3]]
    assert graph["edge_feat"].tolist() == [[3], [3], [3], [1], [3], [2]]
    assert graph["node_feat"].tolist() == [[0, 0], [1, 0], [1, 0], [2, 0]]
    assert graph["num_nodes"] == 4
    assert label == pytest.approx([91.61], abs=0.005)


def test_items_are_arrays_of_their_own(dataset):
    graph, label = dataset[5]
    graph["node_feat"][:] = -1
    label[:] = -1
    assert dataset[5][0]["node_feat"].min() == 0
    assert dataset[5][1].min() > 0
    assert dataset.labels[5] > 0


def test_a_graph_without_an_edge(dataset):
    graph, _ = dataset[0]
    assert graph["edge_index"].shape == (2, 0)
    assert graph["edge_feat"].shape == (0, 1)
    assert graph["num_nodes"] == 4


def test_every_item(dataset):
    items = list(dataset)
    assert len(items) == len(dataset) == len(dataset.graphs) == 15_625
    assert sum(len(graph["edge_feat"]) for graph, _ in items) == 75_000
    np.testing.assert_array_equal(np.stack([label for _, label in items]), dataset.labels)


def test_targets_and_runs():
    dataset = GraphPropPredDataset(NAME, targets=("val_accuracy", "runtime"), runs="all")
    assert dataset.num_tasks == 6
    assert dataset[0][1].shape == (6,)
    assert dataset.meta_info["num tasks"] == 6
    third = GraphPropPredDataset(NAME, runs=2)
    np.testing.assert_array_equal(third.labels[:, 0], dataset.labels[:, 2])
    assert np.isnan(third.labels).sum() == 7_456


def test_a_root_and_a_meta_dict(small_root):
    for one in (
        GraphPropPredDataset(NAME, str(small_root)),
        GraphPropPredDataset(NAME, small_root),
        GraphPropPredDataset(NAME, meta_dict={"dir_path": str(small_root / "ogbg_nb201_cifar10")}),
    ):
        assert len(one) == 150
        assert one.root == str(small_root / "ogbg_nb201_cifar10")
        assert one.graphs.equals(SPACE.graphs(one.table.codes()))


def test_copies(dataset):
    for other in (copy.copy(dataset), copy.deepcopy(dataset), pickle.loads(pickle.dumps(dataset))):
        assert other.graphs.equals(dataset.graphs)
        assert other[3][1] == dataset[3][1]
        assert np.array_equal(other.get_idx_split()["test"], dataset.get_idx_split()["test"])


def test_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    package = os.path.dirname(GraphPropPredDataset(NAME).root)
    before = sorted(os.listdir(os.path.join(package, "data")))
    GraphPropPredDataset(NAME, root="dataset").get_idx_split("random")
    assert os.listdir(tmp_path) == []
    assert sorted(os.listdir(os.path.join(package, "data"))) == before


def test_torch_is_not_imported():
    program = (
        "import sys; from nb301_ogb import GraphPropPredDataset, get_info, get_space, dataset_names;"
        f"dataset = GraphPropPredDataset({NAME!r}); dataset[0]; dataset.get_idx_split();"
        "found = {'torch', 'torch_geometric', 'ogb', 'pandas'} & set(sys.modules); assert not found, found"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
