"""Surrogates: fitted models used as a benchmark, loaded by name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save_file

from nb301_ogb.baselines.benchmark import Answer, Benchmark, TabularBenchmark, generator
from nb301_ogb.baselines.config import Config, load_config, read_config, to_toml
from nb301_ogb.baselines.finished import dataset_of, learned_the_label, load_model
from nb301_ogb.baselines.model import Model, Observer, Table
from nb301_ogb.baselines.models import make_model
from nb301_ogb.baselines.runs import read_run
from nb301_ogb.baselines.surrogate_file import COLUMNS, MARK, TABLE, SurrogateInfo, read_info, read_table, write_info
from nb301_ogb.baselines.training_noise import training_noise
from nb301_ogb.errors import ConfigError, DatasetNameError, Nb301OgbError
from nb301_ogb.evaluators.evaluator import Evaluator
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.spaces import get_space
from nb301_ogb.spaces.graphs import CodeArray
from nb301_ogb.storage.folder import new_folder
from nb301_ogb.storage.layout import Split

_TABLE_PREFIX = "table:"


class Surrogate(Benchmark):
    """A fitted accuracy model, and a runtime model beside it, that answer for any architecture of a space.

    A saved surrogate of a small space holds the answers for all of it, and a loaded one gives these: at once, and the
    same to the last bit on every machine, however the architectures are asked.

    Args:
        info: what it was fitted on.
        configs: of the two models, by `accuracy` and `runtime`.
        accuracy: predicts percent, with a standard deviation where it knows one; the model, or what gives it once it is
            asked for.
        runtime: predicts seconds; likewise.
        answers: by `mean`, `std` and `runtime` what the models say of the whole space, float32 [size] each, in the
            order of the space's table; None where the models are asked.
    """

    def __init__(
        self,
        info: SurrogateInfo,
        configs: dict[str, Config],
        accuracy: Model | Callable[[], Model],
        runtime: Model | Callable[[], Model],
        answers: dict[str, NDArray[np.float32]] | None = None,
    ) -> None:
        self.info = info
        self.name = info.name
        self.space = get_space(info.space)
        self.configs = configs
        self._models = {"accuracy": accuracy, "runtime": runtime}
        self._answers = answers
        """Those that a saved surrogate holds are the surrogate's from then on, whatever machine it is copied to."""

    @property
    def accuracy(self) -> Model:
        """The accuracy model."""
        return self._model("accuracy")

    @property
    def runtime(self) -> Model:
        """The runtime model."""
        return self._model("runtime")

    def _model(self, name: str) -> Model:
        found = self._models[name]
        if not isinstance(found, Model):
            found = self._models[name] = found()
        return found

    @classmethod
    def fit(
        cls,
        dataset: str,
        *,
        accuracy: Config | str = "ensemble",
        runtime: Config | str = "runtime",
        split: str | None = None,
        rows: Split | None = None,
        seed: int = 0,
        version: int = 1,
        root: Path | None = None,
        device: str = "auto",
        observer: Observer | None = None,
    ) -> Surrogate:
        """Fits both models on the training part of a dataset's split.

        Args:
            dataset: its name.
            accuracy: the accuracy model's configuration, or its name.
            runtime: the runtime model's.
            split: the split's name; None for the default one.
            rows: the rows themselves, in place of those of `split`, which then only names them.
            seed: of both fits.
            version: goes into the surrogate's name.
            root: a folder of datasets, or None.
            device: for networks.
            observer: called with the records of both fits.
        """
        data = LabelledTable(dataset, root)
        space, parts = data.space.name, rows or data.split(split)
        configs = {"accuracy": _config(accuracy, space), "runtime": _config(runtime, space)}
        models = {name: make_model(config, space, 1, device) for name, config in configs.items()}
        # First, as it takes seconds and tells at once where the configuration does not fit.
        _fit_runtime(models["runtime"], data, parts, seed, root, observer)
        models["accuracy"].fit(_table(data, parts), seed, observer)
        return cls._judged(data, parts, split or data.info.default_split, seed, configs, models, version)

    @classmethod
    def from_run(
        cls,
        folder: str | Path,
        *,
        runtime: Config | str = "runtime",
        version: int = 1,
        root: Path | None = None,
        device: str = "auto",
        observer: Observer | None = None,
    ) -> Surrogate:
        """Takes the accuracy model of a finished run as it is, and fits the runtime model beside it.

        Args:
            folder: of the run, as `nb301-ogb train` writes it.
            runtime: the runtime model's configuration, or its name; its seed is the run's.
            version: goes into the surrogate's name.
            root: a folder of datasets, or None.
            device: for networks.
            observer: called with the records of the fit.

        Raises:
            ConfigError: where the run is damaged, has not learned the dataset's label, or not all of its training part.
        """
        run = read_run(folder)
        data = dataset_of(run, root)
        info, parts = run.info, data.split(run.info.split)
        if not learned_the_label(run) or info.num_train != len(parts.train):
            msg = (
                f"{folder} learned {', '.join(info.targets)} (runs: {info.runs}) of {info.num_train:,} rows; a "
                f"surrogate is made of a run that learned {data.info.label} (runs: mean) of all {len(parts.train):,}."
            )
            raise ConfigError(msg)
        space = data.space.name
        configs = {"accuracy": run.config, "runtime": _config(runtime, space)}
        models = {"accuracy": load_model(run, device), "runtime": make_model(configs["runtime"], space, 1, device)}
        _fit_runtime(models["runtime"], data, parts, info.seed, root, observer)
        return cls._judged(data, parts, info.split, info.seed, configs, models, version)

    @classmethod
    def _judged(
        cls,
        data: LabelledTable,
        parts: Split,
        split: str,
        seed: int,
        configs: dict[str, Config],
        models: dict[str, Model],
        version: int,
    ) -> Surrogate:
        """The surrogate of two models that are fitted, with the scores of the accuracy model."""
        evaluator, codes, scores, model = Evaluator(data.info.name), data.codes(), {}, models["accuracy"]
        # Two fits are two benchmarks, whatever they are called: what the models say tells them apart.
        said = hashlib.sha256(np.ascontiguousarray(models["runtime"].predict(codes[parts.test])).tobytes())
        for part, where in (("valid", parts.valid), ("test", parts.test)):
            mean, std = model.predict_distribution(codes[where])
            judged = {"y_true": data.labels[where], "y_pred": mean}
            scores[part] = evaluator.eval(judged if np.isnan(std).any() else judged | {"y_std": std})
            for values in (mean, std):
                said.update(np.ascontiguousarray(values).tobytes())
        info = SurrogateInfo(
            name=f"{data.info.name}-v{data.info.version} surrogate {model.name} v{version} ({said.hexdigest()[:12]})",
            dataset=data.info.name,
            content_hash=data.file.content_hash,
            split=split,
            space=data.space.name,
            seed=seed,
            scores=scores,
            noise=training_noise(data.file.values(data.info.label)[parts.train]),
        )
        return cls(info, configs, models["accuracy"], models["runtime"])

    @classmethod
    def load(cls, folder_or_name: str | Path, device: str = "cpu", threads: int = 1) -> Surrogate:
        """Loads a surrogate from a folder, or one of the package by the name of its dataset.

        Where it holds the answers for all of a small space, its models are loaded when they are first asked for.

        Args:
            folder_or_name: a folder that `save` wrote, or `nb201-cifar10` and the like.
            device: for networks: `auto`, `cpu`, `cuda` or `cuda:N`.
            threads: that many architectures asked at once may use on the CPU; 0 for all cores.

        Raises:
            DatasetNameError: where there is neither such a folder nor such a name.
            ConfigError: where a file of the folder is missing or damaged.
        """
        folder = Path(folder_or_name)
        if not (folder / MARK).is_file():
            folder = released_folder(str(folder_or_name))
        try:
            info = read_info(folder)
            names = ("accuracy", "runtime")
            configs = {name: read_config(folder / name / "config.toml") for name in names}
            models = {name: partial(_load, configs[name], folder / name, info, device, threads) for name in names}
            answers = read_table(folder, get_space(info.space).size) if TABLE in info.files else None
            found = cls(info, configs, models["accuracy"], models["runtime"], answers)
            for name in names if answers is None else ():
                found._model(name)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
            if isinstance(error, Nb301OgbError):
                raise
            msg = f"{folder} is no surrogate, or a damaged one ({error}); give a folder that `save` wrote."
            raise ConfigError(msg) from error
        return found

    def save(self, folder: str | Path, overwrite: bool = False) -> None:
        """Writes the surrogate to a folder, whole or not at all.

        Raises:
            OutputError: where something stands there that must not be replaced.
        """
        with new_folder(folder, MARK, overwrite) as temporary:
            for name, model in (("accuracy", self.accuracy), ("runtime", self.runtime)):
                inner = temporary / name
                inner.mkdir()
                (inner / "config.toml").write_text(to_toml(self.configs[name], {"model": model.name}), encoding="utf-8")
                model.save(inner)
            if self.space.has_table:
                if self._answers is None:
                    self._answers = dict(zip(COLUMNS, self._predicted(self.space.table()), strict=True))
                save_file(self._answers, temporary / TABLE)
            self.info = write_info(temporary, self.info)

    def query_codes(self, codes: CodeArray, noise: bool = False, rng: np.random.Generator | None = None) -> Answer:
        """The model's mean and calibrated deviation.

        With noise `value` is a normal draw around the mean, with the deviation that trainings of such an accuracy have
        among themselves; where no architecture was trained twice, with the calibrated one, as NAS-Bench-301 does.
        """
        if self._answers is None:
            found = self._predicted(self.space.check(codes))
        else:
            rows = self.space.index(codes)
            found = tuple(self._answers[name][rows] for name in COLUMNS)
        mean, std, runtime = (column.astype(np.float64) for column in found)
        value = mean
        if noise:
            spread = std if self.info.noise is None else self.info.noise.at(mean)
            if np.isnan(spread).any():
                msg = f"{self.name} knows no noise: none was measured and its model tells no deviation; ask without."
                raise ConfigError(msg)
            # Percent: no draw may leave 0 to 100.
            value = np.clip(mean + spread * generator(rng).standard_normal(len(mean)), 0.0, 100.0)
        return Answer(mean, std, value, runtime)

    def _predicted(self, codes: CodeArray) -> tuple[NDArray[np.float32], ...]:
        """What the models say: mean, standard deviation and runtime, float32 [G] each."""
        mean, std = self.accuracy.predict_distribution(codes)
        return mean[:, 0].copy(), std[:, 0].copy(), self.runtime.predict(codes)[:, 0].copy()

    def table(self) -> Answer:
        """The answers for a whole small space, in the order of its own `table`.

        Raises:
            ArchitectureError: for a space that has no table.
        """
        return self.query_codes(self.space.table())


