"""Transforms of architecture graphs: one graph, a batch, or a whole table at once.

Each is written once, on a table of graphs; a single `Data` is a table with one row, a `Batch` one with many.
"""

from __future__ import annotations

import abc
from collections.abc import Callable

import numpy as np
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.transforms import BaseTransform, Compose

from nb301_ogb.errors import ArchitectureError
from nb301_ogb.spaces import GraphTable, Space, get_space
from nb301_ogb.spaces.graphs import IntArray, pointers

Dims = tuple[int, ...]


class TableTransform(BaseTransform):
    """A transform that works on many graphs at once."""

    @abc.abstractmethod
    def table(self, graphs: GraphTable) -> GraphTable:
        """Transforms every graph of a table."""

    @abc.abstractmethod
    def dims(self, node: Dims, edge: Dims) -> tuple[Dims, Dims]:
        """The vocabulary sizes of the node and the edge columns after the transform, from those before it."""

    def forward(self, data: Data | Batch) -> Data | Batch:
        """Transforms one graph, or every graph of a batch; other attributes stay as they are."""
        if data.x is None or data.edge_index is None or data.edge_attr is None:
            msg = f"{type(self).__name__} needs graphs with x, edge_index and edge_attr, as the datasets hold them."
            raise ArchitectureError(msg)
        device = data.edge_index.device
        graphs = self.table(_to_table(data))
        ptr = torch.from_numpy(graphs.node_ptr).to(device)
        edge_index = torch.from_numpy(graphs.edge_index + graphs.node_ptr[graphs.graph_of_edge()]).to(device)
        data.x = torch.from_numpy(graphs.node_feat).to(device)
        data.edge_index = edge_index
        data.edge_attr = torch.from_numpy(graphs.edge_feat).to(device)
        data.num_nodes = len(graphs.node_feat)
        if isinstance(data, Batch):
            self._relabel(data, graphs, ptr)
        return data

    @staticmethod
    def _relabel(batch: Batch, graphs: GraphTable, ptr: torch.Tensor) -> None:
        """Brings the batch's own account of which rows belong to which graph up to date."""
        sizes = np.diff(graphs.node_ptr)
        batch.batch = torch.from_numpy(graphs.graph_of_node()).to(ptr.device)
        batch.ptr = ptr
        nodes, edges = torch.from_numpy(graphs.node_ptr), torch.from_numpy(graphs.edge_ptr)
        # New dictionaries: a copy of a batch shares them with the batch itself.
        batch._slice_dict = batch._slice_dict | {"x": nodes, "edge_index": edges, "edge_attr": edges}
        none = torch.zeros(len(sizes), dtype=torch.long)
        batch._inc_dict = batch._inc_dict | {"x": none, "edge_index": nodes[:-1], "edge_attr": none}
        owner_of_edge = torch.from_numpy(graphs.graph_of_edge()).to(ptr.device)
        for key, owner, starts in (
            ("x", batch.batch, ptr),
            ("edge_index", owner_of_edge, edges.to(ptr.device)),
            ("edge_attr", owner_of_edge, edges.to(ptr.device)),
        ):
            if f"{key}_batch" in batch:  # the loader's follow_batch
                batch[f"{key}_batch"], batch[f"{key}_ptr"] = owner.clone(), starts.clone()
        if hasattr(batch._store, "_num_nodes"):
            batch._store._num_nodes = sizes.tolist()


def as_table_transforms(transform: Callable | None) -> list[TableTransform] | None:
    """The transform's steps if all of them work on tables (none for no transform), otherwise None."""
    steps = steps_of(transform)
    tables = [step for step in steps if isinstance(step, TableTransform)]
    return tables if len(tables) == len(steps) else None


def steps_of(transform: Callable | None) -> list[Callable]:
    """A transform's steps, those of a `Compose` one by one."""
    if transform is None:
        return []
    if isinstance(transform, Compose):
        return [step for part in transform.transforms for step in steps_of(part)]
    return [transform]


def _to_table(data: Data | Batch) -> GraphTable:
    nodes, edges, kinds = (array.cpu().numpy() for array in (data.x, data.edge_index, data.edge_attr))
    if not isinstance(data, Batch):
        return GraphTable(np.array([0, len(nodes)]), np.array([0, len(kinds)]), nodes, edges, kinds)
    node_ptr = data.ptr.cpu().numpy()
    owner = np.searchsorted(node_ptr, edges[0], side="right") - 1
    if (np.diff(owner) < 0).any():  # another transform has left the edges in an order of its own
        order = np.argsort(owner, kind="stable")
        owner, edges, kinds = owner[order], edges[:, order], kinds[order]
    edge_ptr = pointers(np.bincount(owner, minlength=len(node_ptr) - 1))
    return GraphTable(node_ptr, edge_ptr, nodes, edges - node_ptr[owner], kinds)


