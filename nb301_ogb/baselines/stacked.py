"""Several trained networks of one shape as a single forward pass.

Every weight gets a leading axis of K members, so that K small matrix products become one batched product. Batch
normalisation, which is linear once training is over, is folded into the layer before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nb301_ogb.baselines.gnn import GNN, GINConv
from nb301_ogb.errors import ConfigError
from nb301_ogb.spaces import GraphTable


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
    """K GIN layers with the normalisation that follows them."""

    def __init__(self, convs: Sequence[Any], norms: Sequence[Any]) -> None:
        self.first = _Affine([conv.mlp[0] for conv in convs], [conv.mlp[1] for conv in convs])
        self.second = _Affine([conv.mlp[3] for conv in convs], norms)
        self.eps = 1 + torch.stack([conv.eps.detach() for conv in convs])[:, None]
        self.edge = _embedding([conv.edge_encoder.embeddings for conv in convs])

    def __call__(self, x: Tensor, source: Tensor, target: Tensor, kind: Tensor) -> Tensor:
        message = torch.relu(x[:, source] + self.edge[:, kind])
        total = (self.eps * x).index_add(1, target, message)
        return self.second(torch.relu(self.first(total)))


def _embedding(encoders: Sequence[Any]) -> Tensor:
    """The sum of the columns' embeddings for every combination of values, float [K, combinations, width]."""
    tables = []
    for embeddings in encoders:
        table = embeddings[0].weight.detach()
        for embedding in list(embeddings)[1:]:
            table = (table[:, None] + embedding.weight.detach()).flatten(0, 1)
        tables.append(table)
    return torch.stack(tables)


class StackedGIN:
    """K trained GINs without virtual node as one forward pass, equal to them up to rounding.

    Args:
        networks: of one configuration, trained.

    Raises:
        ConfigError: for networks of other kinds.
    """

    def __init__(self, networks: Sequence[GNN]) -> None:
        first = networks[0]
        if first.virtual is not None or not isinstance(first.convs[0], GINConv):
            msg = "only GIN without a virtual node can be stacked; use the members one by one."
            raise ConfigError(msg)
        self.node = _embedding([network.node_encoder.embeddings for network in networks])
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
        lengths = offset.diff()
        count = len(lengths)
        owner = torch.repeat_interleave(torch.arange(count), lengths)
        edge_shift = torch.repeat_interleave(offset[:-1], torch.from_numpy(graphs.edge_ptr).diff())
        forward = torch.from_numpy(graphs.edge_index) + edge_shift
        source = torch.cat([forward[0], forward[1]])
        target = torch.cat([forward[1], forward[0]])
        along = _combined(torch.from_numpy(graphs.edge_feat), self.edge_dims[:-1]) * 2
        kind = torch.cat([along, along + 1])
        h = self.node[:, _combined(torch.from_numpy(graphs.node_feat), self.node_dims)]
        total = h
        for number, layer in enumerate(self.layers):
            before = h
            h = layer(before, source, target, kind)
            if number < len(self.layers) - 1:
                h = torch.relu(h)
            h = h + before if self.residual else h
            total = total + h if self.sum_layers else total
        h = total if self.sum_layers else h
        pooled = h.new_zeros(h.shape[0], count, h.shape[2])
        if self.pooling == "max":
            index = owner[None, :, None].expand_as(h)
            pooled = pooled.scatter_reduce(1, index, h, "amax", include_self=False)
        else:
            pooled = pooled.index_add(1, owner, h)
            pooled = pooled / lengths[:, None] if self.pooling == "mean" else pooled
        return self.head(pooled)


def _dims(encoder: Any) -> list[int]:
    return [embedding.num_embeddings for embedding in encoder.embeddings]


def _combined(features: Tensor, dims: Sequence[int]) -> Tensor:
    """One number for the values of all columns, in the order of `_embedding`."""
    number = features[:, 0]
    for column, size in enumerate(dims[1:], start=1):
        number = number * size + features[:, column]
    return number
