"""DiffPool: what it sees, what its predictions do not depend on, its extra losses."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.loader import DataLoader

from nb301_ogb.baselines.config import load_config
from nb301_ogb.baselines.gnn_model import GNNModel
from nb301_ogb.baselines.model import Table
from nb301_ogb.evaluators.metrics import kendall_tau
from nb301_ogb.loaders.in_memory import GraphTableDataset
from nb301_ogb.loaders.labelled import LabelledTable

CONFIG = dataclasses.replace(load_config("diffpool"), emb_dim=8, num_layer=2)
KINDS = [("nasbench201", "raw"), ("nasbench201", "canonical"), ("darts", "raw"), ("darts", "canonical")]


def model_of(space: str, graph: str = "raw", **settings) -> GNNModel:
    model = GNNModel(dataclasses.replace(CONFIG, graph=graph, **settings), space, device="cpu")
    model.network.eval()
    return model


def batch_of(model: GNNModel, codes: np.ndarray):
    return next(iter(DataLoader(GraphTableDataset(model.graphs(codes)), batch_size=len(codes))))


@pytest.mark.parametrize(("space", "graph"), KINDS)
def test_a_batch_gives_what_its_graphs_give_alone(space: str, graph: str) -> None:
    model = model_of(space, graph)
    codes = model.space.sample(7, np.random.default_rng(0))
    together = model.network(batch_of(model, codes))
    alone = torch.cat([model.network(batch_of(model, code[None])) for code in codes])
    assert together.shape == (7, 1)
    assert torch.allclose(together, alone, atol=1e-5)
    assert len(together.unique()) > 4


@pytest.mark.parametrize("space", ["nasbench201", "darts"])
def test_every_op_and_its_place_matters(space: str) -> None:
    model = model_of(space)
    code = model.space.sample(1, np.random.default_rng(3))[0]
    found = model.network(batch_of(model, np.concatenate([code[None], model.space.neighbours(code)])))
    assert len(found.round(decimals=7).unique()) == len(found)


def test_equivalent_architectures_are_equal_on_canonical_graphs() -> None:
    model = model_of("nasbench201", "canonical")
    codes = model.space.table()
    keys = model.space.canonical_keys(codes)
    _, which = np.unique(keys, axis=0, return_inverse=True)
    one, other = np.flatnonzero(which.ravel() == np.bincount(which.ravel()).argmax())[:2]
    found = model.predict(codes[[one, other]])
    assert not np.array_equal(codes[one], codes[other])
    assert found[0] == pytest.approx(found[1], abs=1e-4)


def test_ops_are_nodes() -> None:
    model = model_of("darts")
    graphs = model.graphs(model.space.sample(3, np.random.default_rng(0)))
    assert np.diff(graphs.node_ptr).tolist() == [30, 30, 30]
    assert [block.join.out_features for block in model.network.assign] == [8, 2]
    small = model_of("nasbench201")
    assert [block.join.out_features for block in small.network.assign] == [3, 1]


def test_graphs_without_an_edge() -> None:
    model = model_of("nasbench201")
    found = model.network(batch_of(model, np.zeros((2, 6), np.uint8)))
    assert torch.isfinite(found).all()


def test_extra_losses_belong_to_training() -> None:
    model = model_of("nasbench201")
    batch = batch_of(model, model.space.sample(5, np.random.default_rng(0)))
    model.network(batch)
    assert model.network.auxiliary is None
    model.network.train()
    model.network(batch)
    assert model.network.auxiliary.item() > 0
    model.network.auxiliary.backward()
    assert all(one.grad is not None and one.grad.any() for one in model.network.assign[0].join.parameters())


def test_simple_features() -> None:
    model = model_of("darts", feature="simple")
    codes = model.space.sample(4, np.random.default_rng(0))
    assert model.graphs(codes).node_feat.shape[1] == 1
    assert model.predict(codes).shape == (4, 1)


def test_it_learns_repeats_itself_and_is_kept(tmp_path: Path) -> None:
    data = LabelledTable("nb201-cifar10")
    rows = np.random.default_rng(0).permutation(data.split("random").train)
    table = Table("nasbench201", data.codes(), data.labels, rows[:500], rows[500:700])
    valid = table.codes[table.valid]
    found = []
    for seed in (1, 1, 2):
        model = model_of("nasbench201", emb_dim=16, epochs=8, batch_size=64, lr=1e-2)
        model.fit(table, seed)
        found.append(model.predict(valid))
    assert kendall_tau(data.labels[table.valid, 0], found[0][:, 0]) > 0.5
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[1], found[2])
    model.save(tmp_path)
    again = model_of("nasbench201", emb_dim=16)
    assert not np.array_equal(again.predict(valid), found[2])
    again.load(tmp_path)
    assert np.array_equal(again.predict(valid), found[2])
    assert again.num_parameters() == model.num_parameters() > 1000
