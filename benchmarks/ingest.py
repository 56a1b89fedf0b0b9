"""Times building ogbg-nb301 from a raw archive against reading the same archive with the standard library.

    python -m benchmarks.ingest ARCHIVE.zip SPLITS_FOLDER --json ingest.json

`json`: every record unzipped and parsed by a plain loop with the json module. `msgspec`: unzipped and decoded by
msgspec without a schema, which is about what unzipping and parsing alone must cost.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.common import machine, seconds, write
from nb301_ogb.loaders.build_nb301 import build


def _plain(archive: Path, decode: Any) -> int:
    with zipfile.ZipFile(archive) as file:
        names = [name for name in file.namelist() if name.endswith(".json")]
        return sum(1 for name in names if decode(file.read(name)) is not None)


def measure(archive: Path, splits: Path, repeats: int) -> dict[str, Any]:
    """The three times, in turn, and the building process's peak memory."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "ogbg-nb301-v1.h5"
        for _ in range(repeats):
            built = seconds(lambda: build(archive, splits, output))
            loop = seconds(lambda: _plain(archive, json.loads))
            parse = seconds(lambda: _plain(archive, msgspec.json.decode))
            rows.append((built, loop, parse))
    built, loop, parse = (statistics.median(column) for column in zip(*rows, strict=True))
    return {
        "build_seconds": built,
        "json_seconds": loop,
        "msgspec_seconds": parse,
        "build_over_json": statistics.median(row[0] / row[1] for row in rows),
        "build_over_msgspec": statistics.median(row[0] / row[2] for row in rows),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "repeats": repeats,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("splits", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures = {"ingest": measure(arguments.archive, arguments.splits, arguments.repeats)}
    print(json.dumps(figures, indent=1))
    if arguments.json is not None:
        write(arguments.json, {"machine": machine(), **figures})


if __name__ == "__main__":
    main()
