"""``parrots plan``: units, sources, files, and one line for a budget that cannot be."""

import csv
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.capacity import LITERATURE
from experiments.cli import main
from experiments.planning.amounts import amount, short
from experiments.planning.layout import CORPORA
from theory import statements
from theory.errors import InputError
from theory.plan import PlanBudget, plan

BIBLIOGRAPHY = Path(__file__).parents[2] / "docs" / "references.bib"
SMALL = ["plan", "--total", "60k", "--active", "30k", "--layers", "2", "--vocabulary", "20", "--head-width", "4"]


def said(capsys, words: list[str], code: int = 0):
    assert main([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("text", "value"),
    [("2e9", 2 * 10**9), ("2B", 2 * 10**9), ("300M", 3 * 10**8), ("1.5b", 15 * 10**8), ("7_000", 7000), ("7,000", 7000),
     (".5k", 500), ("2E+3", 2000), ("1T", 10**12), ("1e18", 10**18), ("16777217", 2**24 + 1)],
)  # fmt: skip
def test_reads_amounts(text, value):
    assert amount(text, "--total") == value


@pytest.mark.parametrize("text", ["", "0", "-3", "x", "2.5", "1e-3", "1e19", "9" * 5000, "2 B M", "nan", "inf"])
def test_refuses_what_is_no_amount(text):
    with pytest.raises(InputError, match=r"--total .*: it takes a whole number from 1 to 1e18, such as 2e9"):
        amount(text, "--total")


@pytest.mark.parametrize("words", [["--bits", "4096"], ["--context", "1000000000000000000"]], ids=str)
def test_shows_numbers_beyond_the_last_letter(capsys, words):
    assert main(["plan", "--total", "1e18", "--experts", "1", *words]) == 0
    assert "e+2" in capsys.readouterr().out


@given(value=st.integers(1, 10**18))
def test_a_short_amount_is_within_half_a_percent(value):
    assert re.fullmatch(r"\d{1,3}(\.\d{1,2})?[kMBTPE]?", short(value))
    scale = dict(zip("kMBTPE", (10**power for power in (3, 6, 9, 12, 15, 18)), strict=True))
    shown = float(short(value).rstrip("kMBTPE")) * scale.get(short(value)[-1], 1)
    assert abs(shown - value) <= 0.005001 * value


def test_rows_are_the_plan(capsys):
    payload = said(capsys, SMALL)
    choices = plan(PlanBudget(total=60_000, active=30_000, layers=2, vocabulary=20, head_width=4, multiple=4))
    assert [(row["experts"], row["width"], row["total"], row["active"]) for row in payload["rows"]] == [
        (c.shape.experts, c.shape.width, c.shape.counts.total, c.shape.counts.active) for c in choices
    ]
    for row in payload["rows"]:
        assert row["most_bits"] == 16 * row["total"]
        assert [row[column] for column in CORPORA.values()] == [
            round(one.bits * row["total"]) for one in LITERATURE if one.cites in CORPORA
        ]
        assert row["bits_by_own"] is None


def test_what_does_not_fit_is_said(capsys):
    payload = said(capsys, [*SMALL, "--experts", "2", "4096"])
    assert [row["experts"] for row in payload["rows"]] == [2]
    (out,) = payload["left_out"]
    assert (out["experts"], out["width"]) == (4096, 4) and out["total"] > 60_000
    assert main([*SMALL, "--experts", "2", "4096"]) == 0
    assert f"4,096 experts do not fit: at width 4 they take {out['total']:,} parameters" in capsys.readouterr().out


def test_every_source_exists(capsys):
    sources = {one["source"] for one in said(capsys, SMALL)["sources"].values()}
    keys = set(re.findall(r"@\w+\{(\w+),", BIBLIOGRAPHY.read_text()))
    assert sources <= keys | set(statements.ids())
    assert sources & keys and sources & set(statements.ids())


def test_writes_what_it_prints(capsys, tmp_path):
    payload = said(capsys, [*SMALL, "--experts", "1", "4", "16", "--out", str(tmp_path)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plan.csv", "plan.json", "plan.png", "plan.svg"]
    assert json.loads((tmp_path / "plan.json").read_text()) == payload
    with (tmp_path / "plan.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["experts"] for line in lines] == ["1", "4", "16"]
    assert all(line[name] == ("" if row[name] is None else str(row[name])) for line, row in
               zip(lines, payload["rows"], strict=True) for name in line)  # fmt: skip
    svg = (tmp_path / "plan.svg").read_text()
    assert "<desc>" in svg and "currentColor" in svg
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    said(capsys, [*SMALL, "--experts", "1", "4", "16", "--out", str(tmp_path)])
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--total", "lots"], "--total 'lots': it takes a whole number"),
        (["--total", "1M"], r"embedding and head: give --total [\d,]+ --active [\d,]+ or more"),
        (
            ["--total", "2e9", "--active", "3e9"],
            "is above total .* at least --total 3,000,000,000",
        ),
        (["--total", "2e9", "--experts", "1", "0"], "0 experts with top_k 2: give 1 for a dense model"),
        (["--total", "2e9", "--hidden-ratio", "0"], "hidden_ratio 0.0 is not positive"),
        (["--total", "2e9", "--results", "nowhere"], "nowhere/results.sqlite does not exist"),
        ([], "--total is required"),
    ],
)
def test_one_line_for_what_cannot_be(capsys, words, line):
    found = said(capsys, ["plan", *words], 2)["error"]
    assert re.search(line, found) and "\n" not in found


def test_other_studies_have_no_capacity(capsys, tmp_path):
    from experiments.store import Store

    Store(tmp_path).close()
    found = said(capsys, [*SMALL, "--results", str(tmp_path)], 2)["error"]
    assert "holds no models of the study phone-book: give --results a folder of" in found
