"""The page of `specialisation` from rows made up so that every number on it is known."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from experiments.engine import DIVERGED
from experiments.report.drawing import render
from experiments.report.html import render_page
from experiments.report.page import Table
from experiments.store import Row
from experiments.studies import with_settings
from experiments.studies.specialisation import STUDY, cells
from experiments.studies.specialisation.analysis import CHOSEN, GREEDY_FIXED, RANDOM, growth, lead, least_part, points
from experiments.studies.specialisation.preset import PRESETS
from experiments.studies.specialisation.rates_report import least_retained
from experiments.studies.specialisation.report import FAILS, HOLDS, OPEN, headline, page
from experiments.studies.specialisation.setup import Setup
from experiments.studies.types import Cell

TESTS = 1000
SHARES = {"chosen": 0.3, "typical": 0.6, "greedy_fixed": 0.5, "merged": 0.5, "merged_slots": 0.8}
"""Method -> exponent: accuracy is 0.9 (k/n)^exponent."""

TUNED = {"accuracy": [0.9, 0.8], "loss": [0.1, 0.2], "retained": [0.5, 0.7]}


def row(cell: Cell, shares: dict[str, float] = SHARES, random: float = 1.0) -> Row:
    """Right by ``shares``; a seed more is ten images more of the whole model."""
    n, seed = cell.config["experts"], cell.seed
    sizes = [2**e for e in range(n.bit_length())]
    whole = 900 + 10 * seed

    def counts(exponent: float) -> list[int]:
        return [round(whole * (k / n) ** exponent) for k in sizes]

    metrics = {
        "tests": TESTS, "right": whole, "scale": 3.0, "sizes": sizes, "weight": [k / n for k in sizes],
        "parameters": 17_000 + n, "learning_rate": 0.01,
        "tuning": dict.fromkeys(("0.01", "0.1"), TUNED),
        "random": [[max(0, count - draw) for count in counts(random)] for draw in range(2)],
        **{name: counts(exponent) for name, exponent in shares.items()},
    }  # fmt: skip
    metrics["greedy_fixed"] = metrics["greedy_fixed"][: min(n, 64).bit_length()]
    if n <= 64:
        metrics |= {"greedy_oracle": [TESTS] * len(sizes), "greedy_wrong": counts(0.2)}
    if n <= 16:
        metrics |= {"exhaustive_oracle": [TESTS] * len(sizes), "exhaustive_wrong": counts(0.1)}
        metrics |= {
            "exhaustive_fixed": counts(0.4),
            "exhaustive_labels": [5.0] * len(sizes),
            "unreached": [0] * len(sizes),
        }
    return Row(
        cell, metrics, cells.TRAINED, 1.0, "cpu", {}, "unknown", {}, "2026-01-01T00:00:00", "2026-01-01T00:00:01"
    )


def made_up(random: float = 1.0, **shares: float) -> list[Row]:
    preset = with_settings(PRESETS["quick"], ["experts=2,16,64,512"])
    return [row(cell, SHARES | shares, random) for job in cells.jobs(preset) for cell in job.cells]


def entry(table: Table, begins: str, column: str) -> object:
    (found,) = [line for line in table.rows if str(line[0]).startswith(begins)]
    return found[table.columns.index(column)]


def test_headline_numbers_are_those_of_the_rows() -> None:
    table = headline(made_up())
    kept = entry(table, "accuracy retained by 64 of 512 experts, chosen", "measured")
    assert kept.value == pytest.approx(0.125**0.3, abs=1e-3)
    lead_of_64 = entry(table, "accuracy, chosen less random, 64 of 512", "measured")
    whole = sum(900 + 10 * seed for seed in range(4)) / 4 / TESTS
    assert lead_of_64.value == pytest.approx(whole * (0.125**0.3 - 0.125) + 0.0005, abs=1e-3)
    assert entry(table, "accuracy of the whole model, n = 2", "measured").value == pytest.approx(whole)
    assert entry(table, "images that some 2 of 16 experts give their label", "measured").value == 1
    greedy = entry(table, "accuracy, chosen less one for all, greedy, 64 of 512", "measured")
    assert greedy.value == pytest.approx(whole * (0.125**0.3 - 0.125**0.5), abs=1e-3)
    assert entry(table, "least retained by n/8", "measured") == pytest.approx(0.6)
    wrong = entry(table, "images that some 2 of 16 experts give a wrong label", "measured")
    assert wrong.value == pytest.approx(whole * 0.125**0.1, abs=1e-3)


@pytest.mark.parametrize(
    ("begins", "rows", "verdict"),
    [
        ("accuracy retained by 64 of 512 experts, chosen", made_up(), FAILS),
        ("accuracy retained by 64 of 512 experts, chosen", made_up(chosen=0.001), HOLDS),
        ("accuracy, chosen less random, 64 of 512", made_up(), HOLDS),
        ("accuracy, chosen less random, 64 of 512", made_up(random=0.2), FAILS),
        ("accuracy, chosen less random, 64 of 512", [*made_up(random=0.2)[:-2], *made_up()[-2:]], OPEN),
        (
            "retained by n/8",
            [r if r.config["experts"] > 100 else s for r, s in zip(made_up(), made_up(chosen=1), strict=True)],
            HOLDS,
        ),
        (
            "retained by n/8",
            [s if r.config["experts"] > 100 else r for r, s in zip(made_up(), made_up(chosen=1), strict=True)],
            FAILS,
        ),
    ],
)
def test_every_verdict_can_go_either_way(begins: str, rows: list[Row], verdict: str) -> None:
    assert entry(headline(rows), begins, "verdict") == verdict


def test_analysis_by_hand() -> None:
    found = {point.experts: point for point in points(made_up())}
    assert sorted(found) == [2, 16, 64, 512]
    point = found[512]
    assert point.has(GREEDY_FIXED, 64)
    assert not point.has(GREEDY_FIXED, 128)
    assert not point.has("greedy_oracle", 1)
    assert not point.has(CHOSEN, 3)
    assert point.accuracy(RANDOM, 512) == pytest.approx([0.8995, 0.9095, 0.9195, 0.9295])
    assert least_part(point, CHOSEN, 0.8) == 0.5  # (1/2)^0.3 = .81, (1/4)^0.3 = .66
    assert least_part(point, CHOSEN, 0.99) == 1
    assert lead(point, 64, base="merged_slots").value == pytest.approx(0.915 * (0.125**0.3 - 0.125**0.8), abs=1e-3)
    assert lead(point, 256, base=GREEDY_FIXED) is None
    assert growth(list(found.values()), 8).value == pytest.approx(0, abs=1e-3)
    mixed = [
        replace(r, metrics=r.metrics | {"chosen": [r.metrics["right"]] * 10}) if r.config["experts"] == 512 else r
        for r in made_up()
    ]
    few = [point for point in points(mixed) if point.experts in (64, 512)]
    assert growth(few, 8).value == pytest.approx((1 - 0.125**0.3) / 3, abs=1e-3)  # three doublings


def test_the_whole_page_is_drawn() -> None:
    rows = made_up()
    whole = page(rows)
    figures = {section.figure.name: render(section.figure)[0] for section in whole.sections if section.figure}
    assert set(figures) == {"retained", "experts", "rates", "subsets"}
    text = render_page(whole, figures, rows)
    assert "64 of 512 experts chosen by their combine weights retain" in text
    assert "an oracle" in text
    assert whole.statements() == ()  # observations of the paper, no theorem
    lines = {
        line[0]: line for section in whole.sections if section.title == "The models" for line in section.table.rows
    }
    assert [lines[n][1] for n in (2, 512)] == [256, 1]
    assert lines[512][2] == "17,512"


@pytest.mark.parametrize("keep", [0, 5])
def test_an_unfinished_run_has_a_page(keep: int) -> None:
    rows = made_up()[:keep]
    drawn = [render(section.figure)[0] for section in page(rows).sections if section.figure]
    assert all(b"<svg" in picture for picture in drawn)
    assert bool(drawn) == bool(keep)


def test_only_rates_about_as_good_as_the_best_are_blamed() -> None:
    scores = {"0.01": ([0.9], [0.8]), "0.03": ([0.895], [0.3]), "0.1": ([0.88], [0.1])}
    tuning = {rate: {"accuracy": one, "loss": [0.1], "retained": kept} for rate, (one, kept) in scores.items()}
    found = points([replace(r, metrics=r.metrics | {"tuning": tuning}) for r in made_up()])
    assert least_retained(found, 0.01) == (16, "0.03", 0.895, 0.3)
    assert least_retained(found, 0.03) == (16, "0.1", 0.88, 0.1)
    assert least_retained(found[:1], 0.03) is None  # two experts have no eighth
    assert least_retained(points([replace(r, metrics=r.metrics | {"tuning": {}}) for r in made_up()]), 0.01) is None


def test_diverged_models_are_counted_and_left_out() -> None:
    rows = made_up()
    lost = replace(rows[0], metrics={"learning_rate": 0.1, "tuning": {}, "parameters": 1}, stopped=DIVERGED)
    (limits,) = [section for section in page([lost, *rows[1:]]).sections if section.title.startswith("What this size")]
    assert "1 models diverged" in " ".join(limits.paragraphs)
    assert len(points([lost, *rows[1:]])[0].rows) == 3


def test_another_grid_is_noted_and_not_mixed() -> None:
    other = with_settings(PRESETS["quick"], ["epochs=1", "experts=2", "seeds=1"])
    (cell,) = cells.jobs(other)[0].cells
    late = replace(row(cell), finished="2026-01-02T00:00:00")
    whole = page([*made_up(), late])
    assert whole.sections[0].title.startswith("Not shown")
    assert [line[0] for line in whole.sections[1].table.rows] == [2]


def test_cells_hold_all_that_they_depend_on() -> None:
    (job, *_) = STUDY.jobs(PRESETS["quick"])
    setup = Setup.of(job.cells[1])
    assert asdict(setup) | {"learning_rates": list(setup.learning_rates)} == dict(job.cells[1].config)
    for setting in (
        "epochs=3",
        "batch=8",
        "draws=3",
        "tuning_seeds=1",
        "learning_rates=1e-2",
        "greedy=1",
        "activation=gelu",
    ):
        changed = STUDY.jobs(with_settings(PRESETS["quick"], [setting]))[0].cells[1]
        assert changed.key != job.cells[1].key, setting
    assert STUDY.jobs(with_settings(PRESETS["quick"], ["folder=elsewhere"]))[0].cells[1].key == job.cells[1].key
