"""``parrots bounds``: the JSON contract, values rounded the safe way, one line for bad input."""

from __future__ import annotations

import io
import json
from fractions import Fraction

import pytest
from rich.console import Console

from experiments.cli import main
from experiments.cli.commands.bounds import Bounds, number
from theory.bounds import Size, bounds_table


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["bounds", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_json_contract(capsys) -> None:
    words = ("--vertices", "130", "--heads", "2", "--bits", "8", "--tokens", "200", "--neurons", "512", "--width", "6")
    code, out, err = run(capsys, *words, "--experts", "4", "--accuracy", "0.9", "--json")
    assert (code, err) == (0, "")
    payload = json.loads(out)
    assert set(payload) == {"input", "bounds"}
    assert {"vertices": 130, "heads": 2, "bits": 8, "tokens": 200, "width": 6, "experts": 4}.items() <= payload[
        "input"
    ].items()
    for row in payload["bounds"]:
        assert list(row) == ["statement", "quantity", "value", "unit", "applies", "why"]
    size = Size(130, 2, 8, 200, 512, 6, 4, Fraction(9, 10))
    expected = bounds_table(size)
    assert [row["statement"] for row in payload["bounds"]] == [row.statement for row in expected]
    for row, exact in zip(payload["bounds"], expected, strict=True):
        assert type(row["value"]) is (float if isinstance(exact.value, Fraction) else type(exact.value))
        if isinstance(exact.value, Fraction):
            assert 0 <= Fraction(row["value"]) - exact.value + Fraction(1, 10**15) < Fraction(2, 10**6)
        else:
            assert row["value"] == exact.value


def test_rationals_are_rounded_up() -> None:
    assert number(Fraction(1, 3)) == 0.333334
    assert number(Fraction(2, 3)) == 0.666667
    assert number(Fraction(1)) == 1.0
    assert number(True) is True


def test_decimals_are_taken_as_typed() -> None:
    size = Bounds(vertices=8, accuracy=0.9, hidden_ratio=0.1, signal_to_noise=0.3).size()
    assert (size.accuracy, size.hidden_ratio, size.signal_to_noise) == (
        Fraction(9, 10),
        Fraction(1, 10),
        Fraction(3, 10),
    )


def test_view_fits_a_hundred_columns_and_says_what_is_missing() -> None:
    page = io.StringIO()
    console = Console(file=page, width=100)
    console.print(Bounds(vertices=514, bits=8, width=12, neurons=2048, experts=16).run(console).view)
    text = page.getvalue()
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text
    assert "ruled out: needs" in text
    assert "--accuracy, --generated-tokens, --set-size, --signal-to-noise, --slots, --vocabulary" in " ".join(
        text.split()
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--vertices", "2"), "below 3"),
        (("--vertices", "many"), "whole number"),
        (("--vertices", "-9"), "below 3"),
        (("--vertices", "9", "--heads", "2", "--width", "5"), "multiple of the heads"),
        (("--vertices", "9", "--width", "0"), "width 0"),
        (("--vertices", "9", "--bits", "0"), "bits 0"),
        (("--vertices", "9", "--tokens", "8"), "give 9 or more"),
        (("--vertices", "9", "--accuracy", "2"), "0.5 to 1"),
        (("--vertices", "9", "--attention", "linear"), "softmax"),
        (("--vertices", "9", "--signal-to-noise", "0"), "signal_to_noise 0.0 is not positive"),
        (("--vertices", "9", "--generated-tokens", "0"), "generated_tokens 0 is below 1"),
        (("--vertices", "9", "--vocabulary", "0"), "vocabulary 0 is below 1"),
        (("--vertices", "9", "--slots", "0"), "slots 0 is below 1"),
        (("--bits", "8"), "--vertices"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(capsys, words, says) -> None:
    code, out, err = run(capsys, *words, "--json")
    assert code == 2
    assert says in json.loads(out)["error"]
    assert len(err.splitlines()) == 1
