"""Progress without a terminal: a line now and then, with the time left."""

from __future__ import annotations

import io
from itertools import count

import pytest
from rich.console import Console

from experiments import progress


def test_a_line_every_ten_seconds_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count(100.0, 4.0)  # each look at it is 4 s later
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    out = io.StringIO()
    with progress.counting(Console(file=out, width=200), "certifying", 1000) as advance:
        for _ in range(6):
            advance(100)
    assert out.getvalue().splitlines() == [
        "certifying: 300/1,000, time left: 28 s",
        "certifying: 600/1,000, time left: 16 s",
    ]
