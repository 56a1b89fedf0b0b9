import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from nb301_ogb import Evaluator as PublicEvaluator
from nb301_ogb.errors import DatasetNameError, EvaluationError
from nb301_ogb.evaluators import Evaluator, metrics, uncertainty

NAME = "ogbg-nb201-cifar10"
BASE = ["rmse", "mae", "r2", "kendall_tau", "sparse_kendall_tau", "spearman"]


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    y_runs = rng.normal(90, 2, (50, 1)) + rng.normal(0, 0.2, (50, 3))
    y_true = y_runs.mean(axis=1, keepdims=True)
    return {
        "y_true": y_true,
        "y_pred": y_true + rng.normal(0, 1, (50, 1)),
        "y_std": rng.uniform(0.5, 1.5, (50, 1)),
        "y_runs": y_runs,
    }


def pick(table, *keys):
    return {key: table[key] for key in keys}


def test_results_are_the_metrics_in_order_as_python_floats(table):
    result = Evaluator(NAME).eval(pick(table, "y_true", "y_pred"))
    assert list(result) == BASE
    assert {type(value) for value in result.values()} == {float}
    for name, value in result.items():
        assert value == metrics.METRICS[name](table["y_true"][:, 0], table["y_pred"][:, 0])
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_uncertainty_comes_with_its_keys(table):
    flat = {key: table[key][:, 0] for key in ("y_true", "y_pred", "y_std")}
    result = Evaluator(NAME).eval(pick(table, "y_true", "y_pred", "y_std"))
    assert list(result) == [*BASE, "nll", "coverage_95"]
    assert result["nll"] == uncertainty.nll(**flat)
    assert result["coverage_95"] == uncertainty.coverage_95(**flat)
    table["y_runs"][:7, 1:] = np.nan
    result = Evaluator(NAME).eval(table)
    assert list(result) == [*BASE, "nll", "coverage_95", "kl", "kl_left_out"]
    assert (result["kl"], result["kl_left_out"]) == uncertainty.kl(table["y_runs"], flat["y_pred"], flat["y_std"])
    assert result["kl_left_out"] == 7
    assert {type(value) for value in result.values()} == {float}
    assert Evaluator(NAME).eval({**table, "y_runs": table["y_runs"][:, None]}) == result


def test_several_tasks_are_averaged(table):
    two = {key: np.concatenate([values, values[::-1] * 2 + 1], axis=1) for key, values in table.items()}
    two["y_runs"] = np.stack([table["y_runs"], table["y_runs"][::-1] * 2 + 1], axis=1)
    two["y_runs"][:5, 1, 1:] = np.nan
    result = Evaluator(NAME, num_tasks=2).eval(two)
    single = [
        Evaluator(NAME).eval(
            {key: values[:, task] if key == "y_runs" else values[:, [task]] for key, values in two.items()}
        )
        for task in range(2)
    ]
    assert single[0]["rmse"] != pytest.approx(single[1]["rmse"])
    assert list(result) == list(single[0])
    assert result.pop("kl_left_out") == 5
    for name, value in result.items():
        assert value == pytest.approx((single[0][name] + single[1][name]) / 2), name


def test_attributes():
    evaluator = Evaluator("nb201-cifar10")
    assert (evaluator.name, evaluator.num_tasks, evaluator.eval_metric) == (NAME, 1, "rmse")
    assert repr(evaluator) == "Evaluator('ogbg-nb201-cifar10')"
    assert repr(Evaluator(NAME, num_tasks=3)) == "Evaluator('ogbg-nb201-cifar10', num_tasks=3)"
    assert Evaluator(NAME, num_tasks=np.int64(2)).num_tasks == 2
    assert PublicEvaluator is Evaluator


def test_formats_name_every_key(table):
    evaluator = Evaluator("ogbg-nb301")
    assert evaluator.expected_input_format.startswith("==== Expected input format of Evaluator for ogbg-nb301\n")
    assert evaluator.expected_output_format.startswith("==== Expected output format of Evaluator for ogbg-nb301\n")
    for key in table:
        assert f"- {key}: " in evaluator.expected_input_format
    for name in evaluator.eval(table):
        assert f"- {name} (float): " in evaluator.expected_output_format
    assert "(num_graphs, num_tasks, num_runs)" in Evaluator(NAME, num_tasks=2).expected_input_format


