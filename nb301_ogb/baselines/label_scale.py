"""How labels are put before a network: standardised, on a linear or a logarithmic scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nb301_ogb.errors import ConfigError

_FLOOR = 1e-3


@dataclass(frozen=True)
class _Scale:
    there: Callable[[Tensor], Tensor]
    back: Callable[[Tensor], Tensor]


# `log_error` is the scale of the NAS-Bench-301 surrogates: the logarithm of the error, here in percent.
SCALES = {
    "linear": _Scale(lambda y: y, lambda z: z),
    "log": _Scale(lambda y: torch.log(y.clamp(min=_FLOOR)), torch.exp),
    "log_error": _Scale(
        lambda y: torch.log((100.0 - y).clamp(min=_FLOOR)), lambda z: (100.0 - torch.exp(z)).clamp(min=0.0)
    ),
}


@dataclass
class LabelScale:
    """A scale, and the mean and spread of training labels on it.

    Attributes:
        kind: `linear`; `log` for positive targets over orders of magnitude; `log_error` for accuracies in percent.
        shift: float32 [num_tasks].
        spread: float32 [num_tasks].
    """

    kind: str
    shift: Tensor
    spread: Tensor

    @classmethod
    def fitted(cls, kind: str, labels: NDArray[np.float32]) -> LabelScale:
        """The scale with the mean and standard deviation of labels, float32 [G, num_tasks], NaN left out.

        Raises:
            ConfigError: where a label does not lie on the scale.
        """
        if kind not in SCALES:
            msg = f"there is no label scale {kind!r}; there are {', '.join(SCALES)}."
            raise ConfigError(msg)
        known = labels[~np.isnan(labels)]
        if not len(known):
            msg = "there is no measurement to fit a label scale to; choose another target or run."
            raise ConfigError(msg)
        if (kind == "log" and (known <= 0).any()) or (kind == "log_error" and (known >= 100).any()):
            msg = f"the label scale {kind!r} does not fit labels from {known.min():g} to {known.max():g}; use 'linear'."
            raise ConfigError(msg)
        values = SCALES[kind].there(torch.from_numpy(labels).double()).numpy()
        spread = np.nanstd(values, axis=0)
        spread[~(spread > 0)] = 1.0
        return cls(kind, torch.from_numpy(np.nanmean(values, axis=0)).float(), torch.from_numpy(spread).float())

    def to(self, device: torch.device) -> LabelScale:
        """The same scale on a device."""
        return LabelScale(self.kind, self.shift.to(device), self.spread.to(device))

    def there(self, labels: Tensor) -> Tensor:
        """Labels to what the network predicts."""
        return (SCALES[self.kind].there(labels) - self.shift) / self.spread

    def back(self, standard: Tensor) -> Tensor:
        """What the network predicts to labels."""
        return SCALES[self.kind].back(standard * self.spread + self.shift)
