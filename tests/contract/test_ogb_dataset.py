"""What a script that uses `ogb.graphproppred.GraphPropPredDataset` meets when it uses ours."""

import inspect

import numpy as np
import pytest

from nb301_ogb import GraphPropPredDataset, dataset_names, get_info

NAME = "ogbg-nb201-cifar10"
CACHE_OF_OGB = {"dir_name", "original_root", "download_name", "pre_process"}
"""What ogb keeps for its downloads and its processed copy, which this package does not have."""


@pytest.fixture(scope="module")
def dataset():
    return GraphPropPredDataset(name=NAME, root="dataset")


def test_everything_that_ogb_offers_is_there(dataset, ogb_interface):
    theirs = ogb_interface["GraphPropPredDataset"]
    offered = set(theirs["attributes"])
    assert offered >= {"name", "root", "meta_info", "num_tasks", "eval_metric", "task_type", "num_classes", "binary"}
    assert {name for name in offered - CACHE_OF_OGB if not hasattr(dataset, name)} == set()
    parameters = [name for name in inspect.signature(GraphPropPredDataset).parameters if name != "self"]
    assert parameters[: len(theirs["parameters"])] == theirs["parameters"] == ["name", "root", "meta_dict"]
    assert list(inspect.signature(GraphPropPredDataset.get_idx_split).parameters) == theirs["split parameters"]


def test_attributes(dataset):
    assert dataset.name == NAME
    assert isinstance(dataset.root, str)
    assert (dataset.num_tasks, type(dataset.num_tasks)) == (1, int)
    assert (dataset.eval_metric, dataset.task_type) == ("rmse", "regression")
    assert (dataset.num_classes, dataset.binary) == (-1, False)
    assert dataset.meta_info["split"] == "equivalence"
    assert len(dataset) == len(dataset.graphs) == len(dataset.labels) == 15_625
    assert repr(dataset) == "GraphPropPredDataset(15625)"


def test_an_item(dataset):
    graph, label = dataset[7_000]
    assert set(graph) == {"edge_index", "edge_feat", "node_feat", "num_nodes"}
    edges = graph["edge_index"].shape[1]
    for key, shape in (("edge_index", (2, edges)), ("edge_feat", (edges, 1)), ("node_feat", (4, 2))):
        assert isinstance(graph[key], np.ndarray)
        assert graph[key].dtype == np.int64
        assert graph[key].shape == shape
    assert type(graph["num_nodes"]) is int
    assert isinstance(label, np.ndarray)
    assert label.dtype == np.float32
    assert label.shape == (1,)


def test_integers_of_all_kinds_are_indices(dataset):
    for index in (3, np.int64(3), np.uint8(3), -15_622):
        graph, label = dataset[index]
        assert graph["edge_index"].tolist() == dataset[3][0]["edge_index"].tolist()
        assert label == dataset[3][1]


@pytest.mark.parametrize("index", [np.array([1, 2]), [1], slice(2), 1.0, "1", None, True, np.bool_(True), np.array(1)])
def test_anything_else_is_refused_in_the_words_of_ogb(dataset, index):
    with pytest.raises(IndexError, match=rf"^Only integer is valid index \(got {type(index).__name__}\)\.$"):
        dataset[index]


@pytest.mark.parametrize("index", [15_625, -15_626, np.int64(10**12)])
def test_rows_that_are_not_there(dataset, index):
    with pytest.raises(IndexError, match="outside of ogbg-nb201-cifar10, which has 15625 rows"):
        dataset[index]


def test_a_loop_ends(dataset):
    assert sum(1 for _ in dataset) == 15_625


def test_splits(dataset):
    for split_type in (None, *get_info(NAME).splits):
        split = dataset.get_idx_split(split_type)
        assert set(split) == {"train", "valid", "test"}
        assert all(
            isinstance(rows, np.ndarray) and rows.dtype == np.int64 and rows.ndim == 1 for rows in split.values()
        )
    default, named = dataset.get_idx_split(), dataset.get_idx_split(split_type=dataset.meta_info["split"])
    assert all(np.array_equal(default[part], named[part]) for part in default)


def test_an_unknown_split(dataset):
    with pytest.raises(ValueError, match=r"no split 'scaffold'; it has .*equivalence.*random"):
        dataset.get_idx_split("scaffold")


@pytest.mark.parametrize("name", ["ogbg-molhiv", "", "cifar10", 3, None])
def test_an_unknown_name(name):
    with pytest.raises(ValueError, match=r"^Invalid dataset name") as raised:
        GraphPropPredDataset(name)
    first, second, *listed = str(raised.value).split("\n")
    assert first == f"Invalid dataset name {name}."
    assert second == "Available datasets are as follows:"
    assert listed == list(dataset_names())


@pytest.mark.parametrize("name", ["nb201-cifar10", "ogbg_nb201_cifar10", " OGBG-NB201-CIFAR10"])
def test_other_spellings(name):
    assert GraphPropPredDataset(name).name == NAME
