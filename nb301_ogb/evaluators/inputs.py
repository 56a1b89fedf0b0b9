"""From what a user hands over to checked float64 arrays."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.errors import EvaluationError

FloatArray = NDArray[np.float64]


def as_float64(name: str, value: Any) -> FloatArray:
    """A numpy array or torch tensor as a float64 array on the CPU.

    Every real dtype is understood (bfloat16, float16 and the integers too), on any device, with or without a gradient.
    torch is never imported here: where a tensor exists, it has been imported already.

    Args:
        name: what the errors call the value.
        value: numpy.ndarray or torch.Tensor of any shape.

    Raises:
        EvaluationError: for another type, a masked or sparse array, or a dtype that holds no real numbers.

    >>> as_float64("y_pred", np.array([1, 2], dtype=np.int8))
    array([1., 2.])
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _from_tensor(name, value, torch)
    if not isinstance(value, np.ndarray):
        msg = f"{name} is of type {type(value).__name__}: give a numpy array or a torch tensor."
        raise EvaluationError(msg)
    if isinstance(value, np.ma.MaskedArray):
        msg = f"{name} is a masked array: give only the rows that count, as a plain numpy array."
        raise EvaluationError(msg)
    if value.dtype.kind not in "fiu":
        raise _dtype_error(name, value.dtype)
    with np.errstate(over="ignore"):  # a long double beyond float64 becomes infinite, which `check_finite` reports
        return np.asarray(value, dtype=np.float64)


def _from_tensor(name: str, value: Any, torch: Any) -> FloatArray:
    if value.is_complex() or value.dtype == torch.bool:
        raise _dtype_error(name, value.dtype)
    if value.layout != torch.strided:
        msg = f"{name} is a tensor of layout {value.layout}: give a dense one, such as {name}.to_dense()."
        raise EvaluationError(msg)
    try:
        # To the CPU first: not every device has float64.
        return value.detach().cpu().to(torch.float64).resolve_neg().numpy()
    except (RuntimeError, TypeError, NotImplementedError) as error:
        msg = f"{name}, a {value.dtype} tensor on {value.device}, holds no values that can be read as float64: {error}"
        raise EvaluationError(msg) from error


def _dtype_error(name: str, dtype: Any) -> EvaluationError:
    return EvaluationError(f"{name} has dtype {dtype}: give an array of floats or integers.")


def check_finite(name: str, values: FloatArray, *, allow_nan: bool = False) -> None:
    """Refuses NaN and infinity; `allow_nan` refuses only infinity.

    Raises:
        EvaluationError: naming the count and the place of the first one.
    """
    wrong = np.isinf(values) if allow_nan else ~np.isfinite(values)
    kind = "infinite" if allow_nan else "NaN or infinite"
    _refuse(name, values, wrong, kind, "give finite values, or leave these rows out of every array")


def check_positive(name: str, values: FloatArray) -> None:
    """Refuses values that are not above 0.

    Raises:
        EvaluationError: naming the count and the place of the first one.
    """
    _refuse(name, values, ~(values > 0), "not above 0", "give standard deviations")


def _refuse(name: str, values: FloatArray, wrong: NDArray[np.bool_], fault: str, advice: str) -> None:
    count = int(np.count_nonzero(wrong))
    if not count:
        return
    place = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    where = f"row {place[0]}" + "".join(f", column {column}" for column in place[1:])
    amount = "1 value that is" if count == 1 else f"{count} values that are"
    msg = f"{name} holds {amount} {fault}, first in {where} ({values[place]!s}; counted from 0): {advice}."
    raise EvaluationError(msg)


def vectors(**values: Any) -> tuple[FloatArray, ...]:
    """Checks the arguments of a metric: one-dimensional, of one length, not empty, finite.

    Args:
        values: arrays or tensors [n], under the names that errors give them.

    Returns:
        The arrays as float64 [n], in the order given.

    Raises:
        EvaluationError: naming the argument.
    """
    arrays = {name: as_float64(name, value) for name, value in values.items()}
    first, length = next((name, array.size) for name, array in arrays.items())
    for name, array in arrays.items():
        if array.ndim != 1:
            msg = f"{name} has shape {list(array.shape)}: a metric takes one task at a time, as an array of shape [n]."
            raise EvaluationError(msg)
        if array.size != length:
            msg = f"{name} has {array.size} rows and {first} has {length}: give one value a graph in each."
            raise EvaluationError(msg)
        if not array.size:
            msg = f"{name} holds no rows: evaluate at least one graph."
            raise EvaluationError(msg)
        check_finite(name, array)
    return tuple(arrays.values())
