"""The networks: shapes, invariances, what reaches what, and one layer against a plain computation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_geometric.loader import DataLoader

from nb301_ogb.baselines.gnn import GNN, GNN_NAMES, GCNConv, GINConv, both_directions, num_parameters
from nb301_ogb.errors import ConfigError
from nb301_ogb.loaders.in_memory import GraphTableDataset
from nb301_ogb.spaces import get_space

SPACE = get_space("nasbench201")


def network(gnn: str, **settings: object) -> GNN:
    torch.manual_seed(0)
    defaults = {"emb_dim": 16, "num_layer": 3, "drop_ratio": 0.0, "norm": "layer", "graph_pooling": "sum"}
    return GNN(gnn, 1, SPACE.node_feat_dims, SPACE.edge_feat_dims, **{**defaults, **settings}).eval()


def batch_of(*digits: str):
    codes = np.stack([SPACE.parse(one) for one in digits])
    return next(iter(DataLoader(GraphTableDataset(SPACE.graphs(codes)), batch_size=len(digits))))


@pytest.mark.parametrize("gnn", GNN_NAMES)
def test_a_batch_gives_what_its_graphs_give_alone(gnn: str) -> None:
    model = network(gnn)
    digits = ("333132", "000000", "423101", "100000")
    together = model(batch_of(*digits))
    alone = torch.cat([model(batch_of(one)) for one in digits])
    assert together.shape == (4, 1)
    assert torch.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("gnn", GNN_NAMES)
def test_every_op_and_its_place_matters(gnn: str) -> None:
    model = network(gnn)
    swapped = model(batch_of("333132", "333123", "133332", "333131"))
    assert len(torch.unique(swapped.round(decimals=6))) == 4


@pytest.mark.parametrize("gnn", GNN_NAMES)
def test_renumbering_the_nodes_changes_nothing(gnn: str) -> None:
    model, batch = network(gnn), batch_of("423143")
    order = torch.tensor([2, 0, 3, 1])
    place = torch.argsort(order)
    moved = batch.clone()
    moved.x, moved.edge_index = batch.x[order], place[batch.edge_index]
    assert torch.allclose(model(batch), model(moved), atol=1e-5)


def test_both_directions() -> None:
    index, attr = torch.tensor([[0, 1], [1, 3]]), torch.tensor([[2], [4]])
    twice, features = both_directions(index, attr)
    assert twice.tolist() == [[0, 1, 1, 3], [1, 3, 0, 1]]
    assert features.tolist() == [[2, 0], [4, 0], [2, 1], [4, 1]]


def test_information_flows_against_the_edges_too() -> None:
    model = network("gin")
    batch = batch_of("333132")
    model.node_encoder.embeddings[0].weight.requires_grad_(True)
    # Only node 0 is pooled: what it knows of the last edge came backwards.
    model.pool = lambda h, index, size: h[:1]
    other = batch_of("333134")
    assert not torch.allclose(model(batch), model(other))


def test_gin_layer_by_hand() -> None:
    torch.manual_seed(1)
    layer = GINConv(4, (5, 2), "layer").eval()
    x, index, attr = torch.randn(3, 4), torch.tensor([[0, 1], [2, 2]]), torch.tensor([[1, 0], [3, 1]])
    edge = layer.edge_encoder(attr)
    total = torch.relu(x[0] + edge[0]) + torch.relu(x[1] + edge[1])
    expected = layer.mlp(((1 + layer.eps) * x[2] + total)[None])[0]
    assert torch.allclose(layer(x, index, attr)[2], expected, atol=1e-6)


def test_gcn_layer_by_hand() -> None:
    torch.manual_seed(1)
    layer = GCNConv(4, (5, 2), "layer").eval()
    x, index, attr = torch.randn(3, 4), torch.tensor([[0, 1], [1, 2]]), torch.tensor([[1, 0], [3, 1]])
    h, edge = layer.linear(x), layer.edge_encoder(attr)
    # Degrees by source, a self-loop added: 2, 2, 1.
    message = torch.relu(h[1] + edge[1]) / (2 * 1) ** 0.5
    assert torch.allclose(layer(x, index, attr)[2], message + torch.relu(h[2] + layer.root_emb[0]) / 1, atol=1e-6)


def test_parameters_are_counted_once() -> None:
    model = network("gin")
    expected = 16 * (3 + 1) + 3 * (16 * 32 + 32 + 2 * 32 + 32 * 16 + 16 + 1 + 16 * (5 + 2)) + 3 * 32 + 16 + 1
    assert num_parameters(model) == expected


def test_the_virtual_node_adds_parameters() -> None:
    assert num_parameters(network("gcn-virtual")) > num_parameters(network("gcn"))


@pytest.mark.parametrize(
    "settings",
    [{"norm": "batch"}, {"JK": "sum"}, {"residual": True}, {"graph_pooling": "mean"}, {"graph_pooling": "max"}],
)
def test_settings_change_the_output(settings: dict) -> None:
    plain, other = network("gin"), network("gin", **settings)
    batch = batch_of("333132", "423143")
    assert other(batch).shape == (2, 1)
    assert not torch.allclose(plain(batch), other(batch))


@pytest.mark.parametrize("settings", [{"norm": "none"}, {"graph_pooling": "set"}, {"JK": "cat"}])
def test_unknown_settings(settings: dict) -> None:
    with pytest.raises(ConfigError, match="allowed are"):
        network("gin", **settings)


def test_unknown_network() -> None:
    with pytest.raises(ConfigError, match="gin-virtual"):
        network("gat")


def test_the_other_space() -> None:
    darts = get_space("darts")
    torch.manual_seed(0)
    model = GNN("gin-virtual", 2, darts.node_feat_dims, darts.edge_feat_dims, emb_dim=8, num_layer=2, norm="layer")
    codes = darts.sample(5, np.random.default_rng(0))
    batch = next(iter(DataLoader(GraphTableDataset(darts.graphs(codes)), batch_size=5)))
    assert model(batch).shape == (5, 2)


def test_one_graph_without_a_batch() -> None:
    model = network("gin-virtual")
    codes = SPACE.parse("333132")[None]
    alone = model(GraphTableDataset(SPACE.graphs(codes))[0])
    assert torch.allclose(alone, model(batch_of("333132")), atol=1e-6)


def test_batches_without_any_edge() -> None:
    for gnn in GNN_NAMES:
        assert torch.isfinite(network(gnn)(batch_of("000000", "000000"))).all()
