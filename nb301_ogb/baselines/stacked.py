"""Several trained networks of one shape as a single forward pass.

Every weight gets a leading axis of K members, so that K small matrix products become one batched product. What edges
carry is laid out the other way, all members of a node side by side, so that gathering and adding move long rows. Batch
normalisation, which is linear once training is over, is folded into the layer before it; so the last layer's second
map may follow the pooling, where there are fewer rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, nn

from nb301_ogb.baselines.devices import torch_threads
from nb301_ogb.baselines.encoders import combined, summed_table
from nb301_ogb.baselines.gnn import GNN, GINConv
from nb301_ogb.errors import ConfigError
from nb301_ogb.spaces import GraphTable
from nb301_ogb.spaces.graphs import CodeArray

_CACHED = 2**17
"""Numbers in the state of all nodes of one pass: what the layers pass on then stays in a processor's cache."""


class _Affine:
    """K linear maps side by side, with a LayerNorm behind them or a BatchNorm folded in."""

    def __init__(self, linears: Sequence[Any], norms: Sequence[Any] | None = None) -> None:
        weight = torch.stack([linear.weight.detach().T for linear in linears])
        bias = torch.stack([linear.bias.detach() for linear in linears])[:, None]
        self.norm: tuple[Tensor, Tensor, float] | None = None
        if norms is not None and isinstance(norms[0], nn.BatchNorm1d):
            scale, shift = _batch_norm(norms)
            weight, bias = weight * scale, bias * scale + shift
        elif norms is not None:
            self.norm = _layer_norm(norms)
        self.weight, self.bias = weight.contiguous(), bias.contiguous()

    def __call__(self, x: Tensor) -> Tensor:
        x = torch.baddbmm(self.bias, x, self.weight)
        return x if self.norm is None else _apply_layer_norm(x, self.norm)


def _batch_norm(norms: Sequence[Any]) -> tuple[Tensor, Tensor]:
    """What trained batch normalisations do: a factor and a summand, float [K, 1, width] each."""
    scales, shifts = [], []
    for norm in norms:
        scale = norm.weight.detach() * torch.rsqrt(norm.running_var + norm.eps)
        scales.append(scale)
        shifts.append(norm.bias.detach() - norm.running_mean * scale)
    return torch.stack(scales)[:, None], torch.stack(shifts)[:, None]


def _layer_norm(norms: Sequence[Any]) -> tuple[Tensor, Tensor, float]:
    weight = torch.stack([norm.weight.detach() for norm in norms])[:, None]
    bias = torch.stack([norm.bias.detach() for norm in norms])[:, None]
    return weight, bias, float(norms[0].eps)


def _apply_layer_norm(x: Tensor, norm: tuple[Tensor, Tensor, float]) -> Tensor:
    weight, bias, eps = norm
    return nn.functional.layer_norm(x, x.shape[-1:], eps=eps) * weight + bias


class _GINLayer:
    """K GIN layers with the normalisation that follows them; nodes and edges are rows of [K * width]."""

    def __init__(self, convs: Sequence[Any], norms: Sequence[Any]) -> None:
        self.first = _Affine([conv.mlp[0] for conv in convs], [conv.mlp[1] for conv in convs])
        self.second = _Affine([conv.mlp[3] for conv in convs], norms)
        edge = _embedding([conv.edge_encoder.embeddings for conv in convs])
        eps = 1 + torch.stack([conv.eps.detach() for conv in convs])[:, None]
        self.edge = _rows(edge)
        self.eps = _rows(eps.expand(-1, 1, edge.shape[2]))

    def hidden(self, x: Tensor, edges: _Edges) -> Tensor:
        """What the first map of the MLP makes, float [K, N, 2 * width]."""
        message = x.index_select(0, edges.source).add_(self.edge.index_select(0, edges.kind)).relu_()
        total = _summed(message, edges.first).addcmul_(self.eps, x)
        return self.first(_members(total, len(self.first.bias))).relu_()


class _Edges:
    """Edges of a table in both directions, ordered by their target."""

    def __init__(self, graphs: GraphTable, offset: Tensor, edge_dims: Sequence[int]) -> None:
        shift = torch.repeat_interleave(offset[:-1], torch.from_numpy(graphs.edge_ptr).diff())
        forward = torch.from_numpy(graphs.edge_index) + shift
        along = combined(torch.from_numpy(graphs.edge_feat), edge_dims[:-1]) * 2
        target, order = torch.cat([forward[1], forward[0]]).sort(stable=True)
        self.source = torch.cat([forward[0], forward[1]])[order]
        self.kind = torch.cat([along, along + 1])[order]
        self.first = torch.searchsorted(target, torch.arange(int(offset[-1])))


def _summed(rows: Tensor, first: Tensor, mode: str = "sum") -> Tensor:
    """Consecutive rows summed (or their mean), from `first`, int64 [groups], on; 0 for a group without rows."""
    if not len(rows):
        return rows.new_zeros(len(first), rows.shape[1])
    return nn.functional.embedding_bag(torch.arange(len(rows)), rows, first, mode=mode)


