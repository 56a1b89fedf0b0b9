"""DiffPool (Ying et al., NeurIPS 2018): a graph is coarsened in learnt steps, on PyG's dense layers.

Ops are nodes, since dense layers know no edge features, and messages run along both directions of each edge with
weights of their own. Two steps keep a quarter of the nodes each, as in the paper.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch
from torch_geometric.nn import DenseSAGEConv, dense_diff_pool
from torch_geometric.utils import to_dense_adj, to_dense_batch

from nb301_ogb.baselines.encoders import NodeEncoder

_KEPT = 0.25
_STEPS = 2


class _Block(nn.Module):
    """Dense GraphSAGE layers; a linear layer joins what all of them say."""

    def __init__(self, width: int, out: int, num_layer: int, drop_ratio: float) -> None:
        super().__init__()
        self.along = nn.ModuleList(DenseSAGEConv(width, width) for _ in range(num_layer))
        self.against = nn.ModuleList(DenseSAGEConv(width, width, bias=False) for _ in range(num_layer))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(num_layer))
        self.dropout = nn.Dropout(drop_ratio)
        self.join = nn.Linear(num_layer * width, out)

    def forward(self, x: Tensor, adj: Tensor, mask: Tensor | None) -> Tensor:
        """[B, n, width] to [B, n, out]."""
        found = []
        for along, against, norm in zip(self.along, self.against, self.norms, strict=True):
            x = along(x, adj, mask) + against(x, adj.transpose(1, 2), mask)
            x = self.dropout(torch.relu(norm(x)))
            found.append(x)
        return self.join(torch.cat(found, dim=-1))


class DiffPool(nn.Module):
    """A network that predicts one number for each task of each graph.

    Args:
        num_tasks: numbers to predict.
        node_dims: vocabulary size of each column of `x`.
        nodes: that the largest graphs have, from which the sizes of the coarser graphs follow.
        num_layer: message-passing layers in each block.
        emb_dim: their width.
        drop_ratio: dropout after each layer.

    Attributes:
        auxiliary: after a forward pass in training, the paper's link prediction loss and entropy of the assignments,
            added up over the steps; otherwise None.
    """

    def __init__(
        self,
        num_tasks: int,
        node_dims: Sequence[int],
        nodes: int,
        *,
        num_layer: int = 3,
        emb_dim: int = 64,
        drop_ratio: float = 0.0,
    ) -> None:
        super().__init__()
        clusters = [math.ceil(nodes * _KEPT ** (step + 1)) for step in range(_STEPS)]
        self.node_encoder = NodeEncoder(emb_dim, node_dims)
        self.embed = nn.ModuleList(_Block(emb_dim, emb_dim, num_layer, drop_ratio) for _ in clusters)
        self.assign = nn.ModuleList(_Block(emb_dim, count, num_layer, drop_ratio) for count in clusters)
        self.last = _Block(emb_dim, emb_dim, num_layer, drop_ratio)
        self.head = nn.Sequential(nn.Linear((_STEPS + 1) * emb_dim, emb_dim), nn.ReLU(), nn.Linear(emb_dim, num_tasks))
        self.auxiliary: Tensor | None = None

    def forward(self, data: Batch) -> Tensor:
        """Predictions, float [graphs, num_tasks]."""
        size = data.num_graphs
        mask: Tensor | None
        x, mask = to_dense_batch(self.node_encoder(data.x), data.batch, batch_size=size)
        adj = to_dense_adj(data.edge_index, data.batch, max_num_nodes=x.size(1), batch_size=size)
        read = []
        losses = x.new_zeros(())
        for embed, assign in zip(self.embed, self.assign, strict=True):
            inner, shares = embed(x, adj, mask), assign(x, adj, mask)
            # Half precision knows no number as small as what keeps PyG's logarithms finite.
            with torch.autocast(x.device.type, enabled=False):
                x, adj, link, entropy = dense_diff_pool(inner.float(), adj.float(), shares.float(), mask)
            losses = losses + link + entropy
            mask = None  # every cluster is a node
            read.append(x.amax(dim=1))
        read.append(self.last(x, adj, mask).amax(dim=1))
        self.auxiliary = losses if self.training else None
        return self.head(torch.cat(read, dim=1))
