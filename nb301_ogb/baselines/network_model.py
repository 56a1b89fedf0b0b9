"""A network as a model: what graph networks and plain ones share."""

from __future__ import annotations

import abc
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler, SequentialSampler

from nb301_ogb.baselines.checkpoint import Checkpoint, digest
from nb301_ogb.baselines.devices import deterministic, resolve_device, seeded, torch_threads
from nb301_ogb.baselines.distributed import current_team
from nb301_ogb.baselines.label_scale import SCALES, LabelScale
from nb301_ogb.baselines.loop import Batches, Training
from nb301_ogb.baselines.losses import check_loss
from nb301_ogb.baselines.model import History, Observer, ResumableModel, Table
from nb301_ogb.baselines.optim import resolve_precision
from nb301_ogb.baselines.scores import score
from nb301_ogb.baselines.settings import LAST, NetworkConfig
from nb301_ogb.errors import ConfigError
from nb301_ogb.evaluators.metrics import METRICS
from nb301_ogb.spaces import Space, get_space
from nb301_ogb.spaces.graphs import CodeArray

_PREDICT_BATCH = 2048


def check_choices(config: Any, **allowed: Any) -> None:
    """Checks that settings hold one of the values that are allowed.

    Raises:
        ConfigError: naming the setting, its value, and what is allowed.
    """
    for setting, values in allowed.items():
        if getattr(config, setting) not in values:
            msg = f"{setting} = {getattr(config, setting)!r} is no choice; allowed are {', '.join(values)}."
            raise ConfigError(msg)


