"""Deep ensembles: members on folds of the training part, their mean, and a standard deviation calibrated on validation.

Member k is fitted without fold k, which tells trees how many there shall be, while a network keeps its last epoch; so
the validation part stays unseen until the calibration (as in the surrogates of NAS-Bench-301 with 10 members, Zela et
al., ICLR 2022).
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nb301_ogb.baselines.calibration import Calibration, calibrate
from nb301_ogb.baselines.config import (
    Config,
    EnsembleConfig,
    NetworkConfig,
    config_names,
    load_config,
    read_config,
    to_toml,
)
from nb301_ogb.baselines.folds import component_folds, label_deciles
from nb301_ogb.baselines.gnn_model import GNNModel
from nb301_ogb.baselines.model import History, Model, Observer, Record, Table
from nb301_ogb.baselines.scores import score
from nb301_ogb.baselines.stacked import StackedGIN, stackable
from nb301_ogb.errors import ConfigError
from nb301_ogb.loaders.splits import row_classes
from nb301_ogb.spaces import Space, get_space
from nb301_ogb.spaces.graphs import CodeArray

_SEED_STRIDE = 1000


class EnsembleModel(Model):
    """An ensemble of one kind of model.

    Args:
        config: its size and its members' configuration.
        space: the search space's name.
        make: makes a member from its configuration, `nb301_ogb.baselines.models.make_model`.
        num_tasks: must be 1.
        device: for networks: `auto`, `cpu`, `cuda` or `cuda:N`.
        threads: that a member may use on the CPU.

    Raises:
        ConfigError: for several tasks, an ensemble of ensembles, or a member that the package has no configuration of.
    """

    weights_file = "ensemble.json"

    def __init__(
        self,
        config: EnsembleConfig,
        space: str,
        make: Callable[..., Model],
        num_tasks: int = 1,
        device: str = "auto",
        threads: int = 1,
    ) -> None:
        if config.member not in config_names():  # a file would not be there where the ensemble is loaded
            msg = (
                f"member = {config.member!r} is no configuration of the package; there are {', '.join(config_names())}."
            )
            raise ConfigError(msg)
        member = load_config(config.member, space)
        if isinstance(member, EnsembleConfig) or num_tasks != 1:
            msg = "the members of an ensemble are no ensembles themselves, and it predicts one target."
            raise ConfigError(msg)
        if isinstance(member, NetworkConfig):
            member = dataclasses.replace(member, epochs=config.epochs or member.epochs, select=config.select)
        self.config = config
        self.member_config: Config = member
        self._make = partial(make, space=space, num_tasks=num_tasks, device=device, threads=threads)
        self.name = f"ensemble-{config.member}" if config.member != "gin" else "ensemble"
        self.space: Space = get_space(space)
        self.members: list[Model] = [self._make(member) for _ in range(config.size)]
        self.threads = threads
        self.calibration = Calibration()
        self._stack: StackedGIN | None = None

    def num_parameters(self) -> int:
        """The parameters of all members together."""
        return sum(member.num_parameters() for member in self.members)

    def fit(self, table: Table, seed: int, observer: Observer | None = None) -> History:
        """Fits every member on its folds, then the calibration on the validation part."""
        fold = self.folds(table, seed)
        records: list[Record] = []
        so_far = np.zeros((len(table.valid), 1))
        started = time.perf_counter()
        for number, member in enumerate(self.members):
            rest, own = table.train[fold != number], table.train[fold == number]
            part = dataclasses.replace(table, train=rest, valid=own, component=None, group=None)
            member.fit(part, seed * _SEED_STRIDE + number)
            so_far += member.predict(table.codes[table.valid])
            scores = score(table.labels[table.valid].astype(np.float64), (so_far / (number + 1)).astype(np.float32))
            seconds = round(time.perf_counter() - started, 3)
            records.append({"epoch": number + 1, "valid": scores, "seconds": seconds})
            if observer is not None:
                observer(records[-1])
        self._stack = None  # an observer may have asked members that were not fitted yet
        mean, spread = self._mean_and_spread(table.codes[table.valid])
        self.calibration = calibrate(table.labels[table.valid, 0], mean, spread)
        return History(records)

    def folds(self, table: Table, seed: int) -> NDArray[np.int64]:
        """int64 [training rows]: the fold of each; components stay whole, strata are shared out evenly."""
        rows = table.train
        if table.component is not None:
            component = table.component[rows]
        else:
            component = row_classes(self.space.canonical_keys(table.codes[rows]))
        strata = label_deciles(table.labels[rows, 0]) if table.group is None else table.group[rows]
        return component_folds(component, strata, len(self.members), np.random.default_rng(seed))

    def member_predictions(self, codes: CodeArray) -> NDArray[np.float64]:
        """Every member's prediction, float64 [members, G], in the label's unit.

        Equivalent architectures are computed once where the members see canonical graphs, and stackable networks on
        the CPU run as one.
        """
        stack = self._stacked()
        if stack is None:
            return np.stack([member.predict(codes)[:, 0] for member in self.members]).astype(np.float64)
        first = self.members[0]
        assert isinstance(first, GNNModel)
        back: NDArray[np.int64] | slice = slice(None)
        if first.config.graph == "canonical" and len(codes) > 1:
            _, chosen, which = np.unique(
                row_classes(self.space.canonical_keys(codes)), return_index=True, return_inverse=True
            )
            codes, back = codes[chosen], which.ravel()
        standard = stack.predict(first.graphs, codes, self.threads)
        scaled = [member.scale.back(one) for member, one in zip(self.members, standard, strict=True)]  # type: ignore[attr-defined]
        return torch.stack(scaled)[:, :, 0].double().numpy()[:, back]

    def _stacked(self) -> StackedGIN | None:
        if self._stack is None and all(
            isinstance(member, GNNModel) and stackable(member.network) and member.device.type == "cpu"
            for member in self.members
        ):
            networks = [member.network.eval() for member in self.members]  # type: ignore[attr-defined]
            self._stack = StackedGIN(networks)
        return self._stack

    def _mean_and_spread(self, codes: CodeArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        found = self.member_predictions(codes)
        return found.mean(axis=0), found.std(axis=0, ddof=1)

    def predict(self, codes: CodeArray) -> NDArray[np.float32]:
        """The members' mean, float32 [G, 1], in the label's unit."""
        return self._mean_and_spread(codes)[0].astype(np.float32)[:, None]

    def predict_distribution(self, codes: CodeArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and calibrated standard deviation, float32 [G, 1] each."""
        mean, spread = self._mean_and_spread(codes)
        return mean.astype(np.float32)[:, None], self.calibration.std(spread).astype(np.float32)[:, None]

    def save(self, folder: Path) -> None:
        """Writes `ensemble.json` (the calibration), `member.toml` and a folder for each member."""
        found = {"calibration": dataclasses.asdict(self.calibration), "size": len(self.members)}
        text = json.dumps(found, allow_nan=False)
        (folder / self.weights_file).write_text(text + "\n", encoding="utf-8")
        # The package's configuration of that name may change; these weights belong to this one.
        (folder / "member.toml").write_text(to_toml(self.member_config, {}), encoding="utf-8")
        for number, member in enumerate(self.members):
            inner = folder / f"member-{number}"
            inner.mkdir(exist_ok=True)
            member.save(inner)

    def load(self, folder: Path) -> None:
        """Reads what `save` wrote.

        Raises:
            ConfigError: where it is another ensemble's, or damaged.
        """
        try:
            found = json.loads((folder / self.weights_file).read_text(encoding="utf-8"))
            calibration, size = Calibration(**found["calibration"]), found["size"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            msg = f"{folder / self.weights_file} is no ensemble ({error}); give a folder that `save` wrote."
            raise ConfigError(msg) from error
        if size != len(self.members):
            msg = f"{folder} holds {size} members, its configuration says {len(self.members)}."
            raise ConfigError(msg)
        self.member_config = read_config(folder / "member.toml")
        self.members = [self._make(self.member_config) for _ in range(size)]
        for number, member in enumerate(self.members):
            member.load(folder / f"member-{number}")
        self.calibration, self._stack = calibration, None
