"""What a run ran on: versions, hardware, command."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from nb301_ogb._version import __version__

_LIBRARIES = ("torch", "torch-geometric", "numpy", "scipy", "h5py", "lightgbm", "xgboost", "xgboost-cpu")


def environment(command: str | None = None) -> dict[str, Any]:
    """Versions, hardware and the command line, as plain values for JSON.

    Args:
        command: in place of this process's, where another one asked for the work.
    """
    versions = {}
    for library in _LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return {
        "nb301_ogb": __version__,
        "python": platform.python_version(),
        "libraries": versions,
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "gpu": _gpu(),
        "processes": _processes(),
        "command": command_line() if command is None else command,
    }


def command_line() -> str:
    """What this process was called with, as a shell reads it."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _gpu() -> str | None:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return str(torch.cuda.get_device_name(0))


def _processes() -> int:
    """How many processes train together."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return 1
    return int(distributed.get_world_size())
