"""The reference graph neural networks: GIN and GCN, each with or without a virtual node.

The structure and the command-line names are those of OGB's graph property prediction examples (Hu et al., NeurIPS
2020). What differs is due to the data: messages run along both directions of each edge, with embeddings of their own,
since an architecture's graph is acyclic and a node must also learn what follows it; and layers may be normalised by
LayerNorm, since a batch of small graphs holds few different nodes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import MessagePassing, global_add_pool, global_max_pool, global_mean_pool
from torch_geometric.utils import degree

from nb301_ogb.baselines.encoders import EdgeEncoder, NodeEncoder
from nb301_ogb.errors import ConfigError

GNN_NAMES = ("gin", "gin-virtual", "gcn", "gcn-virtual")
NORMS = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
POOLINGS = {"sum": global_add_pool, "mean": global_mean_pool, "max": global_max_pool}


class GINConv(MessagePassing):
    """The GIN layer with edge features: MLP((1 + eps) x + sum over edges of relu(x_source + edge)).

    Args:
        emb_dim: width of nodes and edges.
        edge_dims: vocabulary size of each edge column, the direction included.
        norm: normalisation within the MLP.
    """

    def __init__(self, emb_dim: int, edge_dims: Sequence[int], norm: str) -> None:
        super().__init__(aggr="add")
        self.mlp = nn.Sequential(
            nn.Linear(emb_dim, 2 * emb_dim), NORMS[norm](2 * emb_dim), nn.ReLU(), nn.Linear(2 * emb_dim, emb_dim)
        )
        self.eps = nn.Parameter(torch.zeros(1))
        self.edge_encoder = EdgeEncoder(emb_dim, edge_dims)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """One layer: float [N, emb_dim] to float [N, emb_dim]."""
        messages = self.propagate(edge_index, x=x, edge_attr=self.edge_encoder(edge_attr))
        return self.mlp((1 + self.eps) * x + messages)

    def message(self, x_j: Tensor, edge_attr: Tensor) -> Tensor:
        """What one edge carries."""
        return torch.relu(x_j + edge_attr)


class GCNConv(MessagePassing):
    """The GCN layer with edge features, normalised by the degrees of both ends (self-loops counted).

    Args:
        emb_dim: width of nodes and edges.
        edge_dims: vocabulary size of each edge column, the direction included.
        norm: not used; the layer holds no normalisation.
    """

    def __init__(self, emb_dim: int, edge_dims: Sequence[int], norm: str) -> None:
        super().__init__(aggr="add")
        self.linear = nn.Linear(emb_dim, emb_dim)
        self.root_emb = nn.Parameter(torch.zeros(1, emb_dim))
        self.edge_encoder = EdgeEncoder(emb_dim, edge_dims)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """One layer: float [N, emb_dim] to float [N, emb_dim]."""
        x = self.linear(x)
        source, target = edge_index
        deg = degree(source, x.size(0), dtype=x.dtype) + 1
        weight = deg.rsqrt()
        weight = (weight[source] * weight[target]).view(-1, 1)
        messages = self.propagate(edge_index, x=x, edge_attr=self.edge_encoder(edge_attr), weight=weight)
        return messages + torch.relu(x + self.root_emb) / deg.view(-1, 1)

    def message(self, x_j: Tensor, edge_attr: Tensor, weight: Tensor) -> Tensor:
        """What one edge carries."""
        return weight * torch.relu(x_j + edge_attr)


class GNN(nn.Module):
    """A graph neural network that predicts one number for each task of each graph.

    Args:
        gnn: `gin`, `gin-virtual`, `gcn` or `gcn-virtual`.
        num_tasks: numbers to predict.
        node_dims: vocabulary size of each column of `x` (`dataset.node_feat_dims`).
        edge_dims: vocabulary size of each column of `edge_attr` (`dataset.edge_feat_dims`).
        num_layer: message-passing layers.
        emb_dim: their width.
        drop_ratio: dropout after each layer.
        norm: `batch` (as OGB) or `layer`.
        graph_pooling: `sum`, `mean` or `max` over a graph's nodes.
        JK: `last`, or `sum` over all layers, as OGB's jumping knowledge.
        residual: adds each layer's input to its output.

    Raises:
        ConfigError: for a name that does not exist.
    """

    def __init__(
        self,
        gnn: str,
        num_tasks: int,
        node_dims: Sequence[int],
        edge_dims: Sequence[int],
        *,
        num_layer: int = 5,
        emb_dim: int = 300,
        drop_ratio: float = 0.5,
        norm: str = "batch",
        graph_pooling: str = "mean",
        JK: str = "last",
        residual: bool = False,
    ) -> None:
        super().__init__()
        for value, allowed in ((gnn, GNN_NAMES), (norm, NORMS), (graph_pooling, POOLINGS), (JK, ("last", "sum"))):
            if value not in allowed:
                msg = f"{value!r} is no choice for the network; allowed are {', '.join(allowed)}."
                raise ConfigError(msg)
        conv = GINConv if gnn.startswith("gin") else GCNConv
        both_ways = (*edge_dims, 2)
        self.node_encoder = NodeEncoder(emb_dim, node_dims)
        self.convs = nn.ModuleList(conv(emb_dim, both_ways, norm) for _ in range(num_layer))
        self.norms = nn.ModuleList(NORMS[norm](emb_dim) for _ in range(num_layer))
        self.virtual = VirtualNode(emb_dim, num_layer, drop_ratio) if gnn.endswith("virtual") else None
        self.dropout = nn.Dropout(drop_ratio)
        self.pooling = graph_pooling
        self.pool = POOLINGS[graph_pooling]
        self.sum_layers = JK == "sum"
        self.residual = residual
        self.graph_pred_linear = nn.Linear(emb_dim, num_tasks)

    def forward(self, data: Data | Batch) -> Tensor:
        """Predictions, float [graphs, num_tasks]."""
        edge_index, edge_attr = both_directions(data.edge_index, data.edge_attr)
        size = data.num_graphs if isinstance(data, Batch) else 1
        batch = data.batch if data.batch is not None else data.edge_index.new_zeros(data.num_nodes)
        h = self.node_encoder(data.x)
        virtual = None if self.virtual is None else self.virtual.start(size, h)
        total = h
        for layer, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            before = h if virtual is None else h + virtual[batch]
            h = norm(conv(before, edge_index, edge_attr))
            if layer < len(self.convs) - 1:
                h = torch.relu(h)
                if self.virtual is not None and virtual is not None:
                    virtual = self.virtual.update(layer, virtual, before, batch, size)
            h = self.dropout(h)
            h = h + before if self.residual else h
            total = total + h
        return self.graph_pred_linear(self.pool(total if self.sum_layers else h, batch, size))


class VirtualNode(nn.Module):
    """A node joined to all others of its graph, updated between the layers (Gilmer et al. 2017, as OGB builds it).

    It is normalised by LayerNorm, unlike OGB's: before the first layer all graphs of a space hold the same nodes, and
    BatchNorm would divide by the variance of a constant.
    """

    def __init__(self, emb_dim: int, num_layer: int, drop_ratio: float) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.zeros(1, emb_dim))
        self.mlps = nn.ModuleList(
            nn.Sequential(
                nn.Linear(emb_dim, 2 * emb_dim),
                nn.LayerNorm(2 * emb_dim),
                nn.ReLU(),
                nn.Linear(2 * emb_dim, emb_dim),
                nn.LayerNorm(emb_dim),
                nn.ReLU(),
            )
            for _ in range(num_layer - 1)
        )
        self.dropout = nn.Dropout(drop_ratio)

    def start(self, size: int, like: Tensor) -> Tensor:
        """The virtual nodes of `size` graphs before the first layer."""
        return self.embedding.to(like.dtype).expand(size, -1)

    def update(self, layer: int, virtual: Tensor, nodes: Tensor, batch: Tensor, size: int) -> Tensor:
        """The virtual nodes after a layer: what they were, and the sum of their graph's nodes."""
        return self.dropout(self.mlps[layer](virtual + global_add_pool(nodes, batch, size)))


def both_directions(edge_index: Tensor, edge_attr: Tensor) -> tuple[Tensor, Tensor]:
    """Each edge and its reverse, with the direction (0 along the data, 1 against it) as a further edge column."""
    count = edge_attr.size(0)
    direction = edge_attr.new_zeros(2 * count, 1)
    direction[count:] = 1
    twice = torch.cat([torch.cat([edge_attr, edge_attr]), direction], dim=1)
    return torch.cat([edge_index, edge_index.flip(0)], dim=1), twice


def num_parameters(model: nn.Module) -> int:
    """The number of a model's parameters, counted as OGB's leaderboard counts them."""
    return sum(parameter.numel() for parameter in model.parameters())
