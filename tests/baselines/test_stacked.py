"""Stacked networks: equal to their members for every setting, on both spaces."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch_geometric.loader import DataLoader

from nb301_ogb.baselines import stacked
from nb301_ogb.baselines.config import change, load_config
from nb301_ogb.baselines.gnn import GNN
from nb301_ogb.baselines.models import make_model
from nb301_ogb.baselines.stacked import StackedGIN
from nb301_ogb.errors import ConfigError
from nb301_ogb.loaders.in_memory import GraphTableDataset
from nb301_ogb.spaces import get_space

SETTINGS = list(itertools.product(("batch", "layer"), ("sum", "mean", "max"), ("last", "sum"), (True, False)))


def networks(space_name: str, gnn: str = "gin", **settings: object) -> list[GNN]:
    space = get_space(space_name)
    found = []
    for seed in range(3):
        torch.manual_seed(seed)
        network = GNN(gnn, 2, space.node_feat_dims, space.edge_feat_dims, num_layer=3, emb_dim=8, **settings).eval()
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm1d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2.0)
            if isinstance(module, torch.nn.BatchNorm1d | torch.nn.LayerNorm):
                torch.nn.init.normal_(module.weight)
                torch.nn.init.normal_(module.bias)
        found.append(network)
    return found


@pytest.mark.parametrize(("norm", "pooling", "jk", "residual"), SETTINGS)
@pytest.mark.parametrize("space_name", ["nasbench201", "darts"])
def test_equal_to_the_members(space_name: str, norm: str, pooling: str, jk: str, residual: bool) -> None:
    members = networks(space_name, norm=norm, graph_pooling=pooling, JK=jk, residual=residual)
    space = get_space(space_name)
    graphs = space.graphs(space.sample(17, np.random.default_rng(0)))
    batch = next(iter(DataLoader(GraphTableDataset(graphs), batch_size=17)))
    with torch.no_grad():
        expected = torch.stack([member(batch) for member in members])
    found = StackedGIN(members)(graphs)
    assert found.shape == (3, 17, 2)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_graphs_without_edges() -> None:
    space = get_space("nasbench201")
    members = networks("nasbench201")
    graphs = space.graphs(np.zeros((2, 6), dtype=np.uint8))
    batch = next(iter(DataLoader(GraphTableDataset(graphs), batch_size=2)))
    with torch.no_grad():
        expected = torch.stack([member(batch) for member in members])
    assert torch.allclose(StackedGIN(members)(graphs), expected, atol=1e-5)


@pytest.mark.parametrize("gnn", ["gcn", "gin-virtual"])
def test_only_gin_can_be_stacked(gnn: str) -> None:
    with pytest.raises(ConfigError, match="one by one"):
        StackedGIN(networks("nasbench201", gnn))


@pytest.mark.parametrize("space_name", ["nasbench201", "darts"])
@pytest.mark.parametrize("threads", [1, 2])
def test_parts_are_the_whole(space_name: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    space = get_space(space_name)
    stack = StackedGIN(networks(space_name))
    codes = space.sample(30, np.random.default_rng(0))
    whole = stack(space.graphs(codes))
    monkeypatch.setattr(stacked, "_CACHED", 8 * 3 * 7 * 14)
    before = torch.get_num_threads()
    assert torch.allclose(stack.predict(space.graphs, codes, threads), whole, atol=1e-5)
    assert torch.get_num_threads() == before


def test_a_network_alone_follows_its_weights() -> None:
    config = change(load_config("gin", "nasbench201"), {"emb_dim": 8, "num_layer": 2}, "the test")
    model = make_model(config, "nasbench201", device="cpu")
    codes = model.space.sample(9, np.random.default_rng(0))
    before = model.predict(codes)
    assert np.array_equal(before, model.predict(codes))
    with torch.no_grad():
        model.network.graph_pred_linear.bias.add_(1.0)
    loaded = next(iter(DataLoader(GraphTableDataset(model.graphs(codes)), batch_size=9)))
    with torch.no_grad():
        expected = model.scale.back(model.network.eval()(loaded)).numpy()
    assert np.allclose(model.predict(codes), expected, rtol=1e-5)
    assert not np.allclose(before, expected)
