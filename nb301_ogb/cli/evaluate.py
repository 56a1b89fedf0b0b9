"""`nb301-ogb evaluate`: runs judged again from their predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nb301_ogb.cli.common import JsonOption, RootOption, print_json
from nb301_ogb.cli.train import show_summaries

EXAMPLE = "Example: nb301-ogb evaluate runs/gin runs/lightgbm"


def run(
    folders: Annotated[list[Path], typer.Argument(help="Run folders, or folders of them (one for each model).")],
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score runs with the official evaluator: labels come from the dataset, predictions from the runs.

    The dataset must be the one that the run was made on, by its content hash.
    """
    from nb301_ogb.baselines.finished import rescore
    from nb301_ogb.baselines.runs import find_runs
    from nb301_ogb.baselines.summary import summarise

    summaries = [
        summarise([rescore(path, root) for path in find_runs([folder])]) | {"folder": str(folder)} for folder in folders
    ]
    if as_json:
        print_json(summaries)
        return
    places = sorted({f"{one['dataset']}, split {one['split']}" for one in summaries})
    for place in places:
        show_summaries(place, [one for one in summaries if f"{one['dataset']}, split {one['split']}" == place])
