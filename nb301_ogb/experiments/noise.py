"""Does a surrogate know better than a table of single runs? The first table of the NAS-Bench-301 paper.

A model is fitted on one run of every architecture and judged, as the run itself is, by the mean of the architecture's
other runs; every run takes its turn. A row whose judged runs were learned from, since runs are copied between
architectures, is not judged (Zela et al., ICLR 2022, table 1; there on NAS-Bench-101).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nb301_ogb.baselines.config import Config, load_config
from nb301_ogb.errors import ConfigError
from nb301_ogb.experiments import noise_fits as fits
from nb301_ogb.experiments.noise_fits import Fit
from nb301_ogb.experiments.noise_turn import Turn, Values, choose_ratio, floor, make_turn, shrunk
from nb301_ogb.experiments.report import NO_REMARKS, Remarks
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.sweeps.engine import Engine
from nb301_ogb.sweeps.engines import LocalEngine

LEAST = 50.0
"""Architectures with a run under it are left out, as in the paper."""

PAPER = 0.76
"""What the paper reached, on NAS-Bench-101."""

Bar = Callable[[int], AbstractContextManager[Callable[[Fit], None] | None]]
"""From the number of fits to a display that is told of each."""

_BY_DIFFERENT = ((1, 1), (2, 2), (3, 5), (6, None))


@dataclass(frozen=True)
class Settings:
    """What is fitted, and how.

    Attributes:
        plain: a configuration that is fitted on single runs.
        model: the surrogate's members' configuration, fitted on class means.
        members: of the surrogate, and folds.
        epochs: of networks, in place of the configurations'; None for theirs.
        least: the smallest value of a run that counts.
        seed: of the folds and of the fits.
        device: for networks: `auto`, `cpu`, `cuda` or `cuda:N`.
        threads: how many a model may use on the CPU.
    """

    plain: str = "gin"
    model: str = "gin-canonical"
    members: int = 5
    epochs: int | None = None
    least: float = LEAST
    seed: int = 0
    device: str = "auto"
    threads: int = 1


def noise(
    dataset: str,
    output: str | Path,
    settings: Settings | None = None,
    *,
    root: Path | None = None,
    engine: Engine | None = None,
    remarks: Remarks = NO_REMARKS,
    bar: Bar | None = None,
) -> dict[str, Any]:
    """Runs the experiment and writes `report.html`, `report.md`, `report.json`, `noise.svg` and `noise.pdf`.

    Args:
        dataset: its name; architectures have two runs or more.
        output: the folder; fits that lie in it, in `fits`, are not made again.
        settings: what is fitted.
        root: a folder of datasets, or None.
        engine: where fits run; None for this process.
        remarks: what the report says beside its numbers.
        bar: shows how far the fits are.

    Returns:
        What `report.json` holds.

    Raises:
        ConfigError: for a dataset without repeated runs, a setting that does not exist, or fits of other settings.
        OutputError: where the folder cannot be written.
        SweepError: where fits failed.
    """
    from nb301_ogb.experiments.noise_page import write_page

    settings = settings or Settings()
    root = None if root is None else root.expanduser().absolute()  # fits may run where the working folder is another
    if settings.members < 2:
        msg = f"an ensemble of {settings.members} cannot leave a fold out; write --members 2 or more."
        raise ConfigError(msg)
    table = LabelledTable(dataset, root, runs="all")
    runs = table.labels.shape[1]
    turns = [make_turn(table, number, settings.least) for number in range(runs)]
    folder = Path(output).expanduser()
    wanted = {turn.number: list(_fits(table, turn.number, settings, folder / "fits", root)) for turn in turns}
    every = [one for some in wanted.values() for one in some]
    with nullcontext() if bar is None else bar(len(every)) as done:
        found = fits.predictions(every, table, engine or LocalEngine(), done)
    answers = [_answer(turn, wanted[turn.number], found, settings) for turn in turns]
    numbers = {
        "experiment": "noise",
        **remarks.told(),
        "dataset": table.info.name,
        "version": table.info.version,
        "content_hash": table.file.content_hash,
        "label": table.info.label,
        "unit": table.file.target(table.info.label).unit,
        "runs": runs,
        "floor": floor(runs),
        "paper": PAPER,
        "settings": {
            name: getattr(settings, name) for name in ("plain", "model", "members", "epochs", "least", "seed")
        },
        "turns": [_turn_facts(turn, one) for turn, one in zip(turns, answers, strict=True)],
        "methods": _judged(turns, answers),
        "by_different_runs": _by_different(turns, answers),
    }
    numbers["surrogate"] = "surrogate" if all("surrogate" in one.methods for one in answers) else "ensemble"
    return write_page(folder, numbers)


@dataclass(frozen=True, eq=False)
class _Answer:
    """What each method says in a turn, float64 [G], and how the surrogate weighs."""

    methods: dict[str, Values]
    ratio: float | None
    choice: Sequence[dict[str, Any]]


def _fits(table: LabelledTable, turn: int, settings: Settings, folder: Path, root: Path | None) -> Iterator[Fit]:
    def one(kind: str, config: Config, fold: int = -1) -> Fit:
        return Fit(
            table.info.name, root, settings.least, turn, kind, fold, settings.members, config, settings.seed,
            settings.device, settings.threads, folder,
        )  # fmt: skip

    def config(name: str, kind: str) -> Config:
        return fits.for_noise(load_config(name, table.space.name), settings.epochs, name, kind)

    yield one(fits.PLAIN, config(settings.plain, fits.PLAIN))
    yield one(fits.ALL, config(settings.model, fits.ALL))
    for fold in range(settings.members):
        yield one(fits.WITHOUT, config(settings.model, fits.WITHOUT), fold)


def _answer(turn: Turn, wanted: Sequence[Fit], found: dict[Path, Values], settings: Settings) -> _Answer:
    plain, every, *members = (found[one.path] for one in wanted)
    methods = {
        "tabular": turn.label,
        "class_mean": turn.class_mean[turn.equivalent],
        "plain": plain,
        "plain_over_class": turn.over_class(plain),
        "single": turn.over_class(every),
        "ensemble": turn.over_class(np.mean(members, axis=0)),
    }
    rows = turn.representatives
    fold = fits.folds_of(turn, settings.members, settings.seed)
    apart = np.full(len(turn.different), np.nan)
    # Equivalent rows are in one component, so what is left out of one row's member is left out of all of them.
    apart[turn.equivalent[rows]] = np.stack([turn.over_class(one)[rows] for one in members])[fold, np.arange(len(rows))]
    methods["apart"] = apart[turn.equivalent]
    ratio, choice = choose_ratio(turn, apart)
    if ratio is not None:
        methods["surrogate"] = shrunk(turn, apart, ratio)
    return _Answer(methods, ratio, choice)


def _turn_facts(turn: Turn, answer: _Answer) -> dict[str, Any]:
    return {
        "run": turn.number,
        "learned_from": int((~np.isnan(turn.label)).sum()),
        "classes": len(turn.representatives),
        "different_runs": len(turn.once),
        "candidates": turn.candidates,
        "judged": len(turn.judged),
        "ratio_of_variances": answer.ratio,
        "choice": list(answer.choice),
    }


def _judged(turns: Sequence[Turn], answers: Sequence[_Answer]) -> dict[str, Any]:
    """For each method what every turn says, and the mean of the ratios."""
    found = {}
    for name in answers[0].methods:
        if all(name in one.methods for one in answers):
            judged = [turn.judge(one.methods[name]) for turn, one in zip(turns, answers, strict=True)]
            mean = {key: float(np.mean([one[key] for one in judged])) for key in ("mae", "ratio", "standard_error")}
            found[name] = {"turns": judged, "mean": mean}
    return found


def _by_different(turns: Sequence[Turn], answers: Sequence[_Answer]) -> list[dict[str, Any]]:
    """The methods by the number of different runs of the class that were learned from, all turns together."""
    number = np.concatenate([turn.different[turn.equivalent[turn.judged]] for turn in turns])
    gaps = {
        name: np.concatenate(
            [np.abs(one.methods[name][turn.judged] - turn.truth) for turn, one in zip(turns, answers, strict=True)]
        )
        for name in answers[0].methods
        if all(name in one.methods for one in answers)
    }
    found = []
    for low, high in _BY_DIFFERENT:
        here = (number >= low) & (number <= (np.inf if high is None else high))
        if here.any():
            mae = {name: float(gap[here].mean()) for name, gap in gaps.items()}
            found.append({"from": low, "to": high, "judged": int(here.sum()), "mae": mae})
    return found
