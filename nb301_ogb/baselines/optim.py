"""One step of training: learning rate, mixed precision, gradient clipping."""

from __future__ import annotations

import contextlib
import math

import torch
from torch import Tensor, nn

from nb301_ogb.baselines.settings import NetworkConfig
from nb301_ogb.errors import ConfigError

PRECISIONS = ("off", "auto", "bf16", "fp16")
_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def resolve_precision(name: str, device: torch.device) -> str:
    """`off`, `bf16` or `fp16`: for `auto` what the device computes well (bfloat16 but on GPUs before Ampere).

    Raises:
        ConfigError: for a precision that does not exist.
    """
    if name not in PRECISIONS:
        msg = f"amp = {name!r} is no choice; allowed are {', '.join(PRECISIONS)}."
        raise ConfigError(msg)
    if name != "auto":
        return name
    old = device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False)
    return "fp16" if old else "bf16"


def learning_rate(step: int, steps: int, highest: float, warmup: float) -> float:
    """The learning rate of a step: a linear rise over the warm-up, then a cosine that reaches 0 after the last step.

    Args:
        step: counted from 0.
        steps: of the whole training.
        highest: reached at the end of the warm-up.
        warmup: its share of all steps.
    """
    rise = max(1, round(warmup * steps))
    if step < rise:
        return highest * ((step + 1) / rise)
    return highest * (0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1, steps - rise)))))


class Stepper:
    """AdamW with the learning rate, the precision and the clipping that a configuration asks for.

    Args:
        network: whose parameters are trained.
        config: of the training.
        device: where the network computes.
        steps: of the whole training.

    Attributes:
        optimizer: AdamW (Loshchilov & Hutter, ICLR 2019).
        scaler: keeps gradients in half precision from vanishing; switched off for other precisions.
        step: the steps taken so far.
    """

    def __init__(self, network: nn.Module, config: NetworkConfig, device: torch.device, steps: int) -> None:
        self._config = config
        self._device = device
        self._steps = steps
        self._parameters = list(network.parameters())
        self._dtype = _DTYPES.get(resolve_precision(config.amp, device))
        # One kernel for all parameters: on small networks the step else takes a fifth of the time.
        self.optimizer = torch.optim.AdamW(self._parameters, lr=config.lr, weight_decay=config.weight_decay, fused=True)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self._dtype is torch.float16)
        self.step = 0

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return learning_rate(self.step, self._steps, self._config.lr, self._config.warmup)

    def precision(self) -> contextlib.AbstractContextManager[None]:
        """Within it a forward pass computes in the chosen precision."""
        if self._dtype is None:
            return contextlib.nullcontext()
        return torch.autocast(self._device.type, self._dtype)

    def descend(self, loss: Tensor) -> None:
        """Takes one step down a loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        if self._config.grad_clip > 0:
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self._parameters, self._config.grad_clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.step += 1
