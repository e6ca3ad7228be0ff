"""What commands and the store hand over always has a JSON form."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.jsonable import jsonable


def test_json_forms():
    value = {"a": (np.int64(1), np.float32(0.5), np.array([1, 2])), 1: {"c", "b"}, "f": Fraction(1, 3), "p": Path("x")}
    assert jsonable(value) == {"a": [1, 0.5, [1, 2]], "1": ["b", "c"], "f": "1/3", "p": "x"}
    assert jsonable([float("nan"), float("-inf"), np.float64("inf"), True]) == [None, None, None, True]
    with pytest.raises(TypeError, match="object has no JSON form"):
        jsonable(object())


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists))
def test_everything_jsonable_is_json(value):
    json.dumps(jsonable(value), allow_nan=False)