def test_names_and_task_counts_are_checked():
    with pytest.raises(DatasetNameError, match=r"Invalid dataset name ogbg-molesol\.\nAvailable datasets"):
        Evaluator("ogbg-molesol")
    for wrong in (0, -1, 1.0, "1", True):
        with pytest.raises(EvaluationError, match=r"num_tasks is .* an integer of at least 1"):
            Evaluator(NAME, num_tasks=wrong)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int32, torch.uint8]
)
def test_every_real_tensor_dtype_is_judged_in_float64(table, dtype):
    tensors = {key: torch.from_numpy(table[key]).to(dtype) for key in ("y_true", "y_pred")}
    arrays = {key: tensor.to(torch.float64).numpy() for key, tensor in tensors.items()}
    expected = Evaluator(NAME).eval(arrays)
    assert Evaluator(NAME).eval(tensors) == expected
    assert expected["rmse"] == np.sqrt(np.mean((arrays["y_true"] - arrays["y_pred"]) ** 2))


@pytest.mark.parametrize("dtype", ["float16", ">f4", "float64", "longdouble", "int64", "uint8"])
def test_every_real_array_dtype_is_judged_in_float64(table, dtype):
    arrays = {key: table[key].astype(dtype) for key in ("y_true", "y_pred")}
    expected = {key: values.astype(np.float64) for key, values in arrays.items()}
    assert Evaluator(NAME).eval(arrays) == Evaluator(NAME).eval(expected)


def test_float32_sums_do_not_drift():
    # A float32 mean of these would be off in the third digit.
    y_true = np.full((300_000, 1), 90, dtype=np.float32)
    y_pred = y_true + np.float32(0.1)
    error = float(y_pred[0, 0]) - 90.0
    assert Evaluator(NAME).eval({"y_true": y_true, "y_pred": y_pred})["rmse"] == pytest.approx(error, rel=1e-12)


def test_gradients_mixed_kinds_and_views_are_accepted_and_left_alone(table):
    expected = Evaluator(NAME).eval(pick(table, "y_true", "y_pred"))
    y_pred = torch.from_numpy(table["y_pred"].copy()).requires_grad_()
    wide = np.zeros((100, 4))
    wide[::2, 1:2] = table["y_true"]
    y_true = wide[::2, 1:2]
    y_true.flags.writeable = False
    assert Evaluator(NAME).eval({"y_true": y_true, "y_pred": y_pred}) == expected
    assert y_pred.requires_grad
    assert np.array_equal(y_true, table["y_true"])
    assert Evaluator(NAME).eval({"y_true": y_true, "y_pred": torch.nn.Parameter(y_pred.detach())}) == expected


def test_tensors_that_are_lazily_negated_are_accepted(table):
    lazy = torch.complex(torch.zeros(50, 1, dtype=torch.float64), -torch.from_numpy(table["y_pred"])).conj().imag
    assert lazy.is_neg()
    expected = Evaluator(NAME).eval(pick(table, "y_true", "y_pred"))
    assert Evaluator(NAME).eval({"y_true": table["y_true"], "y_pred": lazy}) == expected


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_tensors(table):
    tensors = {key: torch.from_numpy(values).cuda() for key, values in table.items()}
    assert Evaluator(NAME).eval(tensors) == Evaluator(NAME).eval(table)


