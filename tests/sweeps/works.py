"""What the workers of these tests do; in a module of its own, so that other processes find it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from nb301_ogb.errors import ConfigError


def double(number: int) -> int:
    return 2 * number


def complain(number: int) -> int:
    if number == 1:
        msg = "one is too small; give more."
        raise ConfigError(msg)
    if number == 2:
        msg = "two\nlines"
        raise KeyError(msg)
    return number


def die_once(path: str) -> str:
    if not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path


def die(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds
