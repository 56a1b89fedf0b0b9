"""Ranges of a model's settings: read from TOML, applied to a configuration, and the settings to be tried next."""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from nb301_ogb.baselines.config import Config, change
from nb301_ogb.baselines.settings import GNNConfig, MLPConfig, TreeConfig
from nb301_ogb.errors import ConfigError, missing_extra

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Settings = dict[str, Any]
"""Values by the names of settings; those of a table such as `params` are written `params.max_depth`."""

_FOLDER = "baselines/ranges"
_MARKS = {"low", "high", "choices"}
_KEYS = {frozenset(keys) for keys in (("low", "high"), ("low", "high", "log"), ("choices",))}


@dataclass(frozen=True)
class Range:
    """What one setting may be.

    Attributes:
        low: the least number; integers if it is an integer.
        high: the largest number.
        log: whether the logarithm is spread evenly.
        choices: the values, where they are no numbers between two others.
        default: what the library takes where a configuration is silent, or what comes next to it; None if unknown.
    """

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[Any, ...] = ()
    default: Any = None

    def holds(self, value: Any) -> bool:
        """Whether the value is in the range."""
        if self.choices:
            return _plain(value) in self.choices
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high


@dataclass(frozen=True)
class Ranges:
    """The ranges of one sort of model.

    Attributes:
        name: where they come from.
        ranges: by setting.
        fixed: settings that every trial has, except the first.
    """

    name: str
    ranges: dict[str, Range]
    fixed: Settings

    def begin(self, config: Config) -> Settings:
        """The settings of a configuration, as the point from which the search begins.

        Raises:
            ConfigError: where one is not in its range.
        """
        found = {}
        for name, one in self.ranges.items():
            value = _plain(_look_up(config, name, self.name))
            found[name] = one.default if value is None else value
            if not one.holds(found[name]):
                msg = f"{self.name}: {name} = {found[name]!r}, where the search begins, is not in its range; widen it."
                raise ConfigError(msg)
        return found

    def apply(self, config: Config, settings: Settings) -> Config:
        """The configuration with settings replaced, and with the fixed ones.

        Raises:
            ConfigError: where a setting does not exist, or has a value of the wrong type.
        """
        nested: Settings = {}
        for name, value in {**self.fixed, **settings}.items():
            table, _, key = name.rpartition(".")
            if table:
                old = getattr(config, table, None)
                nested.setdefault(table, dict(old) if isinstance(old, dict) else {})[key] = value
            else:
                nested[key] = value
        return change(config, nested, self.name)


def load_ranges(config: Config, path: Path | None = None) -> Ranges:
    """The ranges for a configuration: those of the package for its sort of model, or those in a TOML file.

    Raises:
        ConfigError: where there are none, or the file holds something else.
    """
    if path is not None:
        try:
            return _parse(path.read_text(encoding="utf-8"), str(path), config)
        except (OSError, UnicodeDecodeError) as error:
            msg = f"the ranges {path} cannot be read ({error}); give a TOML file."
            raise ConfigError(msg) from error
    folder, name = resources.files("nb301_ogb") / _FOLDER, _name(config)
    entries = sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    if name not in entries:
        msg = f"the package has no ranges for {name}, but for {', '.join(entries)}; give a TOML file as --ranges."
        raise ConfigError(msg)
    return _parse((folder / f"{name}.toml").read_text(encoding="utf-8"), f"{name}.toml", config)


def _name(config: Config) -> str:
    if isinstance(config, GNNConfig) and config.gnn != "diffpool":
        return "gnn"
    if isinstance(config, GNNConfig | MLPConfig):
        return getattr(config, "gnn", "mlp")
    return config.library if isinstance(config, TreeConfig) else getattr(config, "variant", config.kind)


