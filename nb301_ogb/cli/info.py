"""`nb301-ogb info`: one dataset in numbers."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import typer

from nb301_ogb.catalog import dataset_names, get_info
from nb301_ogb.cli.common import JsonOption, RootOption, console, open_dataset, print_json, print_table
from nb301_ogb.errors import ConfigError
from nb301_ogb.storage.read import DatasetFile

EXAMPLE = "Example: nb301-ogb info nb201-cifar10"


def run(
    name: Annotated[
        str | None, typer.Argument(help="A dataset's name, such as nb201-cifar10, or an HDF5 file.")
    ] = None,
    where: Annotated[
        bool,
        typer.Option("--where", help="Show where the files of a dataset, or of all, are looked for and what is there."),
    ] = False,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a dataset holds: graphs, targets, splits with their leaks, provenance."""
    if where:
        from nb301_ogb.cli.where import show_whereabouts, whereabouts

        found = whereabouts([get_info(one) for one in ([name] if name else dataset_names())], root)
        print_json(found) if as_json else show_whereabouts(found)
        return
    if name is None:
        msg = "say which dataset, such as nb201-cifar10; `nb301-ogb datasets` lists them, `info --where` their places."
        raise ConfigError(msg)
    file = open_dataset(name, root)
    facts = describe(file)
    if as_json:
        print_json(facts)
        return
    _show(facts)


def describe(file: DatasetFile) -> dict[str, Any]:
    """The facts about a dataset file as plain values."""
    head, graphs = file.header, file.graphs()
    nodes, edges = np.diff(graphs.node_ptr), np.diff(graphs.edge_ptr)
    targets = {}
    for name in file.target_names:
        target = file.target(name)
        values = target.values[~np.isnan(target.values)]
        targets[name] = {
            "unit": target.unit,
            "better": target.direction,
            "description": target.description,
            "columns": target.values.shape[1],
            "values": len(values),
            "min": float(values.min()),
            "median": float(np.median(values)),
            "max": float(values.max()),
        }
    splits = {}
    for name in file.split_names:
        split = file.split(name)
        splits[name] = {"rule": split.rule, "source": split.source, **split.statistics}
    return {
        "name": head.name,
        "version": head.version,
        "space": head.space,
        "file": str(file.path),
        "bytes": file.path.stat().st_size,
        "content_hash": file.content_hash,
        "created_with": file.attributes["created_with"],
        "graphs": file.num_graphs,
        "nodes_per_graph": [int(nodes.min()), float(nodes.mean()), int(nodes.max())],
        "edges_per_graph": [int(edges.min()), float(edges.mean()), int(edges.max())],
        "label": head.label,
        "targets": targets,
        "splits": splits,
        "sources": list(head.sources),
        "license": head.license,
        "citation": head.citation,
    }


def _show(facts: dict[str, Any]) -> None:
    console.print(f"[bold]{facts['name']}[/bold], version {facts['version']}, space {facts['space']}")
    for kind in ("nodes", "edges"):
        low, mean, high = facts[f"{kind}_per_graph"]
        console.print(f"  {kind} in a graph: {low} to {high}, mean {mean:.2f}", highlight=False)
    console.print(f"  graphs: {facts['graphs']:,}", highlight=False)
    console.print(f"  file: {facts['file']} ({facts['bytes']:,} bytes)", highlight=False, markup=False, soft_wrap=True)
    console.print(f"  content hash: {facts['content_hash']}\n", highlight=False, soft_wrap=True)
    rows = [
        (name, one["unit"], *(f"{one[key]:,.6g}" for key in ("min", "median", "max")), f"{one['values']:,}")
        for name, one in facts["targets"].items()
    ]
    print_table("Targets", ("target", "unit", "min", "median", "max", "values"), rows, left=2)
    console.print()
    keys = ("num_train", "num_valid", "num_test", *(f"test_{what}_in_train" for what in ("equal", "equivalent", "run")))
    rows = [
        (name, one["source"], *(f"{one[key]:,}" if key in one else "-" for key in keys))
        for name, one in facts["splits"].items()
    ]
    titles = ("split", "source", "train", "valid", "test", "test rows with an equal code in train", "equivalent", "run")
    print_table("Splits", titles, rows, left=2)
    console.print("\nsources:", highlight=False)
    for one in facts["sources"]:
        told = ", ".join(f"{key} {value}" for key, value in one.items())
        console.print(f"  {told}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"license: {facts['license']}", highlight=False, markup=False)
    console.print(facts["citation"], highlight=False, markup=False)
