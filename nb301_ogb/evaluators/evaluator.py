"""The official evaluator, with the interface of `ogb.graphproppred.Evaluator`."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import numpy as np

from nb301_ogb.catalog import get_info
from nb301_ogb.errors import EvaluationError
from nb301_ogb.evaluators.inputs import FloatArray, as_float64, check_finite, check_positive
from nb301_ogb.evaluators.metrics import METRICS
from nb301_ogb.evaluators.uncertainty import coverage_95, kl, nll

KEYS = ("y_true", "y_pred", "y_std", "y_runs")
"""What the dictionary given to `Evaluator.eval` may hold; the first two it must hold."""


class Evaluator:
    """Judges predictions for one dataset.

    Args:
        name: the dataset's name; the prefix `ogbg-` may be left out.
        num_tasks: the columns of `y`, where the dataset was loaded with several targets (keyword only).

    Attributes:
        name: the dataset's full name.
        num_tasks: the columns that `y_true` and `y_pred` must have.
        eval_metric: the metric that decides, always a key of the result: `rmse`, lower is better.

    Raises:
        DatasetNameError: (a ValueError) for an unknown name, listing the datasets there are.
        EvaluationError: for a `num_tasks` that is not a positive integer.

    >>> evaluator = Evaluator("ogbg-nb201-cifar10")
    >>> y_true = np.array([[90.0], [91.0], [92.0], [93.0]])
    >>> y_pred = np.array([[90.5], [90.5], [92.5], [93.5]])
    >>> for metric, value in evaluator.eval({"y_true": y_true, "y_pred": y_pred}).items():
    ...     print(f"{metric} {value:.4f}")
    rmse 0.5000
    mae 0.5000
    r2 0.8000
    kendall_tau 0.9129
    sparse_kendall_tau 0.9129
    spearman 0.9487

    With a predicted standard deviation and the single runs, the distribution is judged too:

    >>> y_runs = np.array([[89.5, 90.5], [90.0, 92.0], [92.0, np.nan], [92.5, 93.5]])
    >>> y_std = np.ones((4, 1))
    >>> result = evaluator.eval({"y_true": y_true, "y_pred": y_pred, "y_std": y_std, "y_runs": y_runs})
    >>> {metric: round(result[metric], 4) for metric in ("nll", "coverage_95", "kl", "kl_left_out")}
    {'nll': 1.0439, 'coverage_95': 1.0, 'kl': 0.2405, 'kl_left_out': 1.0}
    """

    name: str
    num_tasks: int
    eval_metric: str

    def __init__(self, name: str, *, num_tasks: int | None = None) -> None:
        info = get_info(name)
        self.name = info.name
        self.eval_metric = info.eval_metric
        self.num_tasks = info.num_tasks if num_tasks is None else _positive(num_tasks)

    def eval(self, input_dict: Mapping[str, Any]) -> dict[str, float]:
        """Computes every metric, in float64; with several tasks each is the mean over the tasks, as in OGB.

        Args:
            input_dict: numpy arrays or torch tensors of any real dtype, on any device:
                `y_true` and `y_pred` [B, num_tasks], finite (unlike OGB's, this evaluator does not skip NaN labels);
                `y_std` [B, num_tasks], optional, the predicted standard deviation, finite and above 0;
                `y_runs` [B, num_tasks, R], or [B, R] with one task, optional beside `y_std`: the label of each run,
                NaN where there is no run.

        Returns:
            Python floats, never NaN: `rmse` first, then `mae`, `r2`, `kendall_tau`, `sparse_kendall_tau`, `spearman`;
            with `y_std` also `nll` and `coverage_95`; with `y_runs` also `kl` and `kl_left_out`, the number of rows
            (summed over the tasks) without two runs that differ, which `kl` leaves out.

        Raises:
            EvaluationError: (a RuntimeError) for a missing or unknown key, a wrong type, dtype or shape, no rows, and
                values that are not finite; names the argument, the count and the first offending row.
        """
        arrays = self._check(input_dict)
        truth, prediction = arrays["y_true"], arrays["y_pred"]
        names = dict.fromkeys((self.eval_metric, *METRICS))
        tasks = range(self.num_tasks)
        result = {name: _mean([METRICS[name](truth[:, t], prediction[:, t]) for t in tasks]) for name in names}
        if "y_std" in arrays:
            std = arrays["y_std"]
            result["nll"] = _mean([nll(truth[:, t], prediction[:, t], std[:, t]) for t in tasks])
            result["coverage_95"] = _mean([coverage_95(truth[:, t], prediction[:, t], std[:, t]) for t in tasks])
            if "y_runs" in arrays:
                pairs = [kl(arrays["y_runs"][:, t], prediction[:, t], std[:, t]) for t in tasks]
                result["kl"] = _mean([value for value, _ in pairs])
                result["kl_left_out"] = float(sum(left_out for _, left_out in pairs))
        return result

    @property
    def expected_input_format(self) -> str:
        """What `eval` takes, for people."""
        shape = "numpy ndarray or torch tensor of shape (num_graphs, num_tasks)"
        runs = "(num_graphs, num_runs)" if self.num_tasks == 1 else "(num_graphs, num_tasks, num_runs)"
        return (
            f"==== Expected input format of Evaluator for {self.name}\n"
            "{'y_true': y_true, 'y_pred': y_pred}\n"
            f"- y_true: {shape}\n"
            f"- y_pred: {shape}\n"
            f"where num_tasks is {self.num_tasks}, and each row corresponds to one graph.\n"
            "NaN and infinite values are an error.\n"
            "Optional keys:\n"
            f"- y_std: {shape},\n"
            "  the standard deviation of each prediction, above 0\n"
            f"- y_runs: numpy ndarray or torch tensor of shape {runs},\n"
            "  the label of each run, NaN where there is no run; needs y_std\n"
        )

    @property
    def expected_output_format(self) -> str:
        """What `eval` returns, for people."""
        lines = [(name, _DESCRIPTIONS[name]) for name in dict.fromkeys((self.eval_metric, *METRICS))]
        extra = [(name, text) for name, text in _DESCRIPTIONS.items() if name not in METRICS]
        return (
            f"==== Expected output format of Evaluator for {self.name}\n"
            f"{{{', '.join(f'{name!r}: {name}' for name, _ in lines)}}}\n"
            + "".join(f"- {name} (float): {text}\n" for name, text in lines)
            + f"each averaged across {self.num_tasks} task(s); the evaluation metric is {self.eval_metric}.\n"
            + "With y_std, and the last two with y_runs:\n"
            + "".join(f"- {name} (float): {text}\n" for name, text in extra)
        )

    def __repr__(self) -> str:
        tasks = f", num_tasks={self.num_tasks}" if self.num_tasks != 1 else ""
        return f"Evaluator({self.name!r}{tasks})"

    def _check(self, input_dict: Mapping[str, Any]) -> dict[str, FloatArray]:
        if not isinstance(input_dict, Mapping):
            msg = f"eval takes a dictionary with the keys y_true and y_pred, not a {type(input_dict).__name__}."
            raise EvaluationError(msg)
        self._check_keys(input_dict)
        arrays = {key: as_float64(key, input_dict[key]) for key in KEYS if key in input_dict}
        self._check_shapes(arrays)
        if "y_runs" in arrays:
            arrays["y_runs"] = arrays["y_runs"].reshape(len(arrays["y_true"]), self.num_tasks, -1)
        for key, values in arrays.items():
            check_finite(key, values, allow_nan=key == "y_runs")
        if "y_std" in arrays:
            check_positive("y_std", arrays["y_std"])
        return arrays

    def _check_keys(self, input_dict: Mapping[str, Any]) -> None:
        unknown = sorted(repr(key) for key in input_dict if key not in KEYS)
        if unknown:
            msg = f"unknown key {', '.join(unknown)} in the input of the evaluator: it understands {', '.join(KEYS)}."
            raise EvaluationError(msg)
        for key in KEYS[:2]:
            if key not in input_dict:
                msg = f"missing key {key} in the input of the evaluator: it needs y_true and y_pred."
                raise EvaluationError(msg)
        if "y_runs" in input_dict and "y_std" not in input_dict:
            msg = "missing key y_std in the input of the evaluator: y_runs is judged against the predicted y_std."
            raise EvaluationError(msg)

    def _check_shapes(self, arrays: Mapping[str, FloatArray]) -> None:
        shape = arrays["y_true"].shape
        for key in ("y_pred", "y_std"):
            if key in arrays and arrays[key].shape != shape:
                msg = (
                    f"{key} has shape {list(arrays[key].shape)} and y_true has shape {list(shape)}: "
                    f"give both as [graphs, {self.num_tasks}]."
                )
                raise EvaluationError(msg)
        if len(shape) != 2:
            msg = (
                f"y_true and y_pred have {len(shape)} dimension(s) and need 2, [graphs, {self.num_tasks}]: "
                "with one task, reshape(-1, 1) gives them."
            )
            raise EvaluationError(msg)
        if shape[1] != self.num_tasks:
            msg = (
                f"y_true and y_pred have {shape[1]} tasks and {self.name} is evaluated with {self.num_tasks}: "
                "give Evaluator(name, num_tasks=...) the number of targets of the dataset."
            )
            raise EvaluationError(msg)
        if not shape[0]:
            msg = "y_true and y_pred hold no rows: evaluate at least one graph."
            raise EvaluationError(msg)
        self._check_runs_shape(arrays, shape[0])

    def _check_runs_shape(self, arrays: Mapping[str, FloatArray], rows: int) -> None:
        if "y_runs" not in arrays:
            return
        given = arrays["y_runs"].shape
        flat = len(given) == 2 and given[0] == rows and self.num_tasks == 1
        if not (flat or (len(given) == 3 and given[:2] == (rows, self.num_tasks))) or given[-1] == 0:
            wanted = f"[{rows}, runs]" if self.num_tasks == 1 else f"[{rows}, {self.num_tasks}, runs]"
            msg = f"y_runs has shape {list(given)}: give the runs of each row of y_true, of shape {wanted}."
            raise EvaluationError(msg)


_DESCRIPTIONS = {
    "rmse": "root mean squared error, lower is better",
    "mae": "mean absolute error, lower is better",
    "r2": "coefficient of determination, higher is better",
    "kendall_tau": "Kendall's tau-b, higher is better",
    "sparse_kendall_tau": "Kendall's tau-b with y_pred rounded to one decimal, higher is better",
    "spearman": "Spearman's rank correlation, higher is better",
    "nll": "mean Gaussian negative log likelihood, lower is better",
    "coverage_95": "share of y_true within y_pred +- 1.96 y_std, 0.95 is best",
    "kl": "mean KL divergence of the predicted from the measured Gaussian, lower is better",
    "kl_left_out": "number of rows without two runs that differ, left out of kl",
}


def _positive(num_tasks: Any) -> int:
    try:
        number = operator.index(num_tasks)
    except TypeError:
        number = 0
    if number < 1 or isinstance(num_tasks, bool):
        msg = f"num_tasks is {num_tasks!r}: give the number of targets, an integer of at least 1."
        raise EvaluationError(msg)
    return number


def _mean(values: list[float]) -> float:
    return float(np.mean(values))
