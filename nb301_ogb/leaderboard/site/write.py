"""Writing the site: pages, figures as JSON and Markdown, and the submissions themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from nb301_ogb.leaderboard.build import BoardResult
from nb301_ogb.leaderboard.markdown import markdown
from nb301_ogb.leaderboard.record import record
from nb301_ogb.leaderboard.site.board_page import board_page
from nb301_ogb.leaderboard.site.index_page import index_page
from nb301_ogb.leaderboard.site.leaks_page import leaks_page
from nb301_ogb.storage.folder import new_folder

MARK = "leaderboard.json"
"""The file by which a folder is known as a site that may be replaced."""


def write_site(output: Path, results: Sequence[BoardResult], submissions: Mapping[str, bytes]) -> None:
    """Writes the site into a folder, which appears whole; an older site there is replaced.

    The same submissions give the same bytes: no page holds a date.

    Args:
        output: the folder.
        results: the boards.
        submissions: the bytes of each submission's file by its name.

    Raises:
        OutputError: where the folder holds anything but a site, or the disk does not take it.
    """
    pages = {"index.html": index_page(results), "leaks.html": leaks_page(results)}
    pages |= {f"{result.board.name}.html": board_page(result) for result in results}
    pages["leaderboard.md"] = markdown(results)
    pages[MARK] = json.dumps(record(results), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    with new_folder(output, MARK, overwrite=True) as folder:
        for name, text in pages.items():
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "submissions").mkdir()
        for name, data in submissions.items():
            (folder / "submissions" / name).write_bytes(data)
