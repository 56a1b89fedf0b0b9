"""What a script that uses `ogb.graphproppred.Evaluator` meets when it uses ours."""

import inspect
import sys

import numpy as np
import pytest
import torch

import nb301_ogb

OGB_NAME = "ogbg-molesol"  # a regression set with one task, judged by rmse
NAME = "ogbg-nb201-cifar10"


@pytest.fixture(scope="module")
def ogb_evaluator_class():
    with pytest.MonkeyPatch.context() as patch:
        # Without this module ogb starts no thread that asks PyPI, without a time limit, for its latest version.
        patch.setitem(sys.modules, "outdated", None)
        graphproppred = pytest.importorskip("ogb.graphproppred", reason="ogb cannot be imported here")
    return graphproppred.Evaluator


@pytest.fixture(scope="module")
def ogb_evaluator(ogb_evaluator_class):
    return ogb_evaluator_class(OGB_NAME)


@pytest.fixture
def evaluator():
    return nb301_ogb.Evaluator(NAME)


def both(n=200, seed=0):
    rng = np.random.default_rng(seed)
    y_true = rng.normal(90, 3, (n, 1))
    return y_true, y_true + rng.normal(0, 1, (n, 1))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
def test_same_rmse(ogb_evaluator, evaluator, seed, convert):
    y_true, y_pred = map(convert, both(seed=seed))
    input_dict = {"y_true": y_true, "y_pred": y_pred}
    theirs, ours = ogb_evaluator.eval(input_dict), evaluator.eval(input_dict)
    assert ours["rmse"] == theirs["rmse"]
    assert next(iter(ours)) == next(iter(theirs)) == evaluator.eval_metric == ogb_evaluator.eval_metric
    assert isinstance(ours[evaluator.eval_metric], float)


def test_same_rmse_in_float32(ogb_evaluator, evaluator):
    y_true, y_pred = (torch.from_numpy(values).float() for values in both())
    input_dict = {"y_true": y_true, "y_pred": y_pred}
    assert evaluator.eval(input_dict)["rmse"] == pytest.approx(ogb_evaluator.eval(input_dict)["rmse"], rel=1e-5)


def test_same_mean_over_tasks(ogb_evaluator):
    y_true, y_pred = (np.concatenate([values, values**2, -values], axis=1) for values in both())
    input_dict = {"y_true": y_true, "y_pred": y_pred}
    theirs = ogb_evaluator._eval_rmse(y_true, y_pred)["rmse"]
    assert nb301_ogb.Evaluator(NAME, num_tasks=3).eval(input_dict)["rmse"] == pytest.approx(theirs, rel=1e-14)


@pytest.mark.parametrize(
    "input_dict",
    [
        {"y_pred": np.ones((4, 1))},
        {"y_true": np.ones((4, 1))},
        {"y_true": [[1.0]], "y_pred": np.ones((1, 1))},
        {"y_true": np.ones((4, 1)), "y_pred": np.ones((5, 1))},
        {"y_true": np.ones((4, 1)), "y_pred": np.ones(4)},
        {"y_true": np.ones(4), "y_pred": np.ones(4)},
        {"y_true": np.ones((4, 2)), "y_pred": np.ones((4, 2))},
        {"y_true": np.ones((4, 1, 1)), "y_pred": np.ones((4, 1, 1))},
    ],
    ids=["no y_true", "no y_pred", "list", "length", "broadcast", "1-dim", "tasks", "3-dim"],
)
def test_same_errors(ogb_evaluator, evaluator, input_dict):
    with pytest.raises(RuntimeError):
        ogb_evaluator.eval(input_dict)
    with pytest.raises(RuntimeError):
        evaluator.eval(input_dict)


@pytest.mark.parametrize(
    "y_pred",
    [[[1.0]] * 4, np.full((4, 1), np.nan), torch.ones(4, 1, dtype=torch.bfloat16) / 0],
    ids=["list", "nan", "bfloat16 infinity"],
)
def test_what_ogb_lets_through_is_an_error(evaluator, y_pred):
    with pytest.raises(RuntimeError):
        evaluator.eval({"y_true": np.ones((4, 1)), "y_pred": y_pred})


def test_same_error_for_an_unknown_name(ogb_evaluator_class):
    opening = r"Invalid dataset name nonsense\.\nAvailable datasets are as follows:\n"
    for constructor in (ogb_evaluator_class, nb301_ogb.Evaluator):
        with pytest.raises(ValueError, match=opening):
            constructor("nonsense")


def test_same_attributes(ogb_evaluator, evaluator):
    theirs = {name: value for name, value in inspect.getmembers(ogb_evaluator) if not name.startswith("_")}
    ours = {name: value for name, value in inspect.getmembers(evaluator) if not name.startswith("_")}
    assert set(theirs) == set(ours) == {
        "eval", "eval_metric", "expected_input_format", "expected_output_format", "name", "num_tasks",
    }  # fmt: skip
    for name in theirs:
        assert inspect.ismethod(ours[name]) if name == "eval" else type(ours[name]) is type(theirs[name])
    assert (evaluator.num_tasks, evaluator.eval_metric) == (ogb_evaluator.num_tasks, ogb_evaluator.eval_metric)


@pytest.mark.parametrize("which", ["expected_input_format", "expected_output_format"])
def test_same_headings(ogb_evaluator, evaluator, which):
    theirs, ours = (getattr(one, which).splitlines() for one in (ogb_evaluator, evaluator))
    assert ours[0] == theirs[0].replace(OGB_NAME, NAME)
    if which == "expected_input_format":
        assert ours[1:4] == theirs[1:4]


def test_the_name_may_be_given_by_keyword(ogb_evaluator_class):
    assert ogb_evaluator_class(name=OGB_NAME).name == OGB_NAME
    assert nb301_ogb.Evaluator(name=NAME).name == NAME
