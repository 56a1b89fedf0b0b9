"""The fits of the experiment `noise`: predictions that are kept in a folder, so that no fit is made twice."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from nb301_ogb.baselines.config import Config, EnsembleConfig, NetworkConfig, change
from nb301_ogb.baselines.folds import component_folds, label_deciles
from nb301_ogb.baselines.model import Table
from nb301_ogb.baselines.models import make_model
from nb301_ogb.errors import ConfigError, SweepError
from nb301_ogb.experiments.noise_turn import Turn, Values, make_turn
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.spaces.graphs import IntArray
from nb301_ogb.storage.whole import write_bytes
from nb301_ogb.sweeps.engine import Engine

PLAIN, ALL, WITHOUT = "plain", "all", "without"
"""A row a run; a row a class; a row a class without a fold."""

_SEED_STRIDE = 1000


@dataclass(frozen=True, eq=False)
class Fit:
    """One fit, and where its predictions are kept.

    Attributes:
        dataset: its name.
        root: a folder of datasets, or None.
        least: see `make_turn`.
        turn: the number of the run that is learned from.
        kind: `PLAIN`, `ALL` or `WITHOUT`.
        fold: that is left out, from 0; -1 for none.
        folds: how many there are.
        config: of the model.
        seed: of the folds; that of the model is made from it and the fold.
        device: for networks: `auto`, `cpu`, `cuda` or `cuda:N`.
        threads: how many the model may use on the CPU.
        folder: for the predictions.
    """

    dataset: str
    root: Path | None
    least: float
    turn: int
    kind: str
    fold: int
    folds: int
    config: Config
    seed: int
    device: str
    threads: int
    folder: Path

    @property
    def path(self) -> Path:
        """The file of the predictions."""
        name = self.kind if self.fold < 0 else f"{self.kind}-{self.fold}"
        return self.folder / f"run-{self.turn}" / f"{name}.safetensors"

    def about(self, content_hash: str) -> str:
        """What decides the predictions, as text."""
        settings = ("dataset", "least", "turn", "kind", "fold", "folds", "seed")
        found = {name: getattr(self, name) for name in settings}
        config = {"kind": self.config.kind, **dataclasses.asdict(self.config)}
        return json.dumps(found | {"content_hash": content_hash, "config": config}, sort_keys=True)


def for_noise(config: Config, epochs: int | None, where: str, kind: str = ALL) -> Config:
    """A configuration as this experiment takes it.

    A network that learns from everything keeps the epoch that fits it best by what is judged here, the absolute error;
    one without a fold keeps the epoch that ensembles keep.

    Args:
        config: of a model.
        epochs: in place of the configuration's, for networks.
        where: the configuration comes from, for messages.
        kind: of the fit.

    Raises:
        ConfigError: for an ensemble.
    """
    if isinstance(config, EnsembleConfig):
        msg = f"{where}: the experiment makes its ensemble itself; name the configuration of a member, such as gin."
        raise ConfigError(msg)
    select = EnsembleConfig.select if kind == WITHOUT else "mae"
    return change(config, {"epochs": epochs, "select": select}, where) if isinstance(config, NetworkConfig) else config


def folds_of(turn: Turn, folds: int, seed: int) -> IntArray:
    """int64 [representatives]: the fold of each; components stay whole, deciles of the class mean are shared out."""
    rows = turn.representatives
    means = turn.class_mean[turn.equivalent[rows]].astype(np.float32)
    return component_folds(
        turn.component[rows], label_deciles(means), folds, np.random.default_rng([seed, turn.number])
    )


def predictions(
    fits: Sequence[Fit], table: LabelledTable, engine: Engine, done: Callable[[Fit], None] | None = None
) -> dict[Path, Values]:
    """By its path the predictions of every fit, float64 [G]; those that are kept are read, the others are made.

    Args:
        fits: of one dataset.
        table: the dataset with all its runs.
        engine: where fits run.
        done: called after each fit, also for those that are kept.

    Raises:
        ConfigError: where what is kept is damaged, or of other settings.
        OutputError: where a fit cannot be kept.
        SweepError: where fits failed.
    """
    found: dict[Path, Values] = {}

    def take(one: Fit) -> None:
        found[one.path] = _read(one, table)
        if done is not None:
            done(one)

    for one in fits:
        if one.path.exists():
            take(one)
    failed = []
    for one, outcome in engine.run(fit, [one for one in fits if one.path not in found]):
        if outcome.error is not None:
            failed.append(f"{one.path.name} of run {one.turn}: {outcome.error}")
        else:
            # Written here: the folder of whoever asks need not be there where the fit ran.
            write_bytes(one.path, outcome.value)
            take(one)
    if failed:
        msg = f"{len(failed)} of {len(fits)} fits failed, the first {failed[0]} Run the command again for the rest."
        raise SweepError(msg)
    return found


def fit(one: Fit) -> bytes:
    """Makes a fit; the file of what it predicts."""
    table = LabelledTable(one.dataset, one.root, runs="all")
    turn = make_turn(table, one.turn, one.least)
    if one.kind == PLAIN:
        rows, labels = np.flatnonzero(~np.isnan(turn.label)), turn.label
        train = valid = rows
    else:
        rows, labels = turn.representatives, turn.class_mean[turn.equivalent]
        train = valid = rows
        if one.kind == WITHOUT:
            fold = folds_of(turn, one.folds, one.seed)
            train, valid = rows[fold != one.fold], rows[fold == one.fold]
    model = make_model(one.config, table.space.name, 1, one.device, one.threads)
    part = Table(table.space.name, table.codes(), labels.astype(np.float32)[:, None], train, valid)
    model.fit(part, one.seed * _SEED_STRIDE + one.fold + 1)
    about = {"about": one.about(table.file.content_hash)}
    return save({"prediction": model.predict(table.codes())[:, 0]}, metadata=about)


def _read(one: Fit, table: LabelledTable) -> Values:
    try:
        with safe_open(one.path, framework="numpy") as file:
            about, values = (file.metadata() or {}).get("about"), file.get_tensor("prediction")
    except (OSError, SafetensorError) as error:
        msg = f"{one.path} is damaged ({error}); remove it and run the command again."
        raise ConfigError(msg) from error
    if about != one.about(table.file.content_hash) or values.shape != (len(table.labels),):
        msg = f"{one.path} was made with other settings, or of other data; choose another --output, or remove it."
        raise ConfigError(msg)
    return values.astype(np.float64)
