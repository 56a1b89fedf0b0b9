"""What is a good prediction: metrics and the official evaluator."""

from __future__ import annotations

from nb301_ogb.evaluators.evaluator import Evaluator

__all__ = ["Evaluator"]
