"""Times forward and backward of the GIN baseline as it is, and compiled by torch.compile.

python -m benchmarks.compiled --json compiled.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from benchmarks.common import in_turn, machine, seconds, write
from nb301_ogb import FastDataLoader, PygGraphPropPredDataset
from nb301_ogb.baselines.config import load_config
from nb301_ogb.baselines.gnn_model import GNNModel


def measure(name: str, repeats: int) -> dict[str, Any]:
    """Seconds for the training part's batches, plain and compiled, and for the compilation."""
    data = PygGraphPropPredDataset(name)
    batches = list(FastDataLoader(data[data.get_idx_split()["train"]], batch_size=128))
    network = GNNModel(load_config("gin"), data.space.name, device="cpu").network
    compiled = torch.compile(network, dynamic=True)

    def run(model: Any) -> None:
        for batch in batches:
            (model(batch) - batch.y).abs().mean().backward()

    run(network)
    first = seconds(lambda: run(compiled))
    return {"dataset": name, "first_seconds": first, **in_turn(lambda: run(compiled), lambda: run(network), repeats)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="ogbg-nb201-cifar10")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    figures = {"compiled": measure(arguments.dataset, arguments.repeats)}
    print(json.dumps(figures, indent=1))
    if arguments.json is not None:
        write(arguments.json, {"machine": machine(), **figures})


if __name__ == "__main__":
    main()
