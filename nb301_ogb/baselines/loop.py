"""The training loop of every network: epochs, the choice by validation, and going on after an interruption."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset, DistributedSampler, RandomSampler, Sampler

from nb301_ogb.baselines.checkpoint import Checkpoint
from nb301_ogb.baselines.distributed import Team
from nb301_ogb.baselines.label_scale import LabelScale
from nb301_ogb.baselines.losses import Loss
from nb301_ogb.baselines.model import History, Observer, Record
from nb301_ogb.baselines.optim import Stepper
from nb301_ogb.baselines.settings import LAST, NetworkConfig
from nb301_ogb.errors import ConfigError
from nb301_ogb.evaluators.metrics import HIGHER_IS_BETTER, METRICS

_SEED_STRIDE = 2**20
"""More epochs than any training has: the orders of two seeds have no epoch in common."""

Validate = Callable[[], dict[str, float] | None]
"""The metrics on the validation part as the network stands; None where a prediction is not finite."""


class Batches:
    """The training part in an order drawn anew for every epoch, from the seed and the epoch's number alone.

    Step for step the batches of all processes together hold the same rows, whatever the number of processes.

    Args:
        dataset: the training part.
        batch_size: rows in a step, over all processes together.
        seed: of the orders.
        team: the processes.
        make: a loader from the dataset, a sampler, the rows in a batch, and whether an incomplete batch is left out.
        least: rows that a batch must have; a last one of fewer rows is left out of its epoch.

    Raises:
        ConfigError: where a batch cannot be shared out evenly.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        seed: int,
        team: Team,
        make: Callable[[Dataset, Sampler, int, bool], DataLoader],
        least: int = 1,
    ) -> None:
        if batch_size < 1 or batch_size % team.size:
            msg = f"batch_size = {batch_size} cannot be shared out among {team.size} processes; choose a multiple."
            raise ConfigError(msg)
        rows = len(dataset)  # type: ignore[arg-type]
        self._seed = seed * _SEED_STRIDE
        self._generator = torch.Generator()
        self._sampler: Sampler
        if team.size == 1:
            self._sampler = RandomSampler(dataset, generator=self._generator)  # type: ignore[arg-type]
        else:
            self._sampler = DistributedSampler(dataset, team.size, team.rank, seed=self._seed)
        drop = 0 < rows % batch_size < least and rows > batch_size
        self._loader = make(dataset, self._sampler, batch_size // team.size, drop)
        self.rows = rows - rows % batch_size if drop else rows

    def __len__(self) -> int:
        return len(self._loader)

    def epoch(self, number: int) -> Iterator[Any]:
        """This process's batches of an epoch; some processes may get one row more than there are, at the end."""
        if isinstance(self._sampler, DistributedSampler):
            self._sampler.set_epoch(number)
        else:
            self._generator.manual_seed(self._seed + number)
        return iter(self._loader)


class Training:
    """One training of a network.

    Args:
        network: it holds the chosen weights when `run` is over.
        config: of the training.
        scale: of the labels.
        batches: with `y`, the labels in their unit, and what the network takes.
        device: where the network computes.
        team: the processes that train together.
    """

    def __init__(
        self,
        network: nn.Module,
        config: NetworkConfig,
        scale: LabelScale,
        batches: Batches,
        device: torch.device,
        team: Team,
    ) -> None:
        self._network = network
        self._trained = network if team.size == 1 else _shared(network, device)
        self._config = config
        self._batches = batches
        self._device = device
        self._team = team
        self._scale = scale.to(device)
        self._loss = Loss(config.loss, self._scale, config.margin)
        self._stepper = Stepper(network, config, device, config.epochs * len(batches))
        self._history = History()
        self._best_score = math.inf
        self._best_weights: dict[str, Tensor] = {}
        self._seconds = 0.0

    def run(self, validate: Validate, observer: Observer | None, checkpoint: Checkpoint | None) -> History:
        """Trains until the epochs or the patience are used up, and leaves the chosen weights in the network.

        Args:
            validate: asked after every epoch, by the leading process.
            observer: told of every epoch.
            checkpoint: goes on from it if there is one, and writes it.

        Raises:
            ConfigError: where no epoch had finite predictions, or the checkpoint is another fit's.
        """
        if checkpoint is not None:
            self._restore(checkpoint)
        started = time.perf_counter() - self._seconds
        records = self._history.records
        while len(records) < self._config.epochs and len(records) - self._history.best < self._config.patience:
            rate = self._stepper.rate
            loss, train_rmse = self._epoch(len(records) + 1)
            scores, keep = self._judged(validate, checkpoint is not None and checkpoint.due())
            if scores is None:
                break
            self._seconds = time.perf_counter() - started
            record: Record = {"epoch": len(records) + 1, "lr": rate, "train_loss": loss, "train_rmse": train_rmse}
            self._note(record | {"valid": scores, "seconds": round(self._seconds, 3)})
            if keep and checkpoint is not None:
                self._keep(checkpoint)
            if observer is not None and self._team.leads:
                observer(records[-1])
        if not self._best_weights:
            if checkpoint is not None and self._team.leads:
                checkpoint.remove()  # going on from it would end here again
            msg = "training diverged: no epoch had finite predictions on the validation part; lower lr."
            raise ConfigError(msg)
        self._network.load_state_dict(self._best_weights)
        return self._history

    def _epoch(self, number: int) -> tuple[float, float]:
        """One pass over the training part; the mean loss, and the RMSE of the predictions made on the way."""
        self._trained.train()
        # Sums stay on the device: reading them every step would make a GPU wait.
        losses = torch.zeros((), dtype=torch.float64, device=self._device)
        squares = torch.zeros_like(losses)
        seen = 0
        for batch in self._batches.epoch(number):
            batch = batch.to(self._device)
            with self._stepper.precision():
                predicted = self._trained(batch)
            left = self._batches.rows - seen
            predicted = self._team.gather(predicted.float())[:left]
            labels = self._team.gather(batch.y)[:left]
            loss = self._loss(predicted, labels)
            extra = getattr(self._network, "auxiliary", None)
            self._stepper.descend(loss if extra is None else loss + extra)
            gaps = (self._scale.back(predicted.detach()) - labels).square()
            losses += loss.detach() * len(labels)
            squares += gaps.nansum() / (~gaps.isnan()).sum().clamp(min=1) * len(labels)
            seen += len(labels)
        return float(losses) / seen, float(squares / seen) ** 0.5

    def _judged(self, validate: Validate, keep: bool) -> tuple[dict[str, float] | None, bool]:
        """The validation scores, and whether a checkpoint is written, in every process what the leading one says."""
        scores = validate() if self._team.leads else None
        told = [0.0] * len(METRICS) if scores is None else [scores[name] for name in METRICS]
        finite, kept, *values = self._team.agree([float(scores is not None), float(keep), *told])
        return (dict(zip(METRICS, values, strict=True)) if finite else None), bool(kept)

    def _note(self, record: Record) -> None:
        history, select = self._history, self._config.select
        history.records.append(record)
        first = math.isnan(history.best_train)
        history.best_train = record["train_rmse"] if first else min(record["train_rmse"], history.best_train)
        if select == LAST:
            value = -float(record["epoch"])
        else:
            value = record["valid"][select] * (-1 if select in HIGHER_IS_BETTER else 1)
        if value < self._best_score:
            self._best_score, history.best = value, record["epoch"]
            self._best_weights = {name: tensor.clone() for name, tensor in self._network.state_dict().items()}

    def _keep(self, checkpoint: Checkpoint) -> None:
        random = {"cpu": torch.get_rng_state()}
        if self._device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self._device)
        gathered = {kind: self._team.gather_all(state) for kind, state in random.items()}
        if not self._team.leads:
            return
        tensors = {f"random.{kind}.{rank}": one for kind, all_of in gathered.items() for rank, one in enumerate(all_of)}
        tensors |= {f"network.{name}": tensor for name, tensor in self._network.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self._best_weights.items()}
        for number, moments in self._stepper.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in moments.items()}
        state = {
            "records": self._history.records,
            "best": self._history.best,
            "best_train": self._history.best_train,
            "best_score": self._best_score,
            "seconds": self._seconds,
            "step": self._stepper.step,
            "scaler": self._stepper.scaler.state_dict(),
        }
        checkpoint.write(tensors, state)

    def _restore(self, checkpoint: Checkpoint) -> None:
        found = checkpoint.read()
        self._team.wait()  # so that no process reads what another is writing already
        if found is None:
            return
        tensors, state = found
        parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            parts.setdefault(part, {})[rest] = tensor
        self._network.load_state_dict(parts["network"])
        self._best_weights = {name: tensor.to(self._device) for name, tensor in parts.get("best", {}).items()}
        optimizer = self._stepper.optimizer.state_dict()
        for name, tensor in parts["optimizer"].items():
            number, _, moment = name.partition(".")
            optimizer["state"].setdefault(int(number), {})[moment] = tensor
        self._stepper.optimizer.load_state_dict(optimizer)
        self._stepper.scaler.load_state_dict(state["scaler"])
        self._stepper.step = state["step"]
        torch.set_rng_state(parts["random"][f"cpu.{self._team.rank}"])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(parts["random"][f"cuda.{self._team.rank}"], self._device)
        self._history.records[:] = state["records"]
        self._history.best, self._history.best_train = state["best"], state["best_train"]
        self._best_score, self._seconds = state["best_score"], state["seconds"]


def _shared(network: nn.Module, device: torch.device) -> nn.Module:
    """The network, its gradients averaged over all processes.

    Raises:
        ConfigError: for batch normalisation without GPUs, where its statistics cannot be shared.
    """
    if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules()):
        if device.type != "cuda":
            msg = "batch normalisation over several processes needs GPUs; set norm = 'layer', or train in one process."
            raise ConfigError(msg)
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # in place, with the same weights and statistics
    return DistributedDataParallel(network, device_ids=[device] if device.type == "cuda" else None)
