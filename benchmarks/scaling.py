"""How opening, an epoch of loading, and memory grow from a thousand to a million DARTS graphs.

    python -m benchmarks.scaling --json scaling.json

Each size is a process of its own. Memory is what opening adds, and per graph; PyG's own figure is that of the same
graphs as a list of `Data` objects, measured on at most 10,000 of them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.common import machine, write
from benchmarks.shapes import dataset_file

_ONE = """
import gc, json, resource, sys, time
import torch, torch_geometric.loader
from nb301_ogb import FastDataLoader, PygGraphPropPredDataset

def resident():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * resource.getpagesize()

gc.collect()
before = resident()
begin = time.perf_counter()
data = PygGraphPropPredDataset("ogbg-nb301", meta_dict={"dir_path": sys.argv[1]})
opened = time.perf_counter() - begin
gc.collect()
added = resident() - before
loader = FastDataLoader(data, batch_size=256, shuffle=True)
begin = time.perf_counter()
for batch in loader:
    pass
epoch = time.perf_counter() - begin
few = min(len(data), 10_000)
gc.collect()
start = resident()
items = [data.get(row).clone() for row in range(few)]
data._data_list = None
each = (resident() - start) / few
print(json.dumps({"graphs": len(data), "open_seconds": opened, "epoch_seconds": epoch,
                  "graphs_per_second": len(data) / epoch, "bytes_per_graph": added / len(data),
                  "pyg_list_bytes_per_graph": each}))
"""


def measure(graphs: int) -> dict[str, Any]:
    """The figures for one size."""
    with tempfile.TemporaryDirectory() as name:
        path = dataset_file(Path(name), "ogbg-nb301", graphs)
        command = [sys.executable, "-W", "ignore", "-c", _ONE, str(path.parent)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        found = json.loads(done.stdout)
        return found | {"file_bytes_per_graph": path.stat().st_size / graphs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures = {"scaling": [measure(graphs) for graphs in arguments.graphs]}
    print(json.dumps(figures, indent=1))
    if arguments.json is not None:
        write(arguments.json, {"machine": machine(), **figures})


if __name__ == "__main__":
    main()
