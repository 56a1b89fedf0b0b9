"""Checkpoints: one file that holds where a fit stands, so that an interrupted one goes on as if nothing had happened.

A checkpoint is a safetensors file. Its tensors are whatever the fit needs; its header holds JSON under `state`, under
`about` what the fit is of (settings, data, seed), so that no other fit goes on from it, and a digest of tensors and
state, since a fit that goes on from a damaged file would end elsewhere unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from nb301_ogb.errors import ConfigError, OutputError

_FORMAT = "nb301-ogb-checkpoint-1"
_LARGEST_SHARE = 0.1
"""Of the time, that writing checkpoints may take."""


class Checkpoint:
    """The checkpoint of one fit.

    Args:
        path: of the file.
        about: what the fit is of, plain values for JSON.
    """

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self.path = path
        self._about = about
        self._next = 0.0

    def read(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The tensors and the state that were written last; None where there is no file.

        Raises:
            ConfigError: where the file is damaged, or is the checkpoint of another fit.
        """
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                head = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if head.get("format") != _FORMAT:
                raise ValueError(head.get("format"))
            if head["digest"] != _digest_of(tensors, head["state"]):
                raise ValueError("its bytes have changed")
            about, state = json.loads(head["about"]), json.loads(head["state"])
        except (OSError, SafetensorError, ValueError, KeyError) as error:
            msg = f"the checkpoint {self.path} cannot be read ({error}); remove it, or say --overwrite to start anew."
            raise ConfigError(msg) from error
        other = differences(about, json.loads(json.dumps(self._about)))
        if other:
            msg = (
                f"the checkpoint {self.path} is of another fit: {', '.join(other)}; say the same again to go on, or "
                "--overwrite to start anew."
            )
            raise ConfigError(msg)
        return tensors, state

    def due(self) -> bool:
        """Whether it is time to write: always, unless that would take more than a tenth of the time."""
        return time.perf_counter() >= self._next

    def write(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Puts the file in place of the last one, whole or not at all.

        Raises:
            OutputError: where the disk does not take it.
        """
        started = time.perf_counter()
        part = self.path.with_name(self.path.name + ".part")
        kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        head = {"format": _FORMAT, "about": json.dumps(self._about), "state": json.dumps(state)}
        try:
            save_file(kept, part, head | {"digest": _digest_of(kept, head["state"])})
            with open(part, "rb") as file:
                os.fsync(file.fileno())
            os.replace(part, self.path)
        except (OSError, SafetensorError) as error:
            msg = f"the checkpoint {self.path} cannot be written ({error}); free some space and say --resume to go on."
            raise OutputError(msg) from error
        ended = time.perf_counter()
        self._next = ended + (ended - started) / _LARGEST_SHARE

    def remove(self) -> None:
        """Removes the file, and what an interrupted write has left."""
        remove_checkpoint(self.path)


def _digest_of(tensors: dict[str, Tensor], state: str) -> str:
    names = sorted(tensors)
    text = np.frombuffer("\n".join([*names, state]).encode(), dtype=np.uint8)
    return digest([text, *(tensors[name].numpy() for name in names)])


def remove_checkpoint(path: Path) -> None:
    """Removes a checkpoint file if it is there, and what an interrupted write has left."""
    path.unlink(missing_ok=True)
    path.with_name(path.name + ".part").unlink(missing_ok=True)


def differences(first: Any, second: Any, name: str = "") -> list[str]:
    """Where two plain values differ, as `name: first, now second` for people; long values are not shown."""
    if isinstance(first, dict) and isinstance(second, dict):
        keys = [*first, *(key for key in second if key not in first)]
        return [one for key in keys for one in differences(first.get(key), second.get(key), key)]
    if first == second:
        return []
    shown = [repr(value) for value in (first, second)]
    return [f"{name}: {shown[0]}, now {shown[1]}" if max(map(len, shown)) <= 40 else f"other {name}"]


def digest(arrays: Iterable[NDArray]) -> str:
    """A digest of the types, the shapes and the values of arrays."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype.str}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()