def _rows(members: Tensor) -> Tensor:
    """float [K, N, width] as [N, K * width]."""
    return members.transpose(0, 1).flatten(1)


def _members(rows: Tensor, count: int) -> Tensor:
    """float [N, K * width] as [K, N, width]."""
    return rows.view(len(rows), count, -1).transpose(0, 1)


def _embedding(encoders: Sequence[Any]) -> Tensor:
    """The sum of the columns' embeddings for every combination of values, float [K, combinations, width]."""
    return torch.stack([summed_table([one.weight.detach() for one in embeddings]) for embeddings in encoders])


class StackedGIN:
    """K trained GINs without virtual node as one forward pass, equal to them up to rounding.

    Args:
        networks: of one configuration, trained.

    Raises:
        ConfigError: for networks of other kinds.
    """

    def __init__(self, networks: Sequence[GNN]) -> None:
        first = networks[0]
        if not stackable(first):
            msg = "only GIN without a virtual node can be stacked; use the members one by one."
            raise ConfigError(msg)
        self.members = len(networks)
        node = _embedding([network.node_encoder.embeddings for network in networks])
        self.node, self.width = _rows(node), node.shape[2]
        self.node_dims = _dims(first.node_encoder)
        self.edge_dims = _dims(first.convs[0].edge_encoder)
        self.layers = [
            _GINLayer([network.convs[i] for network in networks], [network.norms[i] for network in networks])
            for i in range(len(first.convs))
        ]
        self.head = _Affine([network.graph_pred_linear for network in networks])
        self.residual, self.sum_layers, self.pooling = first.residual, first.sum_layers, first.pooling

    @torch.inference_mode()
    def __call__(self, graphs: GraphTable) -> Tensor:
        """Every member's prediction, float [K, G, num_tasks], on the scale that the networks predict on."""
        offset = torch.from_numpy(graphs.node_ptr)
        edges = _Edges(graphs, offset, self.edge_dims)
        h = self.node.index_select(0, combined(torch.from_numpy(graphs.node_feat), self.node_dims))
        total = h
        last = self.layers[-1]
        for layer in self.layers:
            hidden = layer.hidden(h, edges)
            if layer is last:
                break
            made = _rows(layer.second(hidden).relu_())
            h = made.add_(h) if self.residual else made
            total = total + h if self.sum_layers else total
        # Up to here the last layer's input; what is pooled is its output, and all that is added to it.
        added = h if self.residual else None
        if self.sum_layers:
            added = total + h if self.residual else total
        return self.head(self._pooled(hidden, added, last.second, offset))

    def _pooled(self, hidden: Tensor, added: Tensor | None, second: _Affine, offset: Tensor) -> Tensor:
        """Pooled over each graph: the last map of `hidden`, and `added`; float [K, G, width]."""
        first, lengths = offset[:-1], offset.diff()
        if second.norm is None and self.pooling != "max":
            pooled = _members(_summed(_rows(hidden), first, self.pooling), self.members)
            bias = second.bias if self.pooling == "mean" else second.bias * lengths[:, None]
            out = torch.baddbmm(bias, pooled, second.weight)
            return out if added is None else out + _members(_summed(added, first, self.pooling), self.members)
        rows = _rows(second(hidden))
        rows = rows if added is None else rows.add_(added)
        if self.pooling != "max":
            return _members(_summed(rows, first, self.pooling), self.members)
        owner = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
        largest = rows.new_empty(len(lengths), rows.shape[1])
        largest.scatter_reduce_(0, owner[:, None].expand_as(rows), rows, "amax", include_self=False)
        return _members(largest, self.members)

    def predict(self, graphs: Callable[[CodeArray], GraphTable], codes: CodeArray, threads: int) -> Tensor:
        """Every member's prediction for a table of codes, a part at a time, float [K, G, num_tasks].

        Args:
            graphs: what the networks see of some codes.
            codes: uint8 [G, C].
            threads: parts that are computed at the same time; 0 for as many as torch has threads.
        """
        if not len(codes):
            return torch.empty(self.members, 0, self.head.bias.shape[-1])
        nodes = len(graphs(codes[:1]).node_feat)
        size = max(1, _CACHED // (nodes * self.members * self.width))
        parts = [codes[start : start + size] for start in range(0, len(codes), size)]
        workers = threads or torch.get_num_threads()
        with torch_threads(1):
            if workers == 1 or len(parts) == 1:
                return torch.cat([self(graphs(part)) for part in parts], dim=1)
            with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                return torch.cat(list(pool.map(lambda part: self(graphs(part)), parts)), dim=1)


def stackable(network: nn.Module) -> bool:
    """Whether a network is a GIN without a virtual node."""
    return isinstance(network, GNN) and network.virtual is None and isinstance(network.convs[0], GINConv)


def _dims(encoder: Any) -> list[int]:
    return [embedding.num_embeddings for embedding in encoder.embeddings]
