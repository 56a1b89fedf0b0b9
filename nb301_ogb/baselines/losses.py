"""What a network is trained to make small: distances to the labels, and the order within a batch.

`l1`, `mse` and `huber` are means over the measured entries of a batch of |z - t|, (z - t)^2 and the Huber function of
z - t, where z is the prediction and t the label, both on the standardised label scale. With `+hinge` the mean over all
pairs of a batch with t_i > t_j of max(0, margin - (z_i - z_j)) is added.

`log_error+hinge` is the loss of the NAS-Bench-301 surrogates (Zela et al., ICLR 2022; their code is automl/nasbench301,
surrogate_models/gnn/gnn.py): with accuracies p and y as fractions,

    mean |log(1 - p) - log(1 - y)|  +  mean over pairs with y_i > y_j of max(0, margin - (p_i - p_j)),  margin = 0.1.

There pairs of equal labels count too, in the order that sorting leaves them in; here they do not, since there is no
order to be right about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from nb301_ogb.baselines.label_scale import LabelScale
from nb301_ogb.errors import ConfigError

_DISTANCES: dict[str, Callable[..., Tensor]] = {
    "l1": functional.l1_loss,
    "mse": functional.mse_loss,
    "huber": functional.smooth_l1_loss,
}
_LOG_ERROR = "log_error+hinge"
LOSSES = (*_DISTANCES, *(f"{name}+hinge" for name in _DISTANCES), _LOG_ERROR)


def check_loss(name: str, label_scale: str, num_tasks: int) -> None:
    """Checks that a loss exists and fits the labels.

    Raises:
        ConfigError: where it does not.
    """
    if name not in LOSSES:
        msg = f"loss = {name!r} is no choice; allowed are {', '.join(LOSSES)}."
        raise ConfigError(msg)
    if name == _LOG_ERROR and label_scale != "log_error":
        msg = f"loss = {name!r} is for accuracies in percent with label_scale = 'log_error', not {label_scale!r}."
        raise ConfigError(msg)
    if num_tasks < 1:
        msg = "a network predicts at least one target; choose one."
        raise ConfigError(msg)


@dataclass(frozen=True)
class Loss:
    """A loss of one batch.

    Attributes:
        name: one of `LOSSES`.
        scale: the label scale, on the device of the batches.
        margin: of the hinge.
    """

    name: str
    scale: LabelScale
    margin: float

    def __call__(self, predicted: Tensor, labels: Tensor) -> Tensor:
        """The loss, a scalar; 0 where nothing was measured.

        Args:
            predicted: float [B, num_tasks], on the standardised scale.
            labels: float [B, num_tasks], in the label's unit; NaN where there is no measurement.
        """
        wanted = self.scale.there(labels)
        known = ~torch.isnan(wanted)
        if self.name == _LOG_ERROR:
            gaps = (predicted - wanted.where(known, predicted)).abs() * self.scale.spread
            ranked = pairwise_hinge(self.scale.back(predicted) / 100, labels, self.margin)
            return gaps.sum() / known.sum().clamp(min=1) + ranked
        distance, _, ranking = self.name.partition("+")
        gaps = _DISTANCES[distance](predicted, wanted.where(known, predicted), reduction="none")
        loss = gaps.sum() / known.sum().clamp(min=1)
        return loss + pairwise_hinge(predicted, wanted, self.margin) if ranking else loss


def pairwise_hinge(values: Tensor, truth: Tensor, margin: float) -> Tensor:
    """The mean of max(0, margin - (v_i - v_j)) over all pairs of rows, in every column, with t_i > t_j.

    Args:
        values: float [B, num_tasks].
        truth: float [B, num_tasks]; rows with NaN are in no pair.
        margin: in the unit of the values.

    Returns:
        A scalar; 0 where there is no pair.
    """
    ahead = truth[:, None] > truth[None]
    short = torch.relu(margin - (values[:, None] - values[None]))
    return (short * ahead).sum() / ahead.sum().clamp(min=1)
