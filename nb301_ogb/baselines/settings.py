"""The settings of the reference models: one class for each sort of model."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from nb301_ogb.errors import ConfigError

LAST = "last"
"""The choice of the last epoch, in the place of a metric."""


def within(default: Any, *, least: float | None = None, most: float | None = None, above: float | None = None) -> Any:
    """A setting with bounds, which `check_bounds` holds: at least, at most, more than."""
    bounds = {"at least": least, "at most": most, "above": above}
    return dataclasses.field(
        default=default, metadata={name: value for name, value in bounds.items() if value is not None}
    )


def check_bounds(config: Any, where: str) -> None:
    """Refuses a setting whose value is out of its bounds, or no finite number.

    Args:
        config: the settings; those that are not made by `within` are only asked to be finite.
        where: they come from, for the message.

    Raises:
        ConfigError: naming the setting, its value, and what is allowed.
    """
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if isinstance(value, float) and not math.isfinite(value):
            msg = f"{where}: {field.name} = {value} is no finite number."
            raise ConfigError(msg)
        low, high, above = (field.metadata.get(name) for name in ("at least", "at most", "above"))
        if (low is None or value >= low) and (high is None or value <= high) and (above is None or value > above):
            continue
        allowed = " and ".join(f"{name} {bound:g}" for name, bound in field.metadata.items())
        msg = f"{where}: {field.name} = {value} is out of range; allowed is {allowed}."
        raise ConfigError(msg)


@dataclass(frozen=True)
class NetworkConfig:
    """The training of a network by mini-batches.

    Attributes:
        batch_size: rows in a training step, over all processes together.
        epochs: passes over the training part, at most.
        num_workers: of the data loader.
        loss: `l1`, `mse` or `huber` on standardised labels; each with `+hinge` for a ranking loss beside it; or
            `log_error+hinge`, the loss of the NAS-Bench-301 surrogates (see `nb301_ogb.baselines.losses`).
        margin: of the hinge: in standard deviations of the label, for `log_error+hinge` in fractions of accuracy.
        label_scale: `linear`, `log`, or `log_error` (of 100 - accuracy), on which labels are standardised.
        lr: of AdamW, at its highest.
        weight_decay: of AdamW.
        warmup: share of all steps in which the learning rate rises to `lr`; afterwards it falls along a cosine to 0.
        grad_clip: the largest norm of all gradients together; longer ones are shortened to it, 0 leaves them alone.
        amp: mixed precision: `off`, `bf16`, `fp16` (with a scaled loss), or `auto` for what the device does best.
        patience: epochs without a better validation score after which training ends.
        select: the metric by which validation chooses the epoch, or `last` for the last epoch whatever validation says.
    """

    batch_size: int = within(32, least=1)
    epochs: int = within(100, least=1)
    num_workers: int = within(0, least=0)
    loss: str = "l1"
    margin: float = within(0.1, least=0)
    label_scale: str = "linear"
    lr: float = within(1e-3, above=0)
    weight_decay: float = within(0.0, least=0)
    warmup: float = within(0.0, least=0, most=1)
    grad_clip: float = within(0.0, least=0)
    amp: str = "off"
    patience: int = within(50, least=1)
    select: str = "rmse"


@dataclass(frozen=True)
class GNNConfig(NetworkConfig):
    """A graph neural network and its training (see also `NetworkConfig`).

    The names are those of OGB's examples where these have one. Of them `diffpool` has no use for `norm` (it has
    LayerNorm), `graph_pooling`, `JK` and `residual`.

    Attributes:
        gnn: `gin`, `gin-virtual`, `gcn`, `gcn-virtual` or `diffpool`.
        num_layer: message-passing layers; of `diffpool`, in each of its blocks.
        emb_dim: their width.
        drop_ratio: dropout after each layer.
        loader: `fast` for this package's data loader, `pyg` for PyG's; the batches are the same.
        graph: `raw`, or `canonical` for the space's canonical graphs, which are equal for equivalent architectures.
        feature: `full`, or `simple` for the node and edge types alone.
        norm: `batch` (as OGB) or `layer`.
        graph_pooling: `sum`, `mean` or `max`.
        JK: `last` or `sum`.
        residual: whether each layer's input is added to its output.
    """

    gnn: str = "gin"
    num_layer: int = within(5, least=1)
    emb_dim: int = within(300, least=1)
    drop_ratio: float = within(0.5, least=0, most=1)
    loader: str = "fast"
    graph: str = "raw"
    feature: str = "full"
    norm: str = "batch"
    graph_pooling: str = "mean"
    JK: str = "last"
    residual: bool = False

    kind = "gnn"


@dataclass(frozen=True)
class MLPConfig(NetworkConfig):
    """A plain feed-forward network on encoded architectures, and its training (see also `NetworkConfig`).

    Attributes:
        encoding: names of the feature blocks, see `nb301_ogb.baselines.encodings`; none for the space's default.
        num_layer: hidden layers.
        emb_dim: their width.
        drop_ratio: dropout after each of them.
        norm: `batch`, `layer` or `none`.
    """

    encoding: tuple[str, ...] = ()
    num_layer: int = within(3, least=1)
    emb_dim: int = within(128, least=1)
    drop_ratio: float = within(0.0, least=0, most=1)
    norm: str = "layer"

    kind = "mlp"


@dataclass(frozen=True)
class TreeConfig:
    """An ensemble of trees and its training.

    Attributes:
        library: `lightgbm`, `xgboost`, `random_forest` or `ngboost`.
        encoding: names of the feature blocks, see `nb301_ogb.baselines.encodings`; none for the space's default.
        rounds: trees, at most; of `ngboost` one for each of its two parameters, of `random_forest` exactly so many.
        patience: rounds without a better validation loss after which training ends; not used by `random_forest`.
        label_scale: `linear`, `log`, or `log_error` (of 100 - accuracy), on which the trees are fitted.
        params: handed to the library as they are.
    """

    library: str = "lightgbm"
    encoding: tuple[str, ...] = ()
    rounds: int = within(3000, least=1)
    patience: int = within(100, least=1)
    label_scale: str = "linear"
    params: dict[str, Any] = dataclasses.field(default_factory=dict)

    kind = "trees"


@dataclass(frozen=True)
class SVRConfig:
    """Support vector regression with a Gaussian kernel, on standardised labels.

    Attributes:
        variant: `svr` (epsilon-SVR) or `nu_svr`.
        encoding: names of the feature blocks, see `nb301_ogb.baselines.encodings`; none for the space's default.
        label_scale: `linear`, `log`, or `log_error` (of 100 - accuracy), on which labels are standardised.
        C: the weight of errors against flatness.
        epsilon: of `svr`: errors up to so many standard deviations of the label cost nothing.
        nu: of `nu_svr`: the least share of support vectors, and the largest of errors.
        gamma: of the kernel exp(-gamma |x - y|^2); 0 for 1 / (features x their variance).
        shrinking: whether the solver leaves aside what it takes for settled.
    """

    variant: str = "svr"
    encoding: tuple[str, ...] = ()
    label_scale: str = "linear"
    C: float = within(1.0, above=0)
    epsilon: float = within(0.1, least=0)
    nu: float = within(0.5, above=0, most=1)
    gamma: float = within(0.0, least=0)
    shrinking: bool = True

    kind = "svr"
