"""Times opening a dataset of 46,537 DARTS graphs: this package against ogb on an export of the same file.

    python -m benchmarks.opening --json opening.json

Each is a process of its own; imports do not count on either side. ogb's first construction reads its raw files and
makes its processed one; its second reads that. ogb 1.3.6 opens nothing on torch >= 2.6 unless
TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1 is set, as it is here. Start-up and memory of this package are measured beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.common import machine, write
from benchmarks.shapes import dataset_file
from nb301_ogb.loaders.export import export
from nb301_ogb.storage.read import DatasetFile

_OURS = """
import json, sys, time
begin = time.perf_counter()
import nb301_ogb
imported = time.perf_counter() - begin
assert "torch" not in sys.modules
import torch, torch_geometric.loader

def memory(word):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(word)) / 1024

from nb301_ogb import FastDataLoader, PygGraphPropPredDataset
before = memory("VmRSS")
begin = time.perf_counter()
data = PygGraphPropPredDataset(sys.argv[1], meta_dict={"dir_path": sys.argv[2]})
opened = time.perf_counter() - begin
rows = data.get_idx_split()["train"]
batch = next(iter(FastDataLoader(data[rows], batch_size=256, shuffle=True)))
first = time.perf_counter() - begin
peak = memory("VmHWM")
print(json.dumps({"import": imported, "open": opened, "first_batch": first, "graphs": len(data),
                  "peak_mb": peak, "added_mb": memory("VmRSS") - before,
                  "sum": int(data._data.edge_index.sum()), "labels": float(data._data.y.double().sum())}))
"""

_OGB = """
import json, sys, time
sys.modules["outdated"] = None
import torch
from ogb.graphproppred import PygGraphPropPredDataset
meta = torch.load(sys.argv[2] + "/meta_dict.pt", weights_only=True)
begin = time.perf_counter()
data = PygGraphPropPredDataset(sys.argv[1], meta_dict=meta)
opened = time.perf_counter() - begin
print("@" + json.dumps({"open": opened, "graphs": len(data), "sum": int(data._data.edge_index.sum()),
                        "labels": float(data._data.y.double().sum())}))
"""


def _run(code: str, *arguments: str) -> dict[str, Any]:
    environment = os.environ | {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.strip().splitlines()[-1].lstrip("@"))


def _best(code: str, repeats: int, *arguments: str) -> dict[str, Any]:
    found = [_run(code, *arguments) for _ in range(repeats)]
    return {key: min(one[key] for one in found) for key in found[0]}


def measure(folder: Path, graphs: int, repeats: int) -> dict[str, Any]:
    """Opening, start-up and memory on a dataset of so many graphs, and ogb's times on the same."""
    name = "ogbg-nb301"
    path = dataset_file(folder / "ours", name, graphs)
    ours = _best(_OURS, repeats, name, str(path.parent))
    export(DatasetFile(path), "ogb", folder / "ogb")
    first = _run(_OGB, name, str(folder / "ogb"))
    again = _best(_OGB, repeats, name, str(folder / "ogb"))
    for one in (first, again):
        if (one["graphs"], one["sum"]) != (ours["graphs"], ours["sum"]) or abs(one["labels"] - ours["labels"]) > 1:
            sys.exit("ogb read other data than this package")
    return {
        "graphs": graphs,
        "ours": ours,
        "ogb_first_seconds": first["open"],
        "ogb_again_seconds": again["open"],
        "first_ratio": first["open"] / ours["open"],
        "again_ratio": again["open"] / ours["open"],
    }


def large(folder: Path, graphs: int) -> dict[str, Any]:
    """Opening and memory for as many graphs as NAS-Bench-101 has; these have 14 nodes, those at most 7."""
    path = dataset_file(folder / "large", "ogbg-nb301", graphs)
    return _run(_OURS, "ogbg-nb301", str(path.parent))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=int, default=46_537)
    parser.add_argument("--large", type=int, default=423_624)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        figures = {"opening": measure(Path(name), arguments.graphs, arguments.repeats)}
        figures["large"] = large(Path(name), arguments.large)
    print(json.dumps(figures, indent=1))
    if arguments.json is not None:
        write(arguments.json, {"machine": machine(), **figures})


if __name__ == "__main__":
    main()
