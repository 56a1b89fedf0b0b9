"""Label scales: the inverse, what standardised means, and labels that do not fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nb301_ogb.baselines.label_scale import SCALES, LabelScale
from nb301_ogb.errors import ConfigError

LABELS = hnp.arrays(np.float32, st.tuples(st.integers(2, 20), st.integers(1, 3)), elements=st.floats(1, 99, width=32))


@given(LABELS, st.sampled_from(sorted(SCALES)))
def test_there_and_back(labels: np.ndarray, kind: str) -> None:
    scale = LabelScale.fitted(kind, labels)
    again = scale.back(scale.there(torch.from_numpy(labels)))
    assert np.allclose(again.numpy(), labels, rtol=2e-3, atol=2e-2)


@pytest.mark.parametrize("kind", sorted(SCALES))
def test_standardised(kind: str) -> None:
    labels = np.random.default_rng(0).uniform(5, 95, (500, 2)).astype(np.float32)
    labels[3, 0] = np.nan
    standard = LabelScale.fitted(kind, labels).there(torch.from_numpy(labels)).numpy()
    assert np.nanmean(standard, axis=0) == pytest.approx(0, abs=1e-4)
    assert np.nanstd(standard, axis=0) == pytest.approx(1, abs=1e-4)


def test_log_error_is_the_log_of_the_error() -> None:
    scale = LabelScale("log_error", torch.zeros(1), torch.ones(1))
    assert scale.there(torch.tensor([[90.0]])).item() == pytest.approx(np.log(10))


def test_constant_labels() -> None:
    scale = LabelScale.fitted("linear", np.full((4, 1), 7.0, dtype=np.float32))
    assert scale.back(torch.zeros(1, 1)).item() == 7.0


@pytest.mark.parametrize(("kind", "value"), [("log", 0.0), ("log_error", 100.0), ("log_error", 3000.0)])
def test_labels_off_the_scale(kind: str, value: float) -> None:
    with pytest.raises(ConfigError, match="use 'linear'"):
        LabelScale.fitted(kind, np.array([[value], [50.0]], dtype=np.float32))


def test_unknown_scale() -> None:
    with pytest.raises(ConfigError, match="log_error"):
        LabelScale.fitted("sqrt", np.ones((2, 1), dtype=np.float32))
