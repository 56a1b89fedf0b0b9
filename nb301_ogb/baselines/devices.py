"""Where torch computes, and the parts of its state that a model borrows and gives back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from nb301_ogb.errors import ConfigError


def resolve_device(name: str) -> torch.device:
    """The device of that name; `auto` is a GPU if there is one, otherwise the CPU.

    Raises:
        ConfigError: for a device that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        msg = f"there is no device {name!r}; write auto, cpu, cuda or cuda:N."
        raise ConfigError(msg)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        msg = f"there is no device {name!r}: torch sees {torch.cuda.device_count()} GPUs; write --device auto or cpu."
        raise ConfigError(msg)
    return device


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within it torch's random numbers come from the seed; afterwards its state is what it was before."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


@contextlib.contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Within it torch uses so many threads on the CPU; 0 leaves the number as it is."""
    before = torch.get_num_threads()
    if count in (0, before):  # the number is that of the whole process: it is left alone where it is right
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def deterministic() -> Iterator[None]:
    """Within it torch uses deterministic algorithms where it has them, and warns where it has none."""
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Fresh memory is always written before it is read here; filling it first would cost a tenth of the time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