class NetworkModel(ResumableModel):
    """A network that is trained by mini-batches on standardised labels.

    A subclass says what the network is and how a table of codes becomes its batches, which have the labels as `y`.

    Args:
        config: the network and its training.
        space: the search space's name.
        num_tasks: the columns of the label.
        device: where to train and predict: `auto` (a GPU if there is one), `cpu`, `cuda` or `cuda:N`.
        threads: that torch may use while this model trains or predicts; 0 leaves torch as it is. Graphs of this size
            gain nothing from several, and with a fixed number the result does not depend on the machine's cores.

    Attributes:
        config: with `amp` as the device takes it.
        space: the search space.
        network: trained, or as seed 0 makes it.
        scale: of the labels.

    Raises:
        ConfigError: for a setting or a device that does not exist.
    """

    weights_file = "model.safetensors"

    def __init__(
        self, config: NetworkConfig, space: str, num_tasks: int = 1, device: str = "auto", threads: int = 1
    ) -> None:
        check_choices(config, select=(*METRICS, LAST), label_scale=SCALES)
        check_loss(config.loss, config.label_scale, num_tasks)
        self.device = resolve_device(device)
        self.config = dataclasses.replace(config, amp=resolve_precision(config.amp, self.device))
        self.space: Space = get_space(space)
        self.num_tasks = num_tasks
        self.threads = threads
        with seeded(0):
            self.network = self._network()
        self.scale = LabelScale(config.label_scale, torch.zeros(num_tasks), torch.ones(num_tasks))

    @abc.abstractmethod
    def _network(self) -> nn.Module:
        """A new network; its weights are drawn from torch's generator."""

    @abc.abstractmethod
    def _dataset(self, codes: CodeArray, labels: Tensor | None = None) -> Dataset:
        """The rows of a table of codes, with labels [G, num_tasks] or without."""

    @abc.abstractmethod
    def _loader(self, dataset: Dataset, sampler: Sampler, batch_size: int, drop_last: bool, workers: int) -> DataLoader:
        """Batches of a dataset in the order of a sampler."""

    @property
    def _least(self) -> int:
        """The rows that a batch must have: two where its own mean and variance normalise it."""
        return 2 if getattr(self.config, "norm", "") == "batch" else 1

    def num_parameters(self) -> int:
        """The network's parameters."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    def fit(self, table: Table, seed: int, observer: Observer | None = None, checkpoint: Path | None = None) -> History:
        """Trains on the table's training part and keeps the weights of the epoch that validation chooses.

        Under torchrun all processes call this together; each ends with the same weights.
        """
        team = current_team()
        self.scale = LabelScale.fitted(self.config.label_scale, table.labels[table.train])
        with seeded(seed):
            self.network = self._network().to(self.device)
        labels = torch.from_numpy(table.labels[table.train])
        train = self._dataset(table.codes[table.train], labels)
        valid = self._unlabelled(table.codes[table.valid])
        truth = table.labels[table.valid].astype(np.float64)

        def validate() -> dict[str, float] | None:
            predicted = self._predict(valid)
            return score(truth, predicted) if np.isfinite(predicted).all() else None

        def make(dataset: Dataset, sampler: Sampler, batch_size: int, drop_last: bool) -> DataLoader:
            return self._loader(dataset, sampler, batch_size, drop_last, self.config.num_workers)

        # Each process draws its own dropout; the first draws that of a single one.
        with seeded(seed + (team.rank << 32)), deterministic(), torch_threads(self.threads):
            batches = Batches(train, self.config.batch_size, seed, team, make, self._least)
            training = Training(self.network, self.config, self.scale, batches, self.device, team)
            kept = None if checkpoint is None else Checkpoint(checkpoint, self._about(table, seed, team.size))
            return training.run(validate, observer, kept)

    def _about(self, table: Table, seed: int, processes: int) -> dict[str, Any]:
        parts = (table.codes, table.labels)
        return {
            "config": {"kind": type(self.config).__name__, **dataclasses.asdict(self.config)},
            "space": self.space.name,
            "data": digest([part[rows] for part in parts for rows in (table.train, table.valid)]),
            "seed": seed,
            "processes": processes,
            "device": self.device.type,
        }

    def _unlabelled(self, codes: CodeArray) -> DataLoader:
        dataset = self._dataset(codes)
        return self._loader(dataset, SequentialSampler(dataset), _PREDICT_BATCH, False, 0)  # type: ignore[arg-type]

    @torch.no_grad()
    def _predict(self, loader: DataLoader) -> NDArray[np.float32]:
        self.network.eval()
        parts = [self.network(batch.to(self.device)) for batch in loader]
        return self.scale.back(torch.cat(parts).float().cpu()).numpy()

    def predict(self, codes: CodeArray) -> NDArray[np.float32]:
        """Predictions for a table of codes, float32 [G, num_tasks], in the label's unit."""
        if not len(codes):
            return np.empty((0, self.num_tasks), dtype=np.float32)
        self.network.to(self.device)
        with torch_threads(self.threads):
            return self._predict(self._unlabelled(codes))

    def save(self, folder: Path) -> None:
        """Writes `model.safetensors`: the weights, and the label's shift and scale."""
        state = {f"network.{name}": value.contiguous().cpu() for name, value in self.network.state_dict().items()}
        save_file(
            state | {"label.shift": self.scale.shift, "label.spread": self.scale.spread}, folder / self.weights_file
        )

    def load(self, folder: Path) -> None:
        """Reads `model.safetensors`.

        Raises:
            ConfigError: where the weights are damaged, or those of another network.
        """
        try:
            state = load_file(folder / self.weights_file)
            self.scale = LabelScale(self.config.label_scale, state.pop("label.shift"), state.pop("label.spread"))
        except (OSError, SafetensorError, KeyError) as error:
            msg = f"{folder / self.weights_file} holds no network ({error}); give a folder that `save` wrote."
            raise ConfigError(msg) from error
        try:
            self.network.load_state_dict({name.removeprefix("network."): value for name, value in state.items()})
        except RuntimeError as error:
            msg = f"{folder / self.weights_file} holds the weights of another network than its configuration says."
            raise ConfigError(msg) from error
