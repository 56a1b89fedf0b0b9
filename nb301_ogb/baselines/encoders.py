"""Encoders of node and edge features: for architectures what OGB's AtomEncoder and BondEncoder are for molecules."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nb301_ogb.errors import ArchitectureError
from nb301_ogb.spaces import get_space, space_names


def _largest(kind: str) -> tuple[int, ...]:
    """The vocabulary that covers every search space, with or without the package's transforms."""
    spaces = [get_space(name) for name in space_names()]
    if kind == "edge":
        return (max(len(space.edge_types) for space in spaces), 2)
    return (max(len(space.node_types) + len(space.edge_types) for space in spaces), max(len(s.cells) for s in spaces))


_MAX_TABLE = 256
"""Combinations of values up to which their sums are tabulated."""


class _ColumnEncoder(nn.Module):
    def __init__(self, emb_dim: int, dims: Sequence[int]) -> None:
        super().__init__()
        embeddings = [nn.Embedding(size, emb_dim) for size in dims]
        for embedding in embeddings:
            nn.init.xavier_uniform_(embedding.weight)
        self.embeddings = nn.ModuleList(embeddings)

    def forward(self, features: Tensor) -> Tensor:
        """The sum of the columns' embeddings.

        Args:
            features: int64 [rows, columns]; at most as many columns as the encoder knows.

        Returns:
            float [rows, emb_dim].

        Raises:
            ArchitectureError: for more columns than the encoder knows.
            IndexError: for a value outside of a column's vocabulary.
        """
        if features.dim() != 2 or not 1 <= features.shape[1] <= len(self.embeddings):
            msg = (
                f"{type(self).__name__} takes [rows, columns] with 1 to {len(self.embeddings)} columns, not "
                f"{list(features.shape)}; give the dataset's dims when making it."
            )
            raise ArchitectureError(msg)
        weights: list[Tensor] = [embedding.weight for embedding in self.embeddings]  # type: ignore[misc]
        weights = weights[: features.shape[1]]
        dims = [len(weight) for weight in weights]
        if len(weights) == 1 or math.prod(dims) > _MAX_TABLE:
            parts = map(nn.functional.embedding, features.unbind(dim=1), weights)
            return functools.reduce(torch.add, parts)
        # One gather from the sums of all combinations, which are far fewer than the rows.
        return nn.functional.embedding(combined(features, dims), summed_table(weights))


def summed_table(weights: Sequence[Tensor]) -> Tensor:
    """The sum of the columns' embeddings for every combination of values, float [product of the sizes, emb_dim].

    Args:
        weights: float [size, emb_dim] of each column.
    """
    return functools.reduce(lambda table, weight: (table[:, None] + weight).flatten(0, 1), weights)


def combined(features: Tensor, dims: Sequence[int]) -> Tensor:
    """int64 [rows]: the row of `summed_table` that belongs to the values of all columns.

    Args:
        features: int64 [rows, columns], of which as many are read as there are `dims`.
        dims: the columns' sizes.

    Raises:
        IndexError: for a value outside of its column's vocabulary.
    """
    features = features[:, : len(dims)]
    _check_columns(features, dims)
    number = features[:, 0]
    for column, size in enumerate(dims[1:], start=1):
        number = number * size + features[:, column]
    return number


def _check_columns(features: Tensor, dims: Sequence[int]) -> None:
    """Raises IndexError for a value outside of its column's vocabulary, which would name another combination.

    On a GPU, where looking would make it wait, and while torch compiles, nothing is checked.
    """
    if features.is_cuda or not features.numel() or torch.compiler.is_compiling():
        return
    low, high = features.aminmax(dim=0)
    for column, size in enumerate(dims):
        if int(low[column]) < 0 or int(high[column]) >= size:
            msg = f"column {column} of the features holds values outside of 0 to {size - 1}; give the dataset's dims."
            raise IndexError(msg)


class NodeEncoder(_ColumnEncoder):
    """Embeds node features (node type, cell), in place of OGB's AtomEncoder.

    Args:
        emb_dim: the embedding's width.
        dims: vocabulary size of each column, `dataset.node_feat_dims`; by default large enough for every dataset of
            the package, transformed or not.
    """

    def __init__(self, emb_dim: int, dims: Sequence[int] | None = None) -> None:
        super().__init__(emb_dim, _largest("node") if dims is None else dims)


class EdgeEncoder(_ColumnEncoder):
    """Embeds edge features (edge type, and the direction after AddReverseEdges), in place of OGB's BondEncoder.

    Args:
        emb_dim: the embedding's width.
        dims: vocabulary size of each column, `dataset.edge_feat_dims`; by default large enough for every dataset of
            the package, transformed or not.
    """

    def __init__(self, emb_dim: int, dims: Sequence[int] | None = None) -> None:
        super().__init__(emb_dim, _largest("edge") if dims is None else dims)
