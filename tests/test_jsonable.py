"""Values as JSON can hold them."""

from __future__ import annotations

import json
import math

from nb301_ogb.jsonable import finite


def test_nan_and_infinity_become_null() -> None:
    value = {"a": [1, 2.5, math.nan], "b": (math.inf, "x", None, True), "c": {"d": -math.inf}}
    assert finite(value) == {"a": [1, 2.5, None], "b": [None, "x", None, True], "c": {"d": None}}
    json.dumps(finite(value), allow_nan=False)
