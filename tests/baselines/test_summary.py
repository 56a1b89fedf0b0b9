"""Several seeds as one: the mean, the deviation, and what has none."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from nb301_ogb.baselines import runs
from nb301_ogb.baselines.config import TreeConfig
from nb301_ogb.baselines.summary import summarise
from nb301_ogb.baselines.training import Job, train
from nb301_ogb.errors import ConfigError

QUICK = TreeConfig(rounds=5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[runs.Run]]:
    output = tmp_path_factory.mktemp("runs")
    config = dataclasses.replace(QUICK, params={"feature_fraction": 0.5})  # so that seeds differ
    return output, train(Job("nb201-cifar10", config, train_rows=300), [0, 1, 2], output)


def test_the_summary_is_mean_and_unbiased_std(trained: tuple[Path, list[runs.Run]]) -> None:
    output, finished = trained
    values = [run.metrics["test"]["rmse"] for run in finished]
    summary = json.loads((output / "summary.json").read_text())
    assert summary["test"]["rmse"]["values"] == values
    assert summary["test"]["rmse"]["mean"] == pytest.approx(np.mean(values))
    assert summary["test"]["rmse"]["std"] == pytest.approx(np.std(values, ddof=1))
    alone = summarise(finished[:1])
    assert np.isnan(alone["test"]["rmse"]["std"])


def test_a_seed_counts_once(trained: tuple[Path, list[runs.Run]]) -> None:
    _, finished = trained
    with pytest.raises(ConfigError, match="hold seed 0, 2; give each seed once"):
        summarise([*finished, finished[2], finished[0]])


def test_runs_of_two_models_have_no_mean(trained: tuple[Path, list[runs.Run]]) -> None:
    _, finished = trained
    other = dataclasses.replace(finished[1], info=dataclasses.replace(finished[1].info, split="random"))
    with pytest.raises(ConfigError, match="no runs of one model"):
        summarise([finished[0], other])
    longer = dataclasses.replace(finished[1], config=dataclasses.replace(QUICK, rounds=6))
    with pytest.raises(ConfigError, match="rounds"):
        summarise([finished[0], longer])
