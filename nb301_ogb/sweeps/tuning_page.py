"""What a search for settings leaves beside its journal: the winner as a configuration, and tables of all trials."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nb301_ogb.baselines.config import to_toml
from nb301_ogb.jsonable import finite
from nb301_ogb.storage.whole import write_bytes
from nb301_ogb.sweeps.ranges import as_text
from nb301_ogb.sweeps.tuning import Search, Tried, best_of, config_of, ranked

WINNER, TABLE, PAGE = "best.toml", "trials.json", "trials.md"


def write_results(output: Path, name: str, search: Search, tried: Sequence[Tried]) -> dict[str, Any]:
    """Writes `best.toml`, which `load_config` reads, `trials.json` and `trials.md`.

    Args:
        output: the folder.
        name: of the configuration with which the search began.
        search: what was searched.
        tried: its trials.

    Returns:
        What `trials.json` holds: what the search was about, the best trial, and all trials by their numbers.

    Raises:
        OutputError: where the disk does not take a file.
    """
    best, first = best_of(tried), next(one for one in tried if one.number == 0)
    facts: dict[str, Any] = {
        "model": name,
        "dataset": search.dataset,
        "split": search.split,
        "seed": search.seed,
        "ranges": search.ranges.name,
        "best": finite(dataclasses.asdict(best)),
        "begin": finite(dataclasses.asdict(first)),
        "trials": [finite(dataclasses.asdict(one)) for one in tried],
    }
    where = f"the validation part of {search.dataset}, split {search.split}"
    head = [
        f"Chosen by `nb301-ogb tune` on {where}:",
        f"trial {best.number} of {len(tried)}, seed {search.seed}, Kendall's tau {_number(best.value)};",
        f"the configuration {name}, with which it began, had {_number(first.value)}.",
    ]
    winner = "".join(f"# {line}\n" for line in head) + to_toml(config_of(search, best))
    write_bytes(output / WINNER, winner.encode())
    write_bytes(output / TABLE, f"{json.dumps(facts, indent=1, allow_nan=False)}\n".encode())
    write_bytes(output / PAGE, _page(name, where, search, tried).encode())
    return facts


def _page(name: str, where: str, search: Search, tried: Sequence[Tried]) -> str:
    lines = [
        f"# Settings of {name}",
        "",
        f"{len(tried)} trials on {where}; seed {search.seed}; ranges {search.ranges.name}. Trial 0 is the "
        "configuration with which the search began. A score is that of one fit; nothing was judged on test data.",
        "",
        "| trial | Kendall's tau | RMSE | chosen at | seconds | settings |",
        "|---:|---:|---:|---:|---:|---|",
    ]
    for one in ranked(tried):
        said = as_text(one.settings) if one.number else "the configuration itself"
        said = said if one.error is None else f"failed: {one.error}"
        scores = f"{_number(one.value)} | {_number(one.valid.get('rmse'))}"
        said = said.replace("|", "\\|")
        lines.append(f"| {one.number} | {scores} | {one.chosen_at} | {one.seconds:.1f} | {said} |")
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