class AddReverseEdges(TableTransform):
    """Adds the reverse of every edge; a second edge column tells the direction (0 as the data flows, 1 against it).

    In each graph the edges come first, then their reverses in the same order.
    """

    def table(self, graphs: GraphTable) -> GraphTable:
        """Doubles the edges of every graph."""
        count = np.diff(graphs.edge_ptr)
        edge_ptr = 2 * graphs.edge_ptr
        owner = graphs.graph_of_edge()
        forward = np.arange(len(owner)) + graphs.edge_ptr[owner]
        backward = forward + count[owner]
        edge_index = np.empty((2, 2 * len(owner)), dtype=np.int64)
        edge_index[:, forward] = graphs.edge_index
        edge_index[:, backward] = graphs.edge_index[::-1]
        columns = graphs.edge_feat.shape[1]
        edge_feat = np.zeros((2 * len(owner), columns + 1), dtype=np.int64)
        edge_feat[forward, :columns] = graphs.edge_feat
        edge_feat[backward, :columns] = graphs.edge_feat
        edge_feat[backward, columns] = 1
        return GraphTable(graphs.node_ptr, edge_ptr, graphs.node_feat, edge_index, edge_feat)

    def dims(self, node: Dims, edge: Dims) -> tuple[Dims, Dims]:
        """One more edge column with 2 values."""
        return node, (*edge, 2)


class SpaceTransform(TableTransform):
    """A transform that must know the search space.

    Args:
        space: a search space or its name.
    """

    def __init__(self, space: Space | str) -> None:
        self.space = get_space(space) if isinstance(space, str) else space

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.space.name!r})"


class OpsOnNodes(SpaceTransform):
    """Turns every op into a node, for models that use no edge features.

    The op edge u -> v becomes u -> op -> v. An op's node type is the number of the space's node types + the op's edge
    type; its cell is that of v. The new nodes follow the old ones, in the order of their edges; the edges are ordered
    by (target, source), and those that lead to or from an op have the space's identity edge type.

    It takes the space's own graphs: those of `Canonical` where that leaves the ops on edges (darts), but none whose ops
    are nodes already.
    """

    def table(self, graphs: GraphTable) -> GraphTable:
        """Transforms every graph of a table.

        Raises:
            ArchitectureError: where directions are edge columns, or ops are nodes already.
        """
        if graphs.edge_feat.shape[1] != 1:
            msg = "OpsOnNodes takes graphs with one edge column; put it before AddReverseEdges."
            raise ArchitectureError(msg)
        if (graphs.node_feat[:, 0] >= len(self.space.node_types)).any():
            msg = f"OpsOnNodes takes graphs of {self.space.name} whose ops are edges; in these they are nodes already."
            raise ArchitectureError(msg)
        kind = graphs.edge_feat[:, 0]
        is_op = np.isin(kind, self.space.op_edge_types)
        owner = graphs.graph_of_edge()
        ops = np.bincount(owner[is_op], minlength=len(graphs))
        old_sizes = np.diff(graphs.node_ptr)
        node_ptr = pointers(old_sizes + ops)
        node_feat = np.empty((node_ptr[-1], graphs.node_feat.shape[1]), dtype=np.int64)
        node_owner = graphs.graph_of_node()
        node_feat[np.arange(len(node_owner)) + (node_ptr[:-1] - graphs.node_ptr[:-1])[node_owner]] = graphs.node_feat
        op_owner = owner[is_op]
        nth = np.arange(len(op_owner)) - pointers(ops)[op_owner]
        op_node = old_sizes[op_owner] + nth
        target_row = graphs.node_ptr[op_owner] + graphs.edge_index[1, is_op]
        op_feat = graphs.node_feat[target_row].copy()
        op_feat[:, 0] = len(self.space.node_types) + kind[is_op]
        node_feat[node_ptr[op_owner] + op_node] = op_feat
        return self._edges(graphs, is_op, op_node, node_ptr, node_feat)

    def _edges(
        self, graphs: GraphTable, is_op: np.ndarray, op_node: IntArray, node_ptr: IntArray, node_feat: IntArray
    ) -> GraphTable:
        owner = graphs.graph_of_edge()
        source, target = graphs.edge_index
        op_owner = owner[is_op]
        identity = np.full(2 * len(op_owner), self.space.identity_edge_type)
        new_owner = np.concatenate([owner[~is_op], op_owner, op_owner])
        new_source = np.concatenate([source[~is_op], source[is_op], op_node])
        new_target = np.concatenate([target[~is_op], op_node, target[is_op]])
        new_kind = np.concatenate([graphs.edge_feat[~is_op, 0], identity])
        order = np.lexsort((new_source, new_target, new_owner))
        return GraphTable(
            node_ptr,
            pointers(np.bincount(new_owner, minlength=len(graphs))),
            node_feat,
            np.stack([new_source, new_target])[:, order],
            new_kind[order, None],
        )

    def dims(self, node: Dims, edge: Dims) -> tuple[Dims, Dims]:
        """The node types grow by the edge types."""
        return (len(self.space.node_types) + len(self.space.edge_types), *node[1:]), edge


class Canonical(SpaceTransform):
    """Replaces each graph by the standard one of its equivalence class: equivalent architectures, equal graphs.

    What is equivalent is the space's matter. In nasbench201 the graph is also contracted: skips, dead ends and `none`
    are gone and the ops stand on nodes. In darts nodes and inputs are put in a standard order.
    """

    def table(self, graphs: GraphTable) -> GraphTable:
        """Transforms every graph of a table.

        Raises:
            ArchitectureError: where a graph is not one of the space's, such as one that was transformed before.
        """
        return self.space.canonical_graphs(self.space.codes(graphs))

    def dims(self, node: Dims, edge: Dims) -> tuple[Dims, Dims]:
        """The vocabulary of the space's canonical graphs."""
        return self.space.canonical_node_feat_dims, self.space.edge_feat_dims
