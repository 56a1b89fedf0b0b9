"""The optimisers by name, and how one is specified: `re`, or `re:population=100,tournament=5`."""

from __future__ import annotations

import importlib
import inspect
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from nb301_ogb.errors import SearchError
from nb301_ogb.search.interface import Optimiser
from nb301_ogb.spaces import Space

_HOME: dict[str, tuple[str, str, dict[str, Any]]] = {
    "rs": ("random_search", "RandomSearch", {}),
    "re": ("regularized_evolution", "RegularizedEvolution", {}),
    "ls": ("local_search", "LocalSearch", {}),
    "ls-once": ("local_search", "LocalSearch", {"restarts": False}),
    "de": ("differential_evolution", "DifferentialEvolution", {}),
    "bananas": ("bananas", "Bananas", {}),
    "tpe": ("optuna_sampler", "OptunaSampler", {}),
    "optuna-random": ("optuna_sampler", "OptunaSampler", {"sampler": "random"}),
    "optuna-nsga2": ("optuna_sampler", "OptunaSampler", {"sampler": "nsga2"}),
}

TITLES = {
    "rs": "random search",
    "re": "regularized evolution",
    "ls": "local search with restarts",
    "ls-once": "local search without restarts",
    "de": "differential evolution",
    "bananas": "BANANAS-style predictor search",
    "tpe": "tree-structured Parzen estimator (Optuna)",
    "optuna-random": "random search (Optuna)",
    "optuna-nsga2": "NSGA-II (Optuna)",
}
"""What each name stands for."""

_ALIASES = {
    "random": "rs",
    "random-search": "rs",
    "regularized-evolution": "re",
    "local-search": "ls",
    "local": "ls",
    "differential-evolution": "de",
}


def optimiser_names() -> tuple[str, ...]:
    """The names of all optimisers."""
    return tuple(_HOME)


@dataclass(frozen=True)
class Spec:
    """An optimiser's name and those of its settings that differ from its defaults, by name.

    Attributes:
        name: one of `optimiser_names()`, or another that goes by it in files and reports.
        settings: pairs of a setting's name and value, in the order of the names; the optimiser takes them by keyword.
        kind: the class of an optimiser that is none of these.

    Raises:
        SearchError: for a name that does not exist; where the class has a name that stands for another optimiser, or
            the name would not do for a text.
    """

    name: str
    settings: tuple[tuple[str, Any], ...] = ()
    kind: type[Optimiser] | None = None

    def __post_init__(self) -> None:
        if self.kind is None:
            _require_known(self.name, self.name)
            return
        if self.name in _HOME or self.name in _ALIASES or re.fullmatch(r"[A-Za-z0-9_.-]+", self.name) is None:
            msg = (
                f"{self.name!r} cannot be the name of {self.kind.__name__}: it is taken, or more than letters, digits, "
                "dots, hyphens and underscores."
            )
            raise SearchError(msg)

    def __str__(self) -> str:
        listed = ",".join(f"{name}={_text(value)}" for name, value in self.settings)
        return f"{self.name}:{listed}" if listed else self.name

    @property
    def title(self) -> str:
        """For people."""
        listed = ", ".join(f"{name} {_text(value)}" for name, value in self.settings)
        title = TITLES[self.name] if self.kind is None else getattr(self.kind, "title", self.name)
        return f"{title} ({listed})" if listed else title

    def make(self, space: Space, rng: np.random.Generator) -> Optimiser:
        """The optimiser, at its beginning.

        Raises:
            SearchError: for a setting that cannot have its value.
            MissingExtraError: where it needs a library that is not installed.
        """
        if self.kind is not None:
            return self.kind(space, rng, **dict(self.settings))
        for key, _ in self.settings:
            _require_setting(self.name, key, key)
        return _class(self.name)(space, rng, **{**_HOME[self.name][2], **dict(self.settings)})


OptimiserLike = str | Spec | type[Optimiser]
"""How an optimiser may be asked for: by a text, a specification, or the class of one that is not in the package."""


def parse_spec(text: OptimiserLike) -> Spec:
    """The specification that a text stands for, or an optimiser of your own, which goes by the name of its class.

    Args:
        text: a name, or a name, a colon and settings as `name=value` with commas between them; or a class.

    Raises:
        SearchError: naming the optimisers, or the settings, that there are.
    """
    if isinstance(text, Spec):
        return text
    if isinstance(text, type):
        return Spec(text.__name__, kind=text)
    name, _, listed = text.replace(" ", "").partition(":")
    name = name.lower().replace("_", "-")
    name = _ALIASES.get(name, name)
    _require_known(name, text)
    allowed = _settings(name)
    settings: dict[str, Any] = {}
    for part in filter(None, listed.split(",")):
        key, equals, value = part.partition("=")
        _require_setting(name, key if equals else "", part)
        if key in settings:
            msg = f"{text!r} sets {key} twice; say it once."
            raise SearchError(msg)
        settings[key] = _value(value, allowed[key], part)
    return Spec(name, tuple(sorted((key, value) for key, value in settings.items() if value != allowed[key])))


def _class(name: str) -> type[Optimiser]:
    module, kind, _ = _HOME[name]
    found: type[Optimiser] = getattr(importlib.import_module(f"nb301_ogb.search.{module}"), kind)
    return found


def _require_known(name: str, said: str) -> None:
    if name not in _HOME:
        msg = f"there is no optimiser {said!r}; there are {', '.join(_HOME)}."
        raise SearchError(msg)


def _require_setting(name: str, key: str, said: str) -> None:
    allowed = _settings(name)
    if key not in allowed:
        shown = ", ".join(f"{one}={_text(default)}" for one, default in allowed.items())
        msg = f"{said!r} is no setting of the optimiser {name}; its settings and their defaults are {shown}."
        raise SearchError(msg)


def _settings(name: str) -> dict[str, Any]:
    """An optimiser's settings with their defaults."""
    parameters = inspect.signature(_class(name)).parameters.values()
    defaults = {one.name: one.default for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY}
    return defaults | _HOME[name][2]


def _value(text: str, default: Any, part: str) -> Any:
    """The text as a value of the default's type."""
    if isinstance(default, bool) and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if isinstance(default, str):
        return text
    if isinstance(default, int | float) and not isinstance(default, bool):
        if re.fullmatch(r"[+-]?\d+", text) and isinstance(default, int):
            return int(text)
        if isinstance(default, float) and re.fullmatch(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", text):
            return float(text)
    kind = {bool: "true or false", int: "an integer", float: "a number"}[type(default)]
    msg = f"the setting {part!r} is not understood; it takes {kind}."
    raise SearchError(msg)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value}"
