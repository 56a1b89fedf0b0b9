"""Graph neural networks as models: which graphs they see, and in which batches."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Sampler
from torch_geometric.loader import DataLoader

from nb301_ogb.baselines.devices import deterministic, resolve_device, seeded, torch_threads
from nb301_ogb.baselines.diffpool import DiffPool
from nb301_ogb.baselines.gnn import GNN, GNN_NAMES
from nb301_ogb.baselines.network_model import NetworkModel, check_choices
from nb301_ogb.baselines.settings import GNNConfig
from nb301_ogb.baselines.stacked import StackedGIN, stackable
from nb301_ogb.loaders.batching import FastDataLoader
from nb301_ogb.loaders.in_memory import GraphTableDataset
from nb301_ogb.loaders.transforms import OpsOnNodes
from nb301_ogb.spaces import GraphTable, Space, get_space
from nb301_ogb.spaces.graphs import CodeArray

__all__ = ["GNNModel", "deterministic", "resolve_device", "seeded", "torch_threads"]

LOADERS: dict[str, type[DataLoader]] = {"fast": FastDataLoader, "pyg": DataLoader}
GRAPHS = ("raw", "canonical")
FEATURES = ("full", "simple")
NETWORKS = (*GNN_NAMES, "diffpool")
_SAMPLE = 256
"""Architectures, the largest of whose graphs stands for the largest of all."""


class GNNModel(NetworkModel):
    """GIN, GCN or DiffPool (arguments and errors as for `NetworkModel`)."""

    config: GNNConfig

    def __init__(
        self, config: GNNConfig, space: str, num_tasks: int = 1, device: str = "auto", threads: int = 1
    ) -> None:
        check_choices(config, gnn=NETWORKS, loader=LOADERS, graph=GRAPHS, feature=FEATURES)
        self._canonical = config.graph == "canonical"
        self._ops_on_nodes: OpsOnNodes | None = None
        if config.gnn == "diffpool" and not (self._canonical and _ops_are_nodes(get_space(space))):
            self._ops_on_nodes = OpsOnNodes(space)
        super().__init__(config, space, num_tasks, device, threads)
        self.name = config.gnn
        self._stack: tuple[tuple[tuple[int, int], ...], StackedGIN] | None = None

    def _dims(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Vocabulary size of each node and of each edge column that the network sees."""
        nodes = self.space.canonical_node_feat_dims if self._canonical else self.space.node_feat_dims
        edges = self.space.edge_feat_dims
        if self._ops_on_nodes is not None:
            nodes, edges = self._ops_on_nodes.dims(nodes, edges)
        return (nodes[:1], edges[:1]) if self.config.feature == "simple" else (nodes, edges)

    def graphs(self, codes: CodeArray) -> GraphTable:
        """What the network sees of a table of codes."""
        graphs = self.space.canonical_graphs(codes) if self._canonical else self.space.graphs(codes)
        if self._ops_on_nodes is not None:
            graphs = self._ops_on_nodes.table(graphs)
        if self.config.feature == "simple":
            types = {"node_feat": graphs.node_feat[:, :1], "edge_feat": graphs.edge_feat[:, :1]}
            graphs = dataclasses.replace(graphs, **types)
        return graphs

    def _network(self) -> nn.Module:
        config = self.config
        node_dims, edge_dims = self._dims()
        common: dict[str, Any] = {
            "num_layer": config.num_layer,
            "emb_dim": config.emb_dim,
            "drop_ratio": config.drop_ratio,
        }
        if config.gnn == "diffpool":
            some = self.graphs(self.space.sample(_SAMPLE, np.random.default_rng(0)))
            return DiffPool(self.num_tasks, node_dims, int(np.diff(some.node_ptr).max()), **common)
        return GNN(
            config.gnn,
            self.num_tasks,
            node_dims,
            edge_dims,
            norm=config.norm,
            graph_pooling=config.graph_pooling,
            JK=config.JK,
            residual=config.residual,
            **common,
        )

    def predict(self, codes: CodeArray) -> NDArray[np.float32]:
        """Predictions for a table of codes, float32 [G, num_tasks], in the label's unit.

        On the CPU a GIN without virtual node takes the shorter way of the stacked forward pass, as a stack of one.
        """
        if self.device.type != "cpu" or not stackable(self.network):
            return super().predict(codes)
        return self.scale.back(self._alone().predict(self.graphs, codes, self.threads)[0]).numpy()

    def _alone(self) -> StackedGIN:
        """The network as a stack of one, made anew when a weight has changed."""
        weights = [*self.network.parameters(), *self.network.buffers()]
        # Tensors made in inference mode count no changes.
        state = tuple((id(weight), -1 if weight.is_inference() else weight._version) for weight in weights)
        if self._stack is None or self._stack[0] != state:
            self._stack = (state, StackedGIN([self.network.eval()]))  # type: ignore[list-item]
        return self._stack[1]

    def _dataset(self, codes: CodeArray, labels: Tensor | None = None) -> GraphTableDataset:
        return GraphTableDataset(self.graphs(codes), labels)

    def _loader(self, dataset: Any, sampler: Sampler, batch_size: int, drop_last: bool, workers: int) -> DataLoader:
        # A loader draws a seed for its workers even without any: from a generator of its own, not from the user's.
        options: dict[str, Any] = {"sampler": sampler, "drop_last": drop_last, "generator": torch.Generator()}
        if self.config.loader == "fast" and self.device.type != "cpu" and not workers:
            options["device"] = self.device  # the arrays lie on the GPU, and batches are gathered there
        return LOADERS[self.config.loader](dataset, batch_size, num_workers=workers, **options)


def _ops_are_nodes(space: Space) -> bool:
    """Whether the ops of the canonical graphs stand on nodes."""
    return space.canonical_node_feat_dims[0] > len(space.node_types)
