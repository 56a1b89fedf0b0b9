"""The reference runs: which models, and the folders in which all commands keep and find them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nb301_ogb.baselines.config import load_config
from nb301_ogb.baselines.training import Job
from nb301_ogb.catalog import get_info
from nb301_ogb.sweeps.trials import Trial

REFERENCE_MODELS = ("gin", "gin-virtual", "gcn", "gcn-virtual", "lightgbm", "xgboost", "ensemble")
"""Configurations of the package, as leaderboards list them."""


def runs_folder(root: str | Path, split: str, model: str, dataset: str) -> Path:
    """The folder of the runs of a model, one a seed: `root/split/model/dataset`, the dataset by its full name."""
    return Path(root) / split / model / get_info(dataset).name


def reference_trials(
    root: str | Path,
    datasets: Sequence[str],
    split: str | None = None,
    models: Sequence[str] = REFERENCE_MODELS,
    seeds: Sequence[int] = tuple(range(10)),
    *,
    data_root: Path | None = None,
    device: str = "auto",
    threads: int = 1,
) -> list[Trial]:
    """The trials of reference models, by dataset, then model, then seed.

    Args:
        root: of the folders, see `runs_folder`.
        datasets: their names.
        split: its name; None for each dataset's default.
        models: configurations of the package.
        seeds: a run for each.
        data_root: a folder of datasets, or None for the embedded ones and the user's cache.
        device: for networks: `auto`, `cpu`, `cuda` or `cuda:N`.
        threads: that a run may use on the CPU; 0 leaves it to the library.

    Raises:
        ConfigError: for a model that is no configuration of the package.
        DatasetNameError: for a dataset that does not exist.
    """
    trials = []
    for info in map(get_info, datasets):
        for model in models:
            part = split or info.default_split
            job = Job(info.name, load_config(model, info.space), part, data_root, device, threads, (info.label,))
            folder = runs_folder(root, part, model, info.name)
            trials += [Trial(job, seed, folder) for seed in seeds]
    return trials