def _fit_runtime(
    model: Model, data: LabelledTable, parts: Split, seed: int, root: Path | None, observer: Observer | None
) -> None:
    times = LabelledTable(data.info.name, root, targets=("runtime",))
    model.fit(_table(times, parts), seed, observer)


def _load(config: Config, folder: Path, info: SurrogateInfo, device: str, threads: int) -> Model:
    model = make_model(config, info.space, 1, device, threads)
    model.load(folder)
    return model


def _table(data: LabelledTable, parts: Split) -> Table:
    """What a model is fitted on: the rows of a split, or others."""
    return replace(Table.of(data), train=parts.train, valid=parts.valid)


def _config(config: Config | str, space: str) -> Config:
    return load_config(config, space) if isinstance(config, str) else config


def _released() -> Any:
    return resources.files("nb301_ogb") / "data" / "surrogates"


def released_names() -> tuple[str, ...]:
    """The names of the surrogates in the package."""
    folder = _released()
    return tuple(sorted(entry.name for entry in folder.iterdir())) if folder.is_dir() else ()


def released_folder(name: str) -> Path:
    """The folder of a surrogate in the package, by its name or the name of its dataset.

    Raises:
        DatasetNameError: listing the surrogates there are.
    """
    plain = re.sub(r"^ogbg-", "", name.strip().lower())
    for there in released_names():
        if plain in (there, re.sub(r"-v\d+$", "", there)):
            return Path(str(_released() / there))
    listing = ", ".join(released_names()) or "none in this installation"
    msg = f"there is no surrogate {name!r}: it is no folder that holds one, and the package has {listing}."
    raise DatasetNameError(msg)


def open_benchmark(text: str, root: Path | None = None, device: str = "cpu", threads: int = 1) -> Benchmark:
    """A benchmark from what a user types: `table:DATASET`, a surrogate's name, or its folder.

    Args:
        text: the name.
        root: a folder of datasets, or None.
        device: as of `Surrogate.load`.
        threads: likewise.

    Raises:
        DatasetNameError: where there is no such benchmark.
    """
    if text.startswith(_TABLE_PREFIX):
        return TabularBenchmark(text.removeprefix(_TABLE_PREFIX), root)
    return Surrogate.load(text, device, threads)
