"""From a configuration to a model."""

from __future__ import annotations

from nb301_ogb.baselines.config import Config, EnsembleConfig, GNNConfig, MLPConfig, SVRConfig, TreeConfig
from nb301_ogb.baselines.model import Model
from nb301_ogb.baselines.settings import check_bounds
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
        ConfigError: for a setting that does not exist, or is out of range.
        MissingExtraError: where the model's library is not installed.
    """
    check_bounds(config, type(config).__name__)
    if isinstance(config, GNNConfig | MLPConfig):
        return _network(config, space, num_tasks, device, threads)
    if isinstance(config, EnsembleConfig):
        from nb301_ogb.baselines.ensemble import EnsembleModel

        return EnsembleModel(config, space, make_model, num_tasks, device, threads)
    if isinstance(config, SVRConfig):
        from nb301_ogb.baselines.svr import SVRModel

        return SVRModel(config, space, num_tasks, threads)
    return _trees(config, space, num_tasks, threads)


def _network(config: GNNConfig | MLPConfig, space: str, num_tasks: int, device: str, threads: int) -> Model:
    if isinstance(config, MLPConfig):
        from nb301_ogb.baselines.mlp import MLPModel

        return MLPModel(config, space, num_tasks, device, threads)
    from nb301_ogb.baselines.gnn_model import GNNModel

    return GNNModel(config, space, num_tasks, device, threads)


def _trees(config: TreeConfig, space: str, num_tasks: int, threads: int) -> Model:
    from nb301_ogb.baselines.ngboost_model import NGBoostModel
    from nb301_ogb.baselines.random_forest import RandomForestModel
    from nb301_ogb.baselines.trees import TREES

    found = {**TREES, "random_forest": RandomForestModel, "ngboost": NGBoostModel}
    if config.library not in found:
        msg = f"there is no tree library {config.library!r}; there are {', '.join(found)}."
        raise ConfigError(msg)
    return found[config.library](config, space, num_tasks, threads)
