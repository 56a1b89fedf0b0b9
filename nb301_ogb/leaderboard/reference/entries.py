"""From finished runs to reference entries: submissions with all that an official board asks for, and the site."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from nb301_ogb.baselines.packing import pack_runs
from nb301_ogb.errors import ConfigError, SubmissionError
from nb301_ogb.evaluators.submission.file import from_bytes, read, to_bytes, write
from nb301_ogb.leaderboard.boards import Board
from nb301_ogb.leaderboard.build import BoardResult, build, find_submissions, judge_all
from nb301_ogb.leaderboard.exam_data import opener
from nb301_ogb.leaderboard.reference.plan import FINISHED, Plan, ReferenceModel
from nb301_ogb.leaderboard.scores import Judged, judge
from nb301_ogb.leaderboard.site.write import write_site
from nb301_ogb.leaderboard.wording import seed_list

NOTE = "reference entry of the package"

_PAPERS = {
    "gin": "https://arxiv.org/abs/1810.00826",
    "gcn": "https://arxiv.org/abs/1609.02907",
    "gin-virtual": "https://arxiv.org/abs/2005.00687",
    "gcn-virtual": "https://arxiv.org/abs/2005.00687",
    "lightgbm": "https://papers.nips.cc/paper/6907-lightgbm-a-highly-efficient-gradient-boosting-decision-tree",
    "xgboost": "https://arxiv.org/abs/1603.02754",
    "ensemble": "https://arxiv.org/abs/1612.01474",
}
"""Where the reference models are from; those with a virtual node, from OGB's paper."""


@dataclass(frozen=True)
class Maker:
    """Who makes the entries.

    Attributes:
        authors: as the board shows them.
        contact: for questions.
        code: a link to the code, or nothing.
        note: a sentence of the maker's own.
    """

    authors: tuple[str, ...] = ("nb301_ogb",)
    contact: str = "the maintainers of nb301_ogb, where the package is published"
    code: str = ""
    note: str = ""


def complete(plan: Plan, board: Board) -> list[ReferenceModel]:
    """The models of which every run that a board asks for is finished."""
    return [model for model in plan.models if set(plan.states(model, board)) == {FINISHED}]


def pack(plan: Plan, model: ReferenceModel, board: Board, maker: Maker, caveat: str = "", options: str = "") -> bytes:
    """The bytes of an entry; the same runs give the same bytes, however often their training was interrupted.

    Args:
        plan: what it is part of.
        model: whose runs are finished.
        board: on which it is to stand.
        maker: who makes it.
        caveat: a sentence about the dataset.
        options: of the command, beside board, models, seeds and splits.

    Raises:
        SubmissionError: where the runs do not belong together.
        ConfigError: where one is damaged.
    """
    packed = pack_runs([place.folder for place in plan.places(model, board)])
    head = replace(
        packed.head,
        model=model.name,
        authors=maker.authors,
        contact=maker.contact,
        code=maker.code,
        paper=_PAPERS.get(model.name, "") if model.of_package else "",
        external_data="none",
        note=_note(model, maker, caveat),
        commands=(_command(plan, model, board, options),),
    )
    return to_bytes(head, packed.predictions)


def _note(model: ReferenceModel, maker: Maker, caveat: str) -> str:
    what = NOTE if model.of_package else f"settings of {Path(model.source).name}, no reference entry of the package"
    return ". ".join(one.rstrip(".") for one in (what, caveat, maker.note) if one) + "."


def _command(plan: Plan, model: ReferenceModel, board: Board, options: str) -> str:
    """What makes the entry again: it alone, and whatever interruptions there were."""
    splits = {exam.split for exam in board.exams}
    named = "" if board.official else " ".join(f"--split {split}" for split in sorted(splits))
    seeds = seed_list(plan.seeds).replace(" ", "")
    words = f"nb301-ogb reproduce {plan.name} --models {shlex.quote(model.source)} --seeds {seeds}"
    return " ".join(one for one in (words, named, options) if one)


def check_seeds(plan: Plan) -> None:
    """Tells now which entry in the plan's folder has seeds that would be lost.

    Raises:
        ConfigError: where there is one.
    """
    for path in (plan.submission(model, board) for board in plan.boards for model in plan.models):
        try:
            there = read(path).head.seeds if path.is_file() else ()
        except SubmissionError:
            continue  # a damaged one is no loss
        if set(there) - set(plan.seeds):
            msg = (
                f"{path} has the seeds {seed_list(there)}, and the seeds {seed_list(plan.seeds)} alone would take its "
                "place; name all of them with --seeds, or choose another --output."
            )
            raise ConfigError(msg)


def write_entries(
    plan: Plan, board: Board, maker: Maker, root: Path | None = None, caveat: str = "", options: str = ""
) -> dict[Path, Judged]:
    """Packs each model's entry for a board once all its runs are finished, checks it, and writes it.

    Args:
        plan: what the board is part of.
        board: on which they are to stand.
        maker: who makes them.
        root: a folder of datasets, or None.
        caveat: as of `pack`.
        options: as of `pack`.

    Returns:
        What each file is worth.

    Raises:
        SubmissionError: where an entry has a fault; it is not written then.
        ConfigError: where a run is damaged.
        OutputError: where the disk does not take it.
    """
    open_exam = opener(root)
    written = {}
    for model in complete(plan, board):
        path = plan.submission(model, board)
        data = pack(plan, model, board, maker, caveat, options)
        written[path] = judge(from_bytes(data, str(path)), open_exam, path.name)
        write(path, data)
    return written


def write_board(plan: Plan, root: Path | None = None) -> list[BoardResult]:
    """Builds the site from all submissions in the plan's folder, those of earlier plans too.

    Raises:
        SubmissionError: where one has a fault.
        OutputError: where the site cannot be written.
    """
    open_exam = opener(root)
    paths = find_submissions(plan.submissions)
    judged = judge_all(paths, open_exam)
    results = build(judged, open_exam)
    write_site(plan.site, results, {path.name: path.read_bytes() for path in paths})
    return results
