"""Trees as plain arrays: what a fitted forest amounts to, without the library that fitted it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.errors import ConfigError

_CHUNK = 1 << 18
"""Places in trees that are followed at once: what they need then stays in a processor's cache."""
_CHECKED = 4
"""Steps after which places that have come to a leaf are left alone."""


@dataclass(frozen=True)
class Forest:
    """Regression trees, their nodes one after the other.

    A row goes to the left child of a node where its feature is at most the threshold, otherwise to the right child. A
    leaf is its own child.

    Attributes:
        root: int32 [trees], the first node of each tree.
        depth: int32 [trees], the steps from the root to the deepest leaf.
        feature: int32 [nodes], the feature that is compared.
        threshold: float64 [nodes].
        child: int32 [nodes, 2], left and right.
        value: float64 [nodes], what a leaf says.
    """

    root: NDArray[np.int32]
    depth: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    child: NDArray[np.int32]
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.root)

    @classmethod
    def of(cls, trees: Sequence[Any], columns: Sequence[NDArray] | None = None) -> Forest:
        """The trees of scikit-learn's regressors.

        Args:
            trees: their `tree_` attributes.
            columns: for each tree the features that it was shown; None for all.
        """
        sizes = [tree.node_count for tree in trees]
        root = np.concatenate([[0], np.cumsum(sizes)])
        feature, child = [], []
        for number, tree in enumerate(trees):
            place = np.arange(tree.node_count, dtype=np.int64)
            leaf = tree.children_left < 0
            sides = np.stack([tree.children_left, tree.children_right], axis=1)
            child.append(np.where(leaf[:, None], place[:, None], sides) + root[number])
            used = np.where(leaf, 0, tree.feature)
            feature.append(used if columns is None else np.asarray(columns[number])[used])
        return cls(
            root=root[:-1].astype(np.int32),
            depth=np.array([tree.max_depth for tree in trees], dtype=np.int32),
            feature=np.concatenate(feature).astype(np.int32),
            threshold=np.concatenate([tree.threshold for tree in trees]).astype(np.float64),
            child=np.concatenate(child).astype(np.int32),
            value=np.concatenate([tree.value[:, 0, 0] for tree in trees]).astype(np.float64),
        )

    def first(self, trees: int) -> Forest:
        """The forest of the first so many trees."""
        end = self.root[trees] if trees < len(self) else len(self.feature)
        parts = {name: getattr(self, name)[:end] for name in ("feature", "threshold", "child", "value")}
        return Forest(self.root[:trees], self.depth[:trees], **parts)

    def values(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """What each tree says of each row, float64 [G, trees], from features, float32 [G, features]."""
        found = np.empty((len(features), len(self)), dtype=np.float64)
        rows = max(1, _CHUNK // max(1, len(self)))
        for start in range(0, len(features), rows):
            part = np.ascontiguousarray(features[start : start + rows])
            found[start : start + rows] = self.value[self._leaves(part)]
        return found

    def _leaves(self, features: NDArray[np.float32]) -> NDArray[np.int32]:
        """int32 [G, trees]: the leaf that each row comes to in each tree."""
        flat, child = features.reshape(-1), self.child.reshape(-1)
        is_leaf = self.child[:, 0] == np.arange(len(self.child))
        node = np.tile(self.root, len(features))
        row = np.repeat(np.arange(len(features)) * features.shape[1], len(self))
        found, place = np.empty_like(node), np.arange(len(node))
        for step in range(int(self.depth.max(initial=0))):
            right = flat[row + self.feature[node]] > self.threshold[node]
            node = child[2 * node + right]
            if step % _CHECKED == _CHECKED - 1:  # most leaves lie far above the deepest one
                ends = is_leaf[node]
                found[place[ends]] = node[ends]
                node, row, place = node[~ends], row[~ends], place[~ends]
        found[place] = node
        return found.reshape(len(features), len(self))

    def _depths(self) -> NDArray[np.int32]:
        """int32 [trees]: the steps from each root to its deepest leaf, counted anew; children come after parents."""
        tree = np.searchsorted(self.root, np.arange(len(self.child)), side="right") - 1
        found, level = np.zeros(len(self), dtype=np.int32), self.root
        while len(level):
            below = self.child[level]
            level = np.unique(below[below != level[:, None]])
            found[np.unique(tree[level])] += 1
        return found

    def num_parameters(self) -> int:
        """Leaf values, and a feature and a threshold for each inner node."""
        leaves = int((self.child[:, 0] == np.arange(len(self.child))).sum())
        return leaves + 2 * (len(self.child) - leaves)

    def arrays(self) -> dict[str, NDArray]:
        """The forest for a file."""
        names = ("root", "depth", "feature", "threshold", "child", "value")
        return {f"forest.{name}": np.ascontiguousarray(getattr(self, name)) for name in names}

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray], features: int) -> Forest:
        """The inverse of `arrays`.

        Args:
            arrays: as read from a file.
            features: that a row has.

        Raises:
            ConfigError: where the arrays are no forest over so many features.
        """
        try:
            found = cls(**{name: arrays[f"forest.{name}"] for name in cls.__dataclass_fields__})
        except KeyError as error:
            msg = f"the file holds no forest: {error} is missing; fit the model again."
            raise ConfigError(msg) from error
        nodes = len(found.value)
        shapes = found.feature.shape == found.threshold.shape == (nodes,) and found.child.shape == (nodes, 2)
        types = "".join(getattr(found, name).dtype.kind for name in cls.__dataclass_fields__) == "iiifif"
        if not shapes or not types or not _within(found.root, nodes) or not _within(found.feature, features):
            msg = "the file holds no forest: its arrays do not fit together; fit the model again."
            raise ConfigError(msg)
        if not _within(found.child, nodes):
            msg = "the file holds no forest: a node has a child that is not there; fit the model again."
            raise ConfigError(msg)
        # A child stands after its parent, so that every way ends; fewer steps than `depth` would end in no leaf.
        if (found.child < np.arange(nodes)[:, None]).any() or not np.array_equal(found.depth, found._depths()):
            msg = "the file holds no forest: a way does not end in a leaf where it should; fit the model again."
            raise ConfigError(msg)
        return found


def _within(values: NDArray, end: int) -> bool:
    return bool(((values >= 0) & (values < end)).all())
