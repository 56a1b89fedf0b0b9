"""What two runs of one job must have in common."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def content(folder: Path) -> dict[str, Any]:
    """The files of a run, without times and without what tells of the machine."""
    found: dict[str, Any] = {path.name: path.read_bytes() for path in folder.iterdir()}
    del found["environment.json"], found["report.html"]
    lines = [json.loads(line) for line in found["metrics.jsonl"].splitlines()]
    found["metrics.jsonl"] = [{key: one for key, one in line.items() if key != "seconds"} for line in lines]
    return found
