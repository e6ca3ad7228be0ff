"""``--set field=value``: values arrive with their types, anything else is refused in one line."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments import studies
from theory.errors import InputError


@dataclass(frozen=True)
class Grid:
    widths: tuple[int, ...] = (8,)
    rate: float = 0.1
    steps: int = 10
    name: str = "a"
    exact: bool = False
    limit: int | None = None
    rates: tuple[float, ...] = ()


@given(
    st.lists(st.integers()), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none() | st.integers()
)
def test_settings_arrive_with_their_types(widths, rate, exact, limit):
    given_settings = [f"widths={','.join(map(str, widths))}", f"rate={rate!r}", f"exact={exact}", f"limit={limit}"]
    expected = Grid(widths=tuple(widths), rate=rate, exact=exact, limit=limit)
    assert studies.with_settings(Grid(), given_settings) == expected


@given(st.lists(st.text() | st.tuples(st.sampled_from([*Grid.__annotations__]), st.text()).map("=".join), max_size=4))
def test_any_setting_is_taken_or_refused_in_one_line(settings):
    try:
        changed = studies.with_settings(Grid(), settings)
    except InputError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert all(isinstance(width, int) for width in changed.widths)
        assert np.isfinite(changed.rate)


@pytest.mark.parametrize("name", studies.STUDIES)
def test_no_study_lists_cells_without_end(name):
    preset = studies.get(name).presets["quick"]
    counted = [field.name for field in dataclasses.fields(preset) if field.name.endswith("seeds")]
    assert counted
    for field in counted:
        with pytest.raises(InputError, match=f"^{field} 1000000000000: every seed is a cell"):
            studies.with_settings(preset, [f"{field}=1000000000000"])
