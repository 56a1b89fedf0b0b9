"""`nb301-ogb datasets`: what there is."""

from __future__ import annotations

from nb301_ogb.catalog import dataset_names, get_info
from nb301_ogb.cli.common import JsonOption, print_json, print_table

EXAMPLE = "Example: nb301-ogb datasets --json"


def run(as_json: JsonOption = False) -> None:
    """List the datasets, with their size, their splits and where they come from."""
    infos = [get_info(name) for name in dataset_names()]
    if as_json:
        print_json(
            [
                {
                    "name": info.name,
                    "version": info.version,
                    "title": info.title,
                    "space": info.space,
                    "rows": info.rows,
                    "embedded": info.embedded,
                    "default_split": info.default_split,
                    "splits": info.splits,
                    "targets": info.targets,
                    "origin": info.origin,
                    "license": info.license,
                }
                for info in infos
            ]
        )
        return
    rows = [
        (
            info.name,
            info.title,
            "in the package" if info.embedded else "downloaded",
            info.default_split,
            f"{info.rows:,}" if info.rows else "as the archive",
        )
        for info in infos
    ]
    print_table("Datasets", ("name", "what it is", "where", "default split", "architectures"), rows, left=4)
