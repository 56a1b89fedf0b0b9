"""What a script that uses `ogb.graphproppred.PygGraphPropPredDataset`, or any PyG dataset, meets when it uses ours."""

import inspect
import warnings

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch, Data, InMemoryDataset
from torch_geometric.loader import DataLoader

from nb301_ogb import Evaluator, PygGraphPropPredDataset, dataset_names, get_info

NAME = "ogbg-nb201-cifar10"
CACHE_OF_OGB = {"dir_name", "original_root", "download_name"}
"""What ogb keeps for its downloads, which this package does not have."""


@pytest.fixture(scope="module")
def dataset():
    return PygGraphPropPredDataset(name=NAME, root="dataset")


def test_everything_that_ogb_offers_is_there(dataset, ogb_interface):
    theirs = ogb_interface["PygGraphPropPredDataset"]
    offered = set(theirs["attributes"])
    assert offered >= {"name", "root", "meta_info", "num_tasks", "eval_metric", "task_type", "num_classes", "binary"}
    ours = set(dir(dataset)) | set(vars(dataset))
    assert offered - CACHE_OF_OGB - ours == set()
    parameters = [name for name in inspect.signature(PygGraphPropPredDataset).parameters if name != "self"]
    expected = ["name", "root", "transform", "pre_transform", "meta_dict"]
    assert parameters[: len(theirs["parameters"])] == theirs["parameters"] == expected
    assert list(inspect.signature(PygGraphPropPredDataset.get_idx_split).parameters) == theirs["split parameters"]


def test_what_pyg_users_expect_beyond_ogb():
    parameters = inspect.signature(PygGraphPropPredDataset).parameters
    pyg = inspect.signature(InMemoryDataset.__init__).parameters
    for name in ("transform", "pre_transform", "pre_filter", "log", "force_reload"):
        assert parameters[name].default == pyg[name].default


def test_attributes(dataset):
    assert isinstance(dataset, InMemoryDataset)
    assert dataset.name == NAME
    assert isinstance(dataset.root, str)
    assert (dataset.num_tasks, type(dataset.num_tasks)) == (1, int)
    assert (dataset.eval_metric, dataset.task_type) == ("rmse", "regression")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (dataset.num_classes, dataset.binary) == (-1, False)
    assert dataset.meta_info["split"] == "equivalence"
    assert len(dataset) == 15_625
    assert repr(dataset) == "PygGraphPropPredDataset(15625)"
    assert repr(dataset[:10]) == "PygGraphPropPredDataset(10)"
    assert (dataset.num_node_features, dataset.num_features, dataset.num_edge_features) == (2, 2, 1)
    assert (dataset.node_feat_dims, dataset.edge_feat_dims) == ((3, 1), (5,))


def test_an_item(dataset):
    item = dataset[7_000]
    assert type(item) is Data
    assert set(item.keys()) == {"edge_index", "edge_attr", "x", "y", "num_nodes"}
    assert (item.x.shape, item.edge_attr.shape, item.edge_index.shape) == (
        (4, 2),
        (item.num_edges, 1),
        (2, item.num_edges),
    )
    assert {item.x.dtype, item.edge_attr.dtype, item.edge_index.dtype} == {torch.int64}
    assert (item.y.dtype, item.y.shape) == (torch.float32, (1, 1))
    assert (item.num_nodes, type(item.num_nodes)) == (4, int)
    assert item.validate()
    assert item.is_directed()


def test_labels_of_a_batch_are_what_the_evaluator_takes(dataset):
    batch = next(iter(DataLoader(dataset, batch_size=32)))
    assert isinstance(batch, Batch)
    assert batch.y.shape == (32, dataset.num_tasks)
    assert Evaluator(NAME).eval({"y_true": batch.y, "y_pred": batch.y})["rmse"] == 0


def test_splits(dataset):
    for split_type in (None, *get_info(NAME).splits):
        split = dataset.get_idx_split(split_type)
        assert set(split) == {"train", "valid", "test"}
        assert all(rows.dtype == torch.long and rows.dim() == 1 for rows in split.values())
        parts = [dataset[rows] for rows in split.values()]
        assert [len(part) for part in parts] == [len(rows) for rows in split.values()]
    default, named = dataset.get_idx_split(), dataset.get_idx_split(split_type=dataset.meta_info["split"])
    assert all(torch.equal(default[part], named[part]) for part in default)


def test_an_unknown_split(dataset):
    with pytest.raises(ValueError, match=r"no split 'scaffold'; it has .*equivalence.*random"):
        dataset.get_idx_split("scaffold")


@pytest.mark.parametrize("name", ["ogbg-molhiv", "", "cifar10"])
def test_an_unknown_name(name):
    with pytest.raises(ValueError, match=r"^Invalid dataset name") as raised:
        PygGraphPropPredDataset(name)
    first, second, *listed = str(raised.value).split("\n")
    assert first == f"Invalid dataset name {name}."
    assert second == "Available datasets are as follows:"
    assert listed == list(dataset_names())


@pytest.mark.parametrize("rows", [np.array([2, 0]), torch.tensor([2, 0]), [2, 0], (2, 0)])
def test_rows_as_pyg_takes_them(dataset, rows):
    assert [item.num_edges for item in dataset[rows]] == [1, 0]


def test_simple_features_as_main_pyg_makes_them():
    """`--feature simple` of OGB's script keeps the first columns, by assignment to `data`."""
    dataset = PygGraphPropPredDataset(NAME)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyG warns of any use of `data`
        dataset.data.x = dataset.data.x[:, :1]
    assert dataset[5].x.shape == (4, 1)
