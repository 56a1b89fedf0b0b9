"""A plain feed-forward network on encoded architectures."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler

from nb301_ogb.baselines.encodings import Features, default_encoding, dense, encode, num_features
from nb301_ogb.baselines.network_model import NetworkModel, check_choices
from nb301_ogb.baselines.settings import MLPConfig
from nb301_ogb.spaces import get_space
from nb301_ogb.spaces.graphs import CodeArray

NORMS = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm, "none": nn.Identity}


class Rows(NamedTuple):
    """Rows of features, and their labels where they have some.

    Attributes:
        x: float32 [B, features].
        y: float32 [B, num_tasks], or None.
    """

    x: Tensor
    y: Tensor | None

    def to(self, device: torch.device) -> Rows:
        """The same rows on a device."""
        return Rows(self.x.to(device), None if self.y is None else self.y.to(device))


class _RowsDataset(Dataset):
    """Features and labels, taken many rows at a time."""

    def __init__(self, features: Features, labels: Tensor | None) -> None:
        self._features = features
        self._labels = labels

    def __len__(self) -> int:
        return self._features.shape[0]

    def __getitem__(self, rows: list[int]) -> Rows:
        x = torch.from_numpy(dense(self._features[rows]))
        return Rows(x, None if self._labels is None else self._labels[rows])


class MLP(nn.Module):
    """Hidden layers of one width, each with a normalisation, a ReLU and dropout, and a linear layer.

    Args:
        features: numbers that a row has.
        num_tasks: numbers to predict.
        num_layer: hidden layers.
        emb_dim: their width.
        drop_ratio: dropout after each of them.
        norm: `batch`, `layer` or `none`.
    """

    def __init__(
        self, features: int, num_tasks: int, num_layer: int, emb_dim: int, drop_ratio: float, norm: str
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = features
        for _ in range(num_layer):
            layers += [nn.Linear(width, emb_dim), NORMS[norm](emb_dim), nn.ReLU(), nn.Dropout(drop_ratio)]
            width = emb_dim
        self.layers = nn.Sequential(*layers, nn.Linear(width, num_tasks))

    def forward(self, rows: Rows) -> Tensor:
        """Predictions, float [B, num_tasks]."""
        return self.layers(rows.x)


class MLPModel(NetworkModel):
    """A feed-forward network on encoded architectures (arguments and errors as for `NetworkModel`)."""

    config: MLPConfig

    def __init__(
        self, config: MLPConfig, space: str, num_tasks: int = 1, device: str = "auto", threads: int = 1
    ) -> None:
        check_choices(config, norm=NORMS)
        config = dataclasses.replace(config, encoding=config.encoding or default_encoding(get_space(space)))
        super().__init__(config, space, num_tasks, device, threads)
        self.name = "mlp"

    def _network(self) -> nn.Module:
        config = self.config
        features = num_features(self.space, config.encoding)
        return MLP(features, self.num_tasks, config.num_layer, config.emb_dim, config.drop_ratio, config.norm)

    def _dataset(self, codes: CodeArray, labels: Tensor | None = None) -> _RowsDataset:
        return _RowsDataset(encode(self.space, codes, self.config.encoding), labels)

    def _loader(self, dataset: Dataset, sampler: Sampler, batch_size: int, drop_last: bool, workers: int) -> DataLoader:
        batches = BatchSampler(sampler, batch_size, drop_last)
        generator = torch.Generator()  # a loader draws a seed for its workers even without any
        return DataLoader(dataset, batch_size=None, sampler=batches, num_workers=workers, generator=generator)
