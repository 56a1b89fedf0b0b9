"""Configurations: what a training run is made of, read from TOML, changed by the command line, written back."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from nb301_ogb.baselines.settings import (
    LAST,
    GNNConfig,
    MLPConfig,
    NetworkConfig,
    SVRConfig,
    TreeConfig,
    check_bounds,
    within,
)
from nb301_ogb.errors import ConfigError
from nb301_ogb.spaces import space_names

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "Config", "EnsembleConfig", "GNNConfig", "MLPConfig", "NetworkConfig", "SVRConfig", "TreeConfig",
    "change", "config_names", "from_values", "load_config", "to_toml",
]  # fmt: skip

_FOLDER = "baselines/configs"


@dataclass(frozen=True)
class EnsembleConfig:
    """A deep ensemble: members on folds of the training part (Lakshminarayanan et al., NeurIPS 2017).

    Attributes:
        member: the configuration of every member, by its name in the package.
        size: members, and folds.
        epochs: of each member, where it has any; 0 leaves them as its configuration says.
        select: of a network, the metric by which its fold chooses the epoch, or `last` for the last one. A fold may
            hold the one component of its kind, such as all architectures without a path, which would then choose.
    """

    member: str = "gin"
    size: int = within(10, least=2)
    epochs: int = within(0, least=0)
    select: str = LAST

    kind = "ensemble"


Config = GNNConfig | MLPConfig | TreeConfig | SVRConfig | EnsembleConfig
_KINDS: dict[str, type[Config]] = {
    one.kind: one for one in (GNNConfig, MLPConfig, TreeConfig, SVRConfig, EnsembleConfig)
}


def config_names() -> tuple[str, ...]:
    """The names of the configurations that the package brings."""
    folder = resources.files("nb301_ogb") / _FOLDER
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load_config(name: str | Path, space: str | None = None) -> Config:
    """A configuration of the package by its name, or the one in a TOML file.

    Args:
        name: of the package's configuration, or of the file.
        space: a search space's name; settings in the file's table `[space.<name>]` then replace the others.

    Raises:
        ConfigError: for an unknown name or key, or a value of the wrong type or out of range.
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
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            msg = f"the configuration {path} cannot be read ({error}); give a TOML file in UTF-8."
            raise ConfigError(msg) from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        msg = f"the configuration {str(name)!r} is no TOML: {error}."
        raise ConfigError(msg) from error
    return from_values(values, str(name), space)


def from_values(values: dict[str, Any], where: str, space: str | None = None) -> Config:
    """A configuration from plain values, whose `kind` says which sort it is.

    Args:
        values: the settings; `space` may hold a dictionary of other settings for each of some search spaces.
        where: they come from, for messages.
        space: the search space whose settings replace the others.

    Raises:
        ConfigError: for an unknown key, or a value of the wrong type or out of range.
    """
    values = dict(values)
    kind = values.pop("kind", "gnn")
    if not isinstance(kind, str) or kind not in _KINDS:
        msg = f"{where}: kind = {kind!r} is unknown; allowed are {', '.join(_KINDS)}."
        raise ConfigError(msg)
    by_space = values.pop("space", {})
    if not isinstance(by_space, dict) or not set(by_space) <= set(space_names()):
        msg = f"{where}: space = {by_space!r} holds no tables [space.<name>]; the names are {', '.join(space_names())}."
        raise ConfigError(msg)
    config = change(_KINDS[kind](), values, where)
    changed = {name: _merged(config, own, f"{where}: [space.{name}]") for name, own in by_space.items()}
    return changed.get(space or "", config)


def _merged(config: Config, values: Any, where: str) -> Config:
    """The configuration with some values replaced; tables such as `params` are changed key by key."""
    if not isinstance(values, dict):
        msg = f"{where} = {values!r} is no table."
        raise ConfigError(msg)
    tables = {key: getattr(config, key, None) for key, value in values.items() if isinstance(value, dict)}
    known = {key: {**old, **values[key]} for key, old in tables.items() if isinstance(old, dict)}
    return change(config, {**values, **known}, where)


def change(config: Config, values: dict[str, Any], where: str) -> Config:
    """The configuration with some values replaced; None leaves a value as it is.

    Raises:
        ConfigError: for an unknown key, or a value of the wrong type or out of range.
    """
    fields = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    given = {key: value for key, value in values.items() if value is not None}
    for key, value in given.items():
        if key not in fields:
            msg = f"{where}: there is no setting {key!r}; there are {', '.join(fields)}."
            raise ConfigError(msg)
        given[key] = _as(type(fields[key]), value, f"{where}: {key}")
    changed = dataclasses.replace(config, **given)
    check_bounds(changed, where)
    return changed


def _as(kind: type, value: Any, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is tuple and isinstance(value, list | tuple):
        return tuple(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        msg = f"{where} = {value!r} is no {kind.__name__}."
        raise ConfigError(msg)
    return value


def read_config(path: Path) -> Config:
    """The configuration in a file that `to_toml` wrote.

    Raises:
        ConfigError: where it is no such file.
    """
    try:
        return from_values(tomllib.loads(path.read_text(encoding="utf-8"))["config"], str(path))
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        msg = f"{path} holds no configuration ({error}); give a folder that this package wrote."
        raise ConfigError(msg) from error


def to_toml(config: Config, head: dict[str, Any] | None = None) -> str:
    """The configuration as TOML, after some values that head it (dataset, split, seed).

    With a head the configuration is the table `[config]`; without one it is a file that `load_config` reads.
    """
    lines = [f"{key} = {_toml(value)}" for key, value in (head or {}).items()]
    if head is not None:
        lines += ["", "[config]"]
    lines.append(f'kind = "{config.kind}"')
    tables = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if isinstance(value, dict):
            table = field.name if head is None else f"config.{field.name}"
            tables += ["", f"[{table}]", *(f"{key} = {_toml(one)}" for key, one in value.items())]
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
