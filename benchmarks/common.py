"""What the benchmarks share: pairs timed in turn, the machine's description, figures written whole or not at all."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch_geometric


def seconds(call: Callable[[], Any]) -> float:
    """How long one call takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def in_turn(ours: Callable[[], Any], theirs: Callable[[], Any], repeats: int) -> dict[str, float]:
    """Times two calls one after the other, several times: what else the machine does falls on both."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(repeats)]
    return {
        "ours_seconds": statistics.median(pair[0] for pair in pairs),
        "theirs_seconds": statistics.median(pair[1] for pair in pairs),
        "ratio": statistics.median(pair[1] / pair[0] for pair in pairs),
        "lowest_ratio": min(pair[1] / pair[0] for pair in pairs),
        "repeats": repeats,
    }


def machine() -> dict[str, Any]:
    """The machine and the versions that the figures belong to."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torch_geometric": torch_geometric.__version__,
    }


def write(path: Path, figures: dict[str, Any]) -> None:
    """Writes figures as JSON."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(figures, indent=1) + "\n")
    temporary.replace(path)