@pytest.mark.parametrize("key", ["y_true", "y_pred", "y_std"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_named(table, key, bad):
    table[key][[4, 17, 30]] = bad
    message = rf"^{key} holds 3 values that are NaN or infinite, first in row 4, column 0 \({bad};"
    with pytest.raises(EvaluationError, match=message):
        Evaluator(NAME).eval(table)
    with pytest.raises(RuntimeError, match=message):
        Evaluator(NAME).eval({name: torch.from_numpy(values) for name, values in table.items()})


def test_runs_may_be_missing_but_not_infinite(table):
    table["y_runs"][3, 1] = np.inf
    with pytest.raises(EvaluationError, match=r"y_runs holds 1 value that is infinite.*in row 3"):
        Evaluator(NAME).eval(table)


def test_standard_deviations_have_to_be_positive(table):
    table["y_std"][[9, 11]] = 0
    with pytest.raises(
        EvaluationError, match=r"y_std holds 2 values that are not above 0, first in row 9, column 0 \(0\.0;"
    ):
        Evaluator(NAME).eval(pick(table, "y_true", "y_pred", "y_std"))


@pytest.mark.parametrize("key", ["y_true", "y_pred", "y_std", "y_runs"])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda values: values.tolist(), "is of type list: give a numpy array or a torch tensor"),
        (lambda values: None, "is of type NoneType"),
        (lambda values: values + 0j, "has dtype complex128: give an array of floats or integers"),
        (lambda values: values.astype(object), "has dtype object"),
        (lambda values: values.astype(str), "has dtype <U"),
        (lambda values: values > 90, "has dtype bool"),
        (lambda values: values.astype("datetime64[s]"), "has dtype datetime64"),
        (lambda values: np.ma.masked_less(values, 90), "is a masked array"),
        (lambda values: torch.from_numpy(values) + 0j, "has dtype torch.complex128"),
        (lambda values: torch.from_numpy(values) > 90, "has dtype torch.bool"),
        (lambda values: torch.from_numpy(values).to_sparse(), "is a tensor of layout torch.sparse_coo"),
        (lambda values: torch.from_numpy(values).to("meta"), "tensor on meta, holds no values"),
    ],
)
def test_other_types_are_refused(table, key, spoil, message):
    table[key] = spoil(table[key])
    with pytest.raises(EvaluationError, match=f"^{key}.* {message}"):
        Evaluator(NAME).eval(table)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_pred": (49, 1)}, r"y_pred has shape \[49, 1\] and y_true has shape \[50, 1\]"),
        ({"y_pred": (50,)}, r"y_pred has shape \[50\] and y_true"),
        ({"y_pred": (1, 50)}, r"y_pred has shape \[1, 50\]"),
        ({"y_std": (1, 1)}, r"y_std has shape \[1, 1\] and y_true"),
        ({"y_true": (50,), "y_pred": (50,), "y_std": (50,)}, r"1 dimension\(s\) and need 2, \[graphs, 1\]"),
        ({"y_true": (), "y_pred": (), "y_std": ()}, r"0 dimension\(s\)"),
        ({"y_true": (50, 2), "y_pred": (50, 2), "y_std": (50, 2)}, f"have 2 tasks and {NAME} is evaluated with 1"),
        ({"y_true": (0, 1), "y_pred": (0, 1), "y_std": (0, 1)}, "hold no rows"),
        ({"y_runs": (49, 3)}, r"y_runs has shape \[49, 3\]: .* of shape \[50, runs\]"),
        ({"y_runs": (50,)}, r"y_runs has shape \[50\]"),
        ({"y_runs": (50, 0)}, r"y_runs has shape \[50, 0\]"),
        ({"y_runs": (50, 2, 3)}, r"y_runs has shape \[50, 2, 3\]"),
        ({"y_runs": (50, 1)}, "none of the 50 rows of y_runs holds two runs that differ"),
    ],
)
def test_shapes_are_checked(table, changes, message):
    with pytest.raises(EvaluationError, match=message):
        Evaluator(NAME).eval(table | {key: np.ones(shape) for key, shape in changes.items()})


def test_runs_of_several_tasks_need_their_own_axis(table):
    two = {key: np.repeat(table[key], 2, axis=1) for key in ("y_true", "y_pred", "y_std")}
    with pytest.raises(EvaluationError, match=r"y_runs has shape \[50, 3\]: .* of shape \[50, 2, runs\]"):
        Evaluator(NAME, num_tasks=2).eval({**two, "y_runs": table["y_runs"]})


def test_keys_are_checked(table):
    evaluator = Evaluator(NAME)
    for key in ("y_true", "y_pred"):
        with pytest.raises(EvaluationError, match=f"missing key {key}"):
            evaluator.eval({name: values for name, values in table.items() if name != key})
    with pytest.raises(EvaluationError, match="missing key y_std"):
        evaluator.eval(pick(table, "y_true", "y_pred", "y_runs"))
    with pytest.raises(EvaluationError, match=r"unknown key 'y_var', 3 .*understands y_true, y_pred, y_std, y_runs"):
        evaluator.eval({**table, "y_var": table["y_std"], 3: 4})
    for wrong in (None, [table["y_true"], table["y_pred"]], table["y_true"]):
        with pytest.raises(EvaluationError, match="eval takes a dictionary"):
            evaluator.eval(wrong)


def test_every_error_is_one_sentence(table):
    bad = [{}, {"y": 1}, pick(table, "y_true"), {**table, "y_pred": [1]}, {**table, "y_true": table["y_true"][1:]}]
    bad += [{**table, "y_pred": np.where(table["y_pred"] > 90, np.nan, 1)}, {**table, "y_std": -table["y_std"]}]
    for input_dict in bad:
        with pytest.raises(EvaluationError) as caught:
            Evaluator(NAME).eval(input_dict)
        message = str(caught.value)
        assert message.endswith(".")
        assert "\n" not in message
        assert ". " not in message


def test_neither_torch_nor_ogb_is_imported():
    script = f"""
import sys
import numpy as np
import nb301_ogb
y = np.arange(8.0).reshape(4, 2)
evaluator = nb301_ogb.Evaluator({NAME!r}, num_tasks=2)
print(evaluator.eval({{"y_true": y, "y_pred": y + 1, "y_std": y + 1}})["rmse"])
assert not {{"torch", "ogb", "sklearn"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "1.0\n"), done.stderr
