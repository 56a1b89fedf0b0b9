"""From a configuration to a model."""

from __future__ import annotations

from nb301_ogb.baselines.config import Config, GNNConfig
from nb301_ogb.baselines.model import Model
from nb301_ogb.errors import ConfigError


def make_model(config: Config, space: str, num_tasks: int = 1, device: str = "auto", threads: int = 1) -> Model:
    """The model that a configuration describes.

    Args:
        config: its settings.
        space: the search space's name.
        num_tasks: the columns of the label.
        device: for networks: `auto`, `cpu`, `cuda` or `cuda:N`.
        threads: how many the model may use on the CPU; 0 leaves it to its library.

    Raises:
        ConfigError: for a setting that does not exist.
        MissingExtraError: where the model's library is not installed.
    """
    if isinstance(config, GNNConfig):
        from nb301_ogb.baselines.gnn_model import GNNModel

        return GNNModel(config, space, num_tasks, device, threads)
    from nb301_ogb.baselines.trees import TREES

    if config.library not in TREES:
        msg = f"there is no tree library {config.library!r}; there are {', '.join(TREES)}."
        raise ConfigError(msg)
    return TREES[config.library](config, space, num_tasks, threads)
