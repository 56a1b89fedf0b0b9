"""Every benchmark in one command, and the picture of how things grow.

    python -m benchmarks --output docs/benchmarks [--archive ARCHIVE.zip --splits FOLDER]

Writes a JSON file for each benchmark and `scaling.svg`. Without an archive of NAS-Bench-301 the ingest is left out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from matplotlib.figure import Figure

ALL = ("loader", "opening", "evaluator", "epoch", "compiled", "query", "scaling")


def draw(rows: list[dict[str, float]], path: Path) -> None:
    """Opening, an epoch of loading, and memory over the number of graphs."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    graphs = [row["graphs"] for row in rows]
    left, right = figure.subplots(1, 2)
    left.loglog(graphs, [row["open_seconds"] for row in rows], "o-", color="#1f5fa8", label="opening")
    left.loglog(graphs, [row["epoch_seconds"] for row in rows], "s--", color="#c8551b", label="an epoch of batches")
    left.set(xlabel="graphs", ylabel="seconds")
    right.semilogx(graphs, [row["bytes_per_graph"] for row in rows], "o-", color="#1f5fa8", label="this package")
    right.semilogx(
        graphs, [row["pyg_list_bytes_per_graph"] for row in rows], "s--", color="#c8551b", label="Data objects"
    )
    right.set(xlabel="graphs", ylabel="bytes a graph", ylim=(0, None))
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#e6e8eb")
        axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("docs/benchmarks"))
    parser.add_argument("--archive", type=Path)
    parser.add_argument("--splits", type=Path)
    arguments = parser.parse_args()
    if (arguments.archive is None) != (arguments.splits is None):
        parser.error("give --archive and --splits together, or neither")
    arguments.output.mkdir(parents=True, exist_ok=True)
    commands = [(name, ()) for name in ALL]
    if arguments.archive is not None:
        commands.append(("ingest", (str(arguments.archive), str(arguments.splits))))
    for name, extra in commands:
        print(f"== {name}", flush=True)
        target = arguments.output / f"{name}.json"
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *extra, "--json", str(target)], check=True)
    scaling = json.loads((arguments.output / "scaling.json").read_text())["scaling"]
    draw(scaling, arguments.output / "scaling.svg")


if __name__ == "__main__":
    main()
