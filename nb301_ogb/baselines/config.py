"""Configurations: what a training run is made of, read from TOML, changed by the command line, written back."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from nb301_ogb.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_FOLDER = "baselines/configs"


@dataclass(frozen=True)
class GNNConfig:
    """A graph neural network and its training.

    The names of the first block are those of OGB's examples.

    Attributes:
        gnn: `gin`, `gin-virtual`, `gcn` or `gcn-virtual`.
        num_layer: message-passing layers.
        emb_dim: their width.
        drop_ratio: dropout after each layer.
        batch_size: graphs in a training step.
        epochs: passes over the training part, at most.
        num_workers: of the data loader.
        loader: `fast` for this package's data loader, `pyg` for PyG's; the batches are the same.
        graph: `raw`, or `canonical` for the space's canonical graphs, which are equal for equivalent architectures.
        feature: `full`, or `simple` for the node and edge types alone.
        norm: `batch` (as OGB) or `layer`.
        graph_pooling: `sum`, `mean` or `max`.
        JK: `last` or `sum`.
        residual: whether each layer's input is added to its output.
        loss: `l1`, `mse` or `huber`, on standardised labels.
        label_scale: `linear`, `log`, or `log_error` (of 100 - accuracy), on which labels are standardised.
        lr: of AdamW, at its highest.
        weight_decay: of AdamW.
        warmup: share of all steps in which the learning rate rises to `lr`; afterwards it falls along a cosine to 0.
        patience: epochs without a better validation score after which training ends.
        select: the metric by which validation chooses the epoch.
    """

    gnn: str = "gin"
    num_layer: int = 5
    emb_dim: int = 300
    drop_ratio: float = 0.5
    batch_size: int = 32
    epochs: int = 100
    num_workers: int = 0
    loader: str = "fast"
    graph: str = "raw"
    feature: str = "full"
    norm: str = "batch"
    graph_pooling: str = "mean"
    JK: str = "last"
    residual: bool = False
    loss: str = "l1"
    label_scale: str = "linear"
    lr: float = 1e-3
    weight_decay: float = 0.0
    warmup: float = 0.0
    patience: int = 50
    select: str = "rmse"

    kind = "gnn"


@dataclass(frozen=True)
class TreeConfig:
    """A gradient-boosted tree ensemble and its training.

    Attributes:
        library: `lightgbm` or `xgboost`.
        encoding: names of the feature blocks, see `nb301_ogb.baselines.encodings`.
        rounds: trees, at most.
        patience: rounds without a better validation loss after which training ends.
        label_scale: `linear`, `log`, or `log_error` (of 100 - accuracy), on which the trees are fitted.
        params: handed to the library as they are.
    """

    library: str = "lightgbm"
    encoding: tuple[str, ...] = ("one_hot", "path_counts")
    rounds: int = 3000
    patience: int = 100
    label_scale: str = "linear"
    params: dict[str, Any] = dataclasses.field(default_factory=dict)

    kind = "trees"


Config = GNNConfig | TreeConfig
_KINDS: dict[str, type[GNNConfig] | type[TreeConfig]] = {"gnn": GNNConfig, "trees": TreeConfig}


def config_names() -> tuple[str, ...]:
    """The names of the configurations that the package brings."""
    folder = resources.files("nb301_ogb") / _FOLDER
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load_config(name: str | Path) -> Config:
    """A configuration of the package by its name, or the one in a TOML file.

    Raises:
        ConfigError: for an unknown name or key, or a value of the wrong type.
    """
    if str(name) in config_names():
        text = (resources.files("nb301_ogb") / _FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    else:
        path = Path(name)
        if not path.is_file():
            msg = (
                f"there is no configuration {str(name)!r}; there are {', '.join(config_names())}, or give a TOML file."
            )
            raise ConfigError(msg)
        text = path.read_text(encoding="utf-8")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        msg = f"the configuration {str(name)!r} is no TOML: {error}."
        raise ConfigError(msg) from error
    return from_values(values, str(name))


def from_values(values: dict[str, Any], where: str) -> Config:
    """A configuration from plain values, whose `kind` says which sort it is.

    Raises:
        ConfigError: for an unknown key, or a value of the wrong type.
    """
    values = dict(values)
    kind = values.pop("kind", "gnn")
    if kind not in _KINDS:
        msg = f"{where}: kind = {kind!r} is unknown; allowed are {', '.join(_KINDS)}."
        raise ConfigError(msg)
    return change(_KINDS[kind](), values, where)


def change(config: Config, values: dict[str, Any], where: str) -> Config:
    """The configuration with some values replaced; None leaves a value as it is.

    Raises:
        ConfigError: for an unknown key, or a value of the wrong type.
    """
    fields = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    given = {key: value for key, value in values.items() if value is not None}
    for key, value in given.items():
        if key not in fields:
            msg = f"{where}: there is no setting {key!r}; there are {', '.join(fields)}."
            raise ConfigError(msg)
        given[key] = _as(type(fields[key]), value, f"{where}: {key}")
    return dataclasses.replace(config, **given)


def _as(kind: type, value: Any, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is tuple and isinstance(value, list | tuple):
        return tuple(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        msg = f"{where} = {value!r} is no {kind.__name__}."
        raise ConfigError(msg)
    return value


def to_toml(config: Config, head: dict[str, Any]) -> str:
    """The configuration as TOML, after some values that head it (dataset, split, seed)."""
    lines = [f"{key} = {_toml(value)}" for key, value in head.items()]
    lines += ["", "[config]", f'kind = "{config.kind}"']
    tables = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if isinstance(value, dict):
            tables += ["", f"[config.{field.name}]", *(f"{key} = {_toml(one)}" for key, one in value.items())]
        else:
            lines.append(f"{field.name} = {_toml(value)}")
    return "\n".join(lines + tables) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