def _parse(text: str, where: str, config: Config) -> Ranges:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        msg = f"the ranges {where} are no TOML: {error}."
        raise ConfigError(msg) from error
    ranges: dict[str, Range] = {}
    fixed: Settings = {}
    for name, value in _flat(values):
        if isinstance(value, dict):
            ranges[name] = _range(value, f"{where}: [{name}]")
        else:
            fixed[name] = value
    found = Ranges(where, ranges, fixed)
    if not ranges:
        msg = f"the ranges {where} are empty; give at least one table with low and high, or choices."
        raise ConfigError(msg)
    found.apply(config, found.begin(config))
    return found


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and not _MARKS & set(value):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _range(values: dict[str, Any], where: str) -> Range:
    shape = frozenset(values) - {"default"}
    if shape not in _KEYS:
        msg = f"{where} has {', '.join(values)}; a range has low and high (and log), or choices, and perhaps default."
        raise ConfigError(msg)
    if "choices" in shape:
        choices = values["choices"]
        if not isinstance(choices, list) or len(choices) < 2:
            msg = f"{where}: choices = {choices!r} is no list of two or more values."
            raise ConfigError(msg)
        return Range(choices=tuple(choices), default=values.get("default"))
    low, high, log = values["low"], values["high"], values.get("log", False)
    numbers = type(low) is type(high) and type(low) in (int, float) and isinstance(log, bool)
    if not numbers or not low < high or (log and low <= 0):
        msg = f"{where}: low = {low!r} and high = {high!r} are no range; both are integers, or both have a point."
        raise ConfigError(msg)
    return Range(low, high, log, default=values.get("default"))


def _look_up(config: Config, name: str, where: str) -> Any:
    """The value of a setting; None where a table does not hold it."""
    table, _, key = name.rpartition(".")
    fields = vars(config)
    if (table or key) not in fields or (table and not isinstance(fields[table], dict)):
        msg = f"{where}: there is no setting {name!r}; there are {', '.join(fields)}."
        raise ConfigError(msg)
    return fields[table].get(key) if table else fields[key]


def _plain(value: Any) -> Any:
    """The value as TOML and JSON give it back."""
    return list(value) if isinstance(value, tuple) else value


def suggest(
    ranges: Ranges,
    seed: int,
    number: int,
    finished: Sequence[tuple[Settings, float | None]],
    running: Sequence[Settings] = (),
) -> Settings:
    """The settings that a tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011) tries next.

    They depend on the arguments alone: a search that was interrupted goes on as it would have gone on.

    Args:
        ranges: of the settings.
        seed: of the search.
        number: of the trial.
        finished: settings and values of trials, higher is better; None where a trial failed.
        running: settings of trials without a value yet, from which it keeps away.

    Raises:
        MissingExtraError: where Optuna is not installed, with the command that installs it.
    """
    with optuna_at_hand() as optuna:
        distributions = {name: _distribution(optuna, one) for name, one in ranges.ranges.items()}
        words = np.random.SeedSequence([seed, number]).generate_state(1)
        sampler = optuna.samplers.TPESampler(seed=int(words[0]), constant_liar=True, multivariate=True)
        study = optuna.create_study(sampler=sampler, direction="maximize")
        states = optuna.trial.TrialState

        def note(settings: Settings, value: float | None, state: Any) -> None:
            params = {name: _coded(one, settings[name]) for name, one in ranges.ranges.items()}
            study.add_trial(
                optuna.trial.create_trial(params=params, distributions=distributions, value=value, state=state)
            )

        for settings, value in finished:
            note(settings, value, states.FAIL if value is None else states.COMPLETE)
        for settings in running:
            note(settings, None, states.RUNNING)
        chosen = study.ask(distributions).params
    return {name: one.choices[chosen[name]] if one.choices else chosen[name] for name, one in ranges.ranges.items()}


def _distribution(optuna: Any, one: Range) -> Any:
    if one.choices:  # by their places, for Optuna's own values cannot be lists
        return optuna.distributions.CategoricalDistribution(tuple(range(len(one.choices))))
    if isinstance(one.low, int):
        return optuna.distributions.IntDistribution(one.low, int(one.high), log=one.log)
    return optuna.distributions.FloatDistribution(one.low, one.high, log=one.log)


def _coded(one: Range, value: Any) -> Any:
    return one.choices.index(value) if one.choices else value


@contextlib.contextmanager
def optuna_at_hand() -> Iterator[Any]:
    """Optuna, which within this block neither reports nor warns.

    Raises:
        MissingExtraError: where it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise missing_extra("Optuna", "search", "the search for settings") from None
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield optuna
    finally:
        optuna.logging.set_verbosity(level)


def as_text(settings: Settings) -> str:
    """The settings in a line."""
    return ", ".join(f"{name} = {_short(value)}" for name, value in settings.items())


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value)
