"""Which runs the reference entries of a board are made of, and which of them are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nb301_ogb.baselines.config import Config, config_names, load_config
from nb301_ogb.baselines.models import make_model
from nb301_ogb.baselines.runs import MARK, RunPlace
from nb301_ogb.baselines.training import Job
from nb301_ogb.catalog import NB201_IMAGES, dataset_names, get_info
from nb301_ogb.errors import ConfigError, DatasetNameError
from nb301_ogb.evaluators.submission.form import FILE_NAME, MAX_NAME, SUFFIX, Exam
from nb301_ogb.leaderboard.boards import OFFICIAL, Board, boards_of
from nb301_ogb.sweeps.reference import REFERENCE_MODELS, runs_folder
from nb301_ogb.sweeps.trials import Trial

STATES = FINISHED, INTERRUPTED, MISSING = "finished", "interrupted", "missing"
"""What a run can be."""

_SEVERAL = {"ogbg-nb201": tuple(f"ogbg-nb201-{image}" for image in NB201_IMAGES)}


@dataclass(frozen=True)
class ReferenceModel:
    """A model that is to stand on a board.

    Attributes:
        name: by which the board shows it, and of its folder of runs.
        source: the name of a configuration of the package, or a TOML file.
    """

    name: str
    source: str

    @property
    def of_package(self) -> bool:
        """Whether its configuration is one of the package's."""
        return self.source in config_names()

    def config(self, dataset: str) -> Config:
        """Its settings on a dataset."""
        return load_config(self.source, get_info(dataset).space)


def reference_models(given: Sequence[str] = ()) -> tuple[ReferenceModel, ...]:
    """The models that are asked for, by the names of configurations or by TOML files; none for all of the package.

    Raises:
        ConfigError: for a configuration that does not exist, two of one name, or a name that would do in no link.
    """
    models = []
    for source in given or REFERENCE_MODELS:
        load_config(source)
        name = Path(source).stem
        if FILE_NAME.fullmatch(name) is None or len(name) > MAX_NAME:
            msg = (
                f"{source} cannot give its name to an entry; call it by at most {MAX_NAME} letters, digits, dots, "
                "hyphens and underscores."
            )
            raise ConfigError(msg)
        models.append(ReferenceModel(name, source))
    names = Counter(model.name for model in models)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        msg = f"--models names {twice[0]!r} {names[twice[0]]} times; give each model once, under a name of its own."
        raise ConfigError(msg)
    return tuple(models)


def boards_for(name: str, splits: Sequence[str] = ()) -> tuple[str, tuple[Board, ...]]:
    """The boards that are made, by what people call them.

    Args:
        name: `ogbg-nb201` for its three datasets together, or a dataset's name.
        splits: of the datasets; none for those of the official boards, or, where there is none, the default split.

    Returns:
        The full name, and the boards, those of one split first.

    Raises:
        DatasetNameError: for a name or a split that does not exist.
    """
    plain = name.strip().lower().replace("_", "-")
    full = next((one for one in _SEVERAL if plain in (one, one.removeprefix("ogbg-"))), None)
    if full is None and plain not in dataset_names() and f"ogbg-{plain}" not in dataset_names():
        msg = f"there is no board {name!r}; there are {', '.join((*_SEVERAL, *dataset_names()))}."
        raise DatasetNameError(msg)
    full = full or get_info(name).name
    datasets = _SEVERAL.get(full, (full,))
    known = get_info(datasets[0]).splits
    unknown = [split for split in splits if split not in known]
    if unknown:
        msg = f"{full} has no split {unknown[0]!r}; it has {', '.join(known)}."
        raise DatasetNameError(msg)
    if not splits:
        official = [board for board in OFFICIAL if {exam.dataset for exam in board.exams} == set(datasets)]
        splits = [exam.split for board in official for exam in board.exams] or [known[0]]
    exams = frozenset(Exam(dataset, split) for dataset in datasets for split in splits)
    return full, tuple(sorted(boards_of(exams), key=lambda board: len(board.exams)))


@dataclass(frozen=True)
class Plan:
    """Everything that is to be made.

    Attributes:
        name: what is reproduced, such as `ogbg-nb201`.
        boards: in the order in which they are made.
        models: on each of them.
        seeds: of each model.
        folder: for runs, submissions and the site.
    """

    name: str
    boards: tuple[Board, ...]
    models: tuple[ReferenceModel, ...]
    seeds: tuple[int, ...]
    folder: Path

    @property
    def exams(self) -> tuple[Exam, ...]:
        """What is trained on and judged, each once."""
        return tuple(dict.fromkeys(exam for board in self.boards for exam in board.exams))

    @property
    def datasets(self) -> tuple[str, ...]:
        """The names of the datasets."""
        return tuple(dict.fromkeys(exam.dataset for exam in self.exams))

    @property
    def submissions(self) -> Path:
        """The folder of the entries."""
        return self.folder / "submissions"

    @property
    def site(self) -> Path:
        """The folder of the pages."""
        return self.folder / "site"

    def place(self, model: ReferenceModel, exam: Exam, seed: int) -> RunPlace:
        """Where a run lies."""
        return RunPlace(runs_folder(self.folder / "runs", exam.split, model.name, exam.dataset), seed)

    def places(self, model: ReferenceModel, board: Board) -> list[RunPlace]:
        """Where the runs lie of which an entry is made."""
        return [self.place(model, exam, seed) for exam in board.exams for seed in self.seeds]

    def submission(self, model: ReferenceModel, board: Board) -> Path:
        """The file of an entry; no board's has the name of another's."""
        return self.submissions / f"{model.name}-{board.name}{SUFFIX}"

    def trials(self, board: Board, root: Path | None, device: str = "auto", threads: int = 1) -> list[Trial]:
        """The runs of a board: those that are finished, then the others seed by seed, which times every model early.

        Args:
            board: one of the plan's.
            root: a folder of datasets, or None.
            device: as of `Job`.
            threads: as of `Job`.
        """
        there, others = [], []
        for model in self.models:
            for exam in board.exams:
                settings = model.config(exam.dataset)
                job = Job(exam.dataset, settings, exam.split, root=root, device=device, threads=threads)
                for at, seed in enumerate(self.seeds):
                    place = self.place(model, exam, seed)
                    trial = Trial(job, seed, place.output)
                    if state(place) == FINISHED:
                        there.append(trial)
                    else:
                        others.append((at, trial))
        return there + [trial for _, trial in sorted(others, key=lambda one: one[0])]

    def check(self, device: str = "auto") -> None:
        """Tells now, and not when the others are finished, which model cannot be trained here.

        Raises:
            ConfigError: for a setting or a device that does not exist.
            MissingExtraError: where a model's library is not installed.
        """
        for model in self.models:
            for space in dict.fromkeys(get_info(name).space for name in self.datasets):
                make_model(load_config(model.source, space), space, 1, device)

    def states(self, model: ReferenceModel, board: Board) -> Counter[str]:
        """How many runs of an entry are finished, interrupted and missing."""
        return Counter(state(place) for place in self.places(model, board))


def state(place: RunPlace) -> str:
    """What a run is; nothing is read but names."""
    if (place.folder / MARK).is_file():
        return FINISHED
    return INTERRUPTED if place.checkpoint.is_file() else MISSING
