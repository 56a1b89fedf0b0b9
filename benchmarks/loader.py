"""Times FastDataLoader against PyG's DataLoader on graphs shaped as the datasets are.

    python -m benchmarks.loader --batch-sizes 32 256 --threads 1 0 --json loader.json

Batches are compared first. Then each repeat times epochs of both loaders one after the other, so that whatever else
the machine does falls on both; a first epoch has filled PyG's cache of graphs before. The figures are medians over the
repeats.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import Data, InMemoryDataset
from torch_geometric.loader import DataLoader

from benchmarks.common import machine, write
from nb301_ogb import FastDataLoader
from nb301_ogb.loaders.batching.identity import difference


class _ArrayDataset(InMemoryDataset):
    def __init__(self, data: Data, slices: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self._data, self.slices = data, slices


def nb301(graphs: int) -> InMemoryDataset:
    """14 nodes and 26 edges each."""
    return _dataset(graphs, 14, torch.full((graphs,), 26))


def nb201(graphs: int) -> InMemoryDataset:
    """4 nodes and 0 to 6 edges each, as cells drawn uniformly have them (one op in five is `none`)."""
    rng = torch.Generator().manual_seed(0)
    return _dataset(graphs, 4, (torch.rand((graphs, 6), generator=rng) < 0.8).sum(1))


SHAPES: dict[str, Callable[[int], InMemoryDataset]] = {"nb301": nb301, "nb201": nb201}
GRAPHS = {"nb301": 46_537, "nb201": 15_625}
"""As many as the datasets have."""


def _dataset(graphs: int, nodes: int, edges: torch.Tensor) -> InMemoryDataset:
    rng = torch.Generator().manual_seed(1)
    ends = torch.cat([torch.zeros(1, dtype=torch.int64), edges.cumsum(0)])
    count = int(ends[-1])
    data = Data(
        edge_index=torch.randint(0, nodes, (2, count), generator=rng),
        edge_attr=torch.randint(0, 9, (count, 1), generator=rng),
        x=torch.randint(0, 4, (graphs * nodes, 2), generator=rng),
        y=torch.rand((graphs, 1), generator=rng),
    )
    data.num_nodes = graphs * nodes
    data._store._num_nodes = [nodes] * graphs
    every = torch.arange(graphs + 1)
    return _ArrayDataset(data, {"edge_index": ends, "edge_attr": ends, "x": every * nodes, "y": every})


def _seconds(loader: Any, epochs: int) -> float:
    begin = time.perf_counter()
    for _ in range(epochs):
        for _ in loader:
            pass
    return (time.perf_counter() - begin) / epochs


def _check(fast: Any, reference: Any) -> None:
    if fast.fallback_reason is not None:
        sys.exit(f"the fast loader does not gather: {fast.fallback_reason}")
    epochs = []
    for loader in (fast, reference):
        torch.manual_seed(0)
        epochs.append(list(loader))
    for batch, expected in zip(*epochs, strict=True):
        found = difference(batch, expected)
        if found is not None:
            sys.exit(f"the loaders' batches differ in {found}")


def measure(shape: str, graphs: int, batch_size: int, repeats: int) -> dict[str, Any]:
    """One line of the table."""
    dataset = SHAPES[shape](graphs)
    fast = FastDataLoader(dataset, batch_size, shuffle=True)
    reference = DataLoader(dataset, batch_size, shuffle=True)
    _check(fast, reference)
    # As many fast epochs as take about as long as one of PyG's: what disturbs one then disturbs the other.
    epochs = max(1, round(_seconds(reference, 1) / _seconds(fast, 3)))
    times: dict[str, list[float]] = {"fast": [], "pyg": []}
    for _ in range(repeats):
        times["fast"].append(_seconds(fast, epochs))
        times["pyg"].append(_seconds(reference, 1))
    ratios = [pyg / quick for quick, pyg in zip(times["fast"], times["pyg"], strict=True)]
    return {
        "shape": shape,
        "graphs": graphs,
        "batch_size": batch_size,
        "threads": torch.get_num_threads(),
        "repeats": repeats,
        "fast_graphs_per_second": graphs / statistics.median(times["fast"]),
        "pyg_graphs_per_second": graphs / statistics.median(times["pyg"]),
        "ratio": statistics.median(ratios),
        "lowest_ratio": min(ratios),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[32, 256])
    parser.add_argument("--graphs", type=int, help="by default as many as the dataset of the shape has")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 0], help="0 for torch's default")
    parser.add_argument("--json", type=Path, help="a file to write the figures to")
    arguments = parser.parse_args()
    default_threads = torch.get_num_threads()
    rows = []
    print(
        f"{'shape':6} {'graphs':>7} {'batch':>6} {'threads':>8} {'fast graphs/s':>14} {'PyG graphs/s':>13} "
        f"{'ratio':>7} {'lowest':>7}"
    )
    for threads in arguments.threads:
        torch.set_num_threads(threads or default_threads)
        for shape in arguments.shapes:
            for batch_size in arguments.batch_sizes:
                row = measure(shape, arguments.graphs or GRAPHS[shape], batch_size, arguments.repeats)
                rows.append(row)
                print(
                    f"{shape:6} {row['graphs']:7} {batch_size:6} {row['threads']:8} "
                    f"{row['fast_graphs_per_second']:14,.0f} "
                    f"{row['pyg_graphs_per_second']:13,.0f} {row['ratio']:7.1f} {row['lowest_ratio']:7.1f}",
                    flush=True,
                )
    if arguments.json is not None:
        write(arguments.json, {"machine": machine(), "rows": rows})


if __name__ == "__main__":
    main()
