"""`nb301-ogb leaderboard`: submissions checked, scored, ranked and shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from nb301_ogb.cli.common import JsonOption, RootOption, console, print_json, print_table, progress_bar

EXAMPLE = "Example: nb301-ogb leaderboard leaderboard/submissions --output site"


def run(
    folder: Annotated[Path, typer.Argument(help="The folder that holds the .submission files.")],
    output: Annotated[
        Path | None, typer.Option(help="Write the site here: pages, JSON, Markdown; an older site is replaced.")
    ] = None,
    official: Annotated[
        bool, typer.Option("--official", help="Refuse submissions that lack what an official board asks for.")
    ] = False,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rank the submissions in a folder, and build the leaderboard's site from them.

    Scores are recomputed from the predictions. A submission with a fault is named with all its faults, and nothing is
    written then.
    """
    from nb301_ogb.leaderboard.build import build, find_submissions, judge_all
    from nb301_ogb.leaderboard.exam_data import opener
    from nb301_ogb.leaderboard.record import record

    paths = find_submissions(folder)
    open_exam = opener(root)
    with progress_bar(as_json) as bar:
        task = bar.add_task("submissions", total=len(paths), note="")
        judged = judge_all(paths, open_exam, official, lambda name: bar.update(task, advance=1, note=name))
        bar.update(task, note="comparing")
        results = build(judged, open_exam)
    if output is not None:
        from nb301_ogb.leaderboard.site.write import write_site

        write_site(output, results, {one.where: (folder / one.where).read_bytes() for one in judged})
    if as_json:
        print_json(record(results))
        return
    _show(results)
    if output is not None:
        console.print(f"site: {output}/ (open {output}/index.html)", highlight=False, markup=False, soft_wrap=True)


def _show(results: list) -> None:
    from nb301_ogb.leaderboard.wording import comparison_texts, rank_text, seeds_text, spread_text, vacancy

    columns = ("rank", "model", "test RMSE", "test Kendall", "valid RMSE", "valid Kendall", "parameters", "seeds")
    for result in results:
        official = " (official)" if result.board.official else ""
        title = f"{result.board.title}{official}"
        if not result.entries:
            console.print(f"[bold]{title}[/bold]\n{vacancy(result)}\n", highlight=False)
            continue
        rows = []
        for entry in result.entries:
            cells = [
                spread_text(entry.scores[part][metric])
                for part in ("test", "valid")
                for metric in ("rmse", "kendall_tau")
            ]
            head = entry.judged.head
            tags = ["flagged"] * bool(entry.suspicions) + ["unofficial"] * bool(entry.judged.shortfalls)
            name = escape(head.model) + (f" ({', '.join(tags)})" if tags else "")
            above = comparison_texts(entry.place.above if entry.place else None)[0]
            numbers = (f"{head.num_params:,}", seeds_text(entry), above)
            rows.append((rank_text(entry.place), name, *cells, *numbers))
        print_table(title, (*columns, "against the one above"), rows, left=2)
        console.print()
