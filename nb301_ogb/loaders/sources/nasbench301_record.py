"""One record of NAS-Bench-301: what is read of its JSON, and what it must be to count.

A record is an object with the keys `optimized_hyperparamater_config` (spelt so), `budget`, `info` (a list whose first
entry holds the validation accuracy), `test_accuracy` and `runtime`; whatever else it holds is passed over.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from nb301_ogb.errors import ArchitectureError
from nb301_ogb.spaces.darts import code_from_configuration
from nb301_ogb.spaces.darts_configuration import PREFIX

FIDELITY = {
    "layers": (PREFIX + "layers", 8),
    "init_channels": (PREFIX + "init_channels", 32),
    "T_max": ("SimpleLearningrateSchedulerSelector:cosine_annealing:T_max", 100),
}
"""The configuration keys that tell how a network was trained, and what NAS-Bench-301 has there."""

BUDGET = 100
"""Epochs of a training."""

_FIDELITY_KEYS = tuple(key for key, _ in FIDELITY.values())
_FIDELITY_VALUES = (BUDGET, *(value for _, value in FIDELITY.values()))

MAX_RUNTIME = 1e6
"""Seconds; trainings took 2,000 to 13,000."""

MAX_COUNT = 1 << 53
PERCENT = "from 0 to 100 percent"
SECONDS = f"above 0 and up to {MAX_RUNTIME:,.0f} seconds"


class Rejection(Exception):
    """A record that does not count.

    Attributes:
        reason: the same for all records with the same fault.
        detail: what is at fault in this one.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Info(msgspec.Struct, gc=False):
    """The first entry of a record's `info`."""

    val_accuracy: float
    model_parameters: Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)] | None = None
    train_loss: float | None = None


class Record(msgspec.Struct, gc=False):
    """What is read of a record."""

    optimized_hyperparamater_config: dict[str, Any]
    budget: float
    info: Annotated[list[Info], msgspec.Meta(min_length=1)]
    test_accuracy: float
    runtime: float

    @property
    def curves(self) -> dict[str, Any]:
        """The learning curves by name; none are read here."""
        return {}


class LoggedRecord(Record, gc=False):
    """What is read of a record of the release with full logs."""

    learning_curves: dict[str, Any] = {}

    @property
    def curves(self) -> dict[str, Any]:
        """The learning curves by name, unchecked."""
        return self.learning_curves


def record_reader(full_logs: bool) -> Callable[[bytes], tuple[Record, bytes]]:
    """A function from the bytes of a record to what is read of it, and the architecture's code as 32 bytes.

    The function raises `Rejection` for a record that does not count.
    """
    kind: type[Record] = LoggedRecord if full_logs else Record
    decoder = msgspec.json.Decoder(kind)

    def read(data: bytes) -> tuple[Record, bytes]:
        try:
            record = decoder.decode(data)
        except msgspec.ValidationError as error:
            raise _unlike(error) from error
        except (msgspec.DecodeError, RecursionError) as error:
            record = _with_nan(data, kind, error)
        return record, _checked(record)

    return read


def _with_nan(data: bytes, kind: type[Record], error: Exception) -> Record:
    """A record with `NaN` or `Infinity`, which Python writes into JSON and strict readers refuse."""
    if not data.strip():
        raise Rejection("empty") from error
    try:
        return msgspec.convert(json.loads(data), kind)
    except msgspec.ValidationError as invalid:
        raise _unlike(invalid) from error
    except (ValueError, RecursionError):
        cut_off = "truncated" in str(error)
        raise Rejection("JSON that is cut off" if cut_off else "no JSON", str(error)) from error


def _unlike(error: msgspec.ValidationError) -> Rejection:
    # The number of a list's entry would make a reason of its own for every number.
    return Rejection("not of a record's form: " + re.sub(r"\[\d+\]", "[]", str(error)))


def _checked(record: Record) -> bytes:
    config = record.optimized_hyperparamater_config
    if (record.budget, *map(config.get, _FIDELITY_KEYS)) != _FIDELITY_VALUES:
        raise _another_fidelity(record)
    _check(0.0 <= record.info[0].val_accuracy <= 100.0, "val_accuracy", record.info[0].val_accuracy, PERCENT)
    _check(0.0 <= record.test_accuracy <= 100.0, "test_accuracy", record.test_accuracy, PERCENT)
    _check(0.0 < record.runtime <= MAX_RUNTIME, "runtime", record.runtime, SECONDS)
    try:
        return code_from_configuration(config)
    except ArchitectureError as error:
        raise Rejection("no architecture of the space", str(error)) from error


def _another_fidelity(record: Record) -> Rejection:
    found = (record.budget, *map(record.optimized_hyperparamater_config.get, _FIDELITY_KEYS))
    told = [
        (name, f"{name} is {value!r}, not {wanted}")
        for name, value, wanted in zip(("budget", *FIDELITY), found, _FIDELITY_VALUES, strict=True)
        if value != wanted
    ]
    return Rejection(f"another fidelity ({', '.join(name for name, _ in told)})", ", ".join(text for _, text in told))


def _check(ok: bool, name: str, value: float, allowed: str) -> None:
    if not ok:
        raise Rejection(f"{name} is NaN" if math.isnan(value) else f"{name} is not {allowed}", f"{value:g}")
