"""A graph neural network as a model: its training by mini-batches, and its predictions."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch_geometric.loader import DataLoader

from nb301_ogb.baselines.config import GNNConfig
from nb301_ogb.baselines.gnn import GNN, num_parameters
from nb301_ogb.baselines.label_scale import LabelScale
from nb301_ogb.baselines.model import History, Model, Observer, Record, Table
from nb301_ogb.baselines.scores import score
from nb301_ogb.errors import ConfigError
from nb301_ogb.evaluators.metrics import HIGHER_IS_BETTER, METRICS
from nb301_ogb.loaders.batching import FastDataLoader
from nb301_ogb.loaders.in_memory import GraphTableDataset
from nb301_ogb.spaces import GraphTable, Space, get_space
from nb301_ogb.spaces.graphs import CodeArray

LOSSES = {"l1": torch.nn.L1Loss, "mse": torch.nn.MSELoss, "huber": torch.nn.SmoothL1Loss}
LOADERS: dict[str, type[DataLoader]] = {"fast": FastDataLoader, "pyg": DataLoader}
GRAPHS = ("raw", "canonical")
_PREDICT_BATCH = 2048


class GNNModel(Model):
    """GIN or GCN, with or without a virtual node.

    Args:
        config: the network and its training.
        space: the search space's name.
        num_tasks: the columns of the label.
        device: where to train and predict: `auto` (a GPU if there is one), `cpu`, `cuda` or `cuda:N`.
        threads: that torch may use while this model trains or predicts; 0 leaves torch as it is. Graphs of this size
            gain nothing from several, and with a fixed number the result does not depend on the machine's cores.

    Raises:
        ConfigError: for a setting or a device that does not exist.
    """

    weights_file = "model.safetensors"

    def __init__(
        self, config: GNNConfig, space: str, num_tasks: int = 1, device: str = "auto", threads: int = 1
    ) -> None:
        for setting, allowed in (("loss", LOSSES), ("select", METRICS), ("loader", LOADERS), ("graph", GRAPHS)):
            if getattr(config, setting) not in allowed:
                msg = f"{setting} = {getattr(config, setting)!r} is no choice; allowed are {', '.join(allowed)}."
                raise ConfigError(msg)
        self.config = config
        self.name = config.gnn
        self.space: Space = get_space(space)
        self.num_tasks = num_tasks
        self.device = resolve_device(device)
        self.threads = threads
        self.network = self._network(0)
        self.scale = LabelScale(config.label_scale, torch.zeros(num_tasks), torch.ones(num_tasks))

    def _network(self, seed: int) -> GNN:
        config = self.config
        columns = 1 if config.feature == "simple" else None
        canonical = config.graph == "canonical"
        node_dims = self.space.canonical_node_feat_dims if canonical else self.space.node_feat_dims
        with seeded(seed):
            return GNN(
                config.gnn,
                self.num_tasks,
                node_dims[:columns],
                self.space.edge_feat_dims[:columns],
                num_layer=config.num_layer,
                emb_dim=config.emb_dim,
                drop_ratio=config.drop_ratio,
                norm=config.norm,
                graph_pooling=config.graph_pooling,
                JK=config.JK,
                residual=config.residual,
            )

    def num_parameters(self) -> int:
        """Trainable parameters, counted as OGB's leaderboard counts them."""
        return num_parameters(self.network)

    def fit(self, table: Table, seed: int, observer: Observer | None = None) -> History:
        """Trains the network; validation chooses the epoch whose weights are kept.

        The same seed gives the same weights on the same machine with the same number of threads. The global random
        state is left as it was.
        """
        labels = torch.from_numpy(table.labels)
        self.scale = LabelScale.fitted(self.config.label_scale, table.labels[table.train])
        self.network = self._network(seed).to(self.device)
        train = GraphTableDataset(self._graphs(table.codes[table.train]), labels[table.train])
        valid = self._unlabelled(table.codes[table.valid])
        truth = table.labels[table.valid].astype(np.float64)
        with seeded(seed), deterministic(), torch_threads(self.threads):
            return self._train(train, valid, truth, observer)

    def _train(
        self, train: GraphTableDataset, valid: DataLoader, truth: NDArray[np.float64], observer: Observer | None
    ) -> History:
        config = self.config
        loader = self._loader(train, config.batch_size, shuffle=True, num_workers=config.num_workers)
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=config.lr, weight_decay=config.weight_decay)
        schedule = _cosine(optimizer, config.epochs * len(loader), config.warmup)
        history, best_score, best_weights = History(), np.inf, None
        started = time.perf_counter()
        for epoch in range(1, config.epochs + 1):
            rate = schedule.get_last_lr()[0]
            loss, train_rmse = self._epoch(loader, optimizer, schedule)
            scores = score(truth, self._predict(valid))
            record: Record = {"epoch": epoch, "lr": rate, "train_loss": loss, "train_rmse": train_rmse}
            record |= {"valid": scores, "seconds": round(time.perf_counter() - started, 3)}
            history.records.append(record)
            history.best_train = min(train_rmse, history.best_train) if epoch > 1 else train_rmse
            value = scores[config.select] * (-1 if config.select in HIGHER_IS_BETTER else 1)
            if value < best_score:
                best_score, history.best = value, epoch
                best_weights = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
            if observer is not None:
                observer(record)
            if epoch - history.best >= config.patience:
                break
        if best_weights is None:
            msg = f"training diverged: no epoch had a finite validation {config.select}; lower lr."
            raise ConfigError(msg)
        self.network.load_state_dict(best_weights)
        return history

    def _epoch(
        self,
        loader: DataLoader,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
    ) -> tuple[float, float]:
        """One pass over the training part; the mean loss, and the RMSE of the predictions made on the way."""
        self.network.train()
        loss_of = LOSSES[self.config.loss]()
        scale = self.scale.to(self.device)
        # Sums stay on the device: reading them every step would make a GPU wait.
        losses = torch.zeros((), dtype=torch.float64, device=self.device)
        squares = torch.zeros_like(losses)
        seen = 0
        for batch in loader:
            batch = batch.to(self.device)
            wanted = scale.there(batch.y)
            known = ~torch.isnan(wanted)
            predicted = self.network(batch)
            loss = loss_of(predicted[known], wanted[known])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses += loss.detach() * len(wanted)
            squares += (scale.back(predicted.detach()) - batch.y)[known].square().mean() * len(wanted)
            seen += len(wanted)
        return float(losses) / seen, float(squares / seen) ** 0.5

    def _graphs(self, codes: CodeArray) -> GraphTable:
        return self.space.canonical_graphs(codes) if self.config.graph == "canonical" else self.space.graphs(codes)

    def _loader(self, dataset: GraphTableDataset, batch_size: int, **options: Any) -> DataLoader:
        if self.config.loader == "fast" and self.device.type != "cpu" and not options.get("num_workers"):
            options["device"] = self.device  # the arrays lie on the GPU, and batches are gathered there
        return LOADERS[self.config.loader](dataset, batch_size, **options)

    def _unlabelled(self, codes: CodeArray) -> DataLoader:
        # A loader draws a seed for its workers even without any: from a generator of its own, not from the user's.
        dataset = GraphTableDataset(self._graphs(codes))
        return self._loader(dataset, _PREDICT_BATCH, generator=torch.Generator())

    @torch.no_grad()
    def _predict(self, loader: DataLoader) -> NDArray[np.float32]:
        self.network.eval()
        parts = [self.network(batch.to(self.device)) for batch in loader]
        return self.scale.back(torch.cat(parts).float().cpu()).numpy()

    def predict(self, codes: CodeArray) -> NDArray[np.float32]:
        """Predictions for a table of codes, float32 [G, num_tasks], in the label's unit."""
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
            ConfigError: where the weights are those of another network.
        """
        state = load_file(folder / self.weights_file)
        self.scale = LabelScale(self.config.label_scale, state.pop("label.shift"), state.pop("label.spread"))
        try:
            self.network.load_state_dict({name.removeprefix("network."): value for name, value in state.items()})
        except RuntimeError as error:
            msg = f"{folder / self.weights_file} holds the weights of another network than its configuration says."
            raise ConfigError(msg) from error


def resolve_device(name: str) -> torch.device:
    """The device of that name; `auto` is a GPU if there is one, otherwise the CPU.

    Raises:
        ConfigError: for a device that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        msg = f"there is no device {name!r}; write auto, cpu, cuda or cuda:N."
        raise ConfigError(msg)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        msg = f"there is no device {name!r}: torch sees {torch.cuda.device_count()} GPUs; write --device auto or cpu."
        raise ConfigError(msg)
    return device


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within it torch's random numbers come from the seed; afterwards its state is what it was before."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


@contextlib.contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Within it torch uses so many threads on the CPU; 0 leaves the number as it is."""
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def deterministic() -> Iterator[None]:
    """Within it torch uses deterministic algorithms where it has them, and warns where it has none."""
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)


def _cosine(optimizer: torch.optim.Optimizer, steps: int, warmup: float) -> torch.optim.lr_scheduler.LambdaLR:
    """A learning rate that rises linearly over the warm-up, then falls along a cosine to 0."""
    rise = max(1, round(warmup * steps))

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1 + float(np.cos(np.pi * min(1.0, (step - rise) / max(1, steps - rise)))))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
