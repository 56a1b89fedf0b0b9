"""Where the experiment `ensembles` finds fitted ensembles: runs, and surrogates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nb301_ogb.baselines.ensemble import EnsembleModel
from nb301_ogb.baselines.finished import learned_the_label, load_model
from nb301_ogb.baselines.model import Model
from nb301_ogb.baselines.runs import find_runs, read_run
from nb301_ogb.baselines.surrogate import Surrogate
from nb301_ogb.baselines.surrogate_file import MARK
from nb301_ogb.catalog import get_info
from nb301_ogb.errors import ConfigError


@dataclass(frozen=True)
class Source:
    """A fitted ensemble.

    Attributes:
        name: where it lies, for people.
        dataset: the dataset it was fitted on.
        content_hash: of the dataset.
        split: the split whose training part it was fitted on.
        seed: of the fit.
        num_train: the training rows of a run; None for a surrogate, which has seen the whole training part.
        model: the ensemble.
    """

    name: str
    dataset: str
    content_hash: str
    split: str
    seed: int
    num_train: int | None
    model: EnsembleModel


def open_sources(text: str | Path, device: str = "cpu", threads: int = 1) -> list[Source]:
    """The ensembles of a run folder, of a folder of runs (one a seed), or of a surrogate by its folder or name.

    Raises:
        ConfigError: where a folder is damaged, its model is no ensemble, or it learned something else than the
            dataset's label.
        DatasetNameError: where there is neither such a folder nor such a surrogate.
    """
    folder = Path(text).expanduser()
    if folder.is_dir() and not (folder / MARK).is_file():
        found = []
        for path in find_runs([folder]):
            run = read_run(path)
            model = _ensemble(load_model(run, device, threads), str(path))
            info = run.info
            if not learned_the_label(run):
                msg = (
                    f"{path} learned {', '.join(info.targets)} (runs: {info.runs}), and is judged by the mean of "
                    f"{get_info(info.dataset).label}; give runs that learned that."
                )
                raise ConfigError(msg)
            found.append(
                Source(str(path), info.dataset, info.content_hash, info.split, info.seed, info.num_train, model)
            )
        return found
    surrogate = Surrogate.load(text if not folder.is_dir() else folder, device, threads)
    told = surrogate.info
    model = _ensemble(surrogate.accuracy, str(text))
    return [Source(surrogate.name, told.dataset, told.content_hash, told.split, told.seed, None, model)]


def _ensemble(model: Model, where: str) -> EnsembleModel:
    if not isinstance(model, EnsembleModel):
        msg = f"{where} holds a {model.name}, which has no members; give an ensemble's run or surrogate."
        raise ConfigError(msg)
    return model
