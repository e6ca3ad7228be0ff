"""The study `precision`: what is asked, least bits against a plain search, its page from any rows, its grid."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from experiments.cli import main
from experiments.report import statistics
from experiments.report.drawing import render, style
from experiments.report.html import render_page
from experiments.store import Row, read_rows
from experiments.studies import with_settings
from experiments.studies.precision import STUDY, cells
from experiments.studies.precision.cells import FEWEST, MACHINE, ask, least_bits, measure
from experiments.studies.precision.preset import PRESETS, PrecisionPreset
from experiments.studies.precision.report import SIGNIFICANDS, checks, label, page
from experiments.studies.types import Cell
from parrots.constructions import CONSTRUCTIONS, get
from parrots.precision import FixedPoint, InFormat, Significand
from theory import digraphs, statements
from theory.bounds import message_min_width
from theory.digraphs import FAMILIES
from theory.errors import InputError

SETTINGS = ["vertices=6", "constructions=dense,packed,soft-moe,cross-token-capacity", "digits=1,4,5", "experts=2",
            "graphs=30", "most_bits=20"]  # fmt: skip
TINY = with_settings(PRESETS["quick"], SETTINGS)


@pytest.fixture(scope="module", autouse=True)
def few_resamples() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "RESAMPLES", 20)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("precision") / "results"
    words = [word for setting in SETTINGS for word in ("--set", setting)]
    assert main(["run", "precision", "--out", str(out), "--workers", "1", "--json", *words]) == 0
    return out


# What is asked -------------------------------------------------------------------------------------------------------


def graphs_of(name: str, vertices: int, **options: int) -> list[tuple[frozenset[tuple[int, int]], bool]]:
    questions = ask(get(name).design(vertices, **options), 60, 0).questions
    return [
        (frozenset((int(a), int(b)) for a, b in edges if a >= 0), bool(yes))
        for question in questions
        for edges, yes in zip(question.edges, question.truth, strict=True)
    ]


@pytest.mark.parametrize("vertices", [6, 40])
def test_every_construction_of_a_size_is_asked_the_same_graphs(vertices: int) -> None:
    asked = graphs_of("dense", vertices)
    for name, options in (("packed", {"digits": 3}), ("two-layer", {}), ("soft-moe", {"experts": 2})):
        assert graphs_of(name, vertices, **options) == asked


def test_every_truth_is_that_of_networkx_and_every_family_has_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where graphs are so large that few of a family are asked: near-collisions with and without a path."""
    for V in (6, 40):
        asked = graphs_of("dense", V)
        for edges, yes in asked:
            graph = nx.DiGraph(list(edges))
            graph.add_nodes_from((0, V - 1))
            between = set(graph.successors(0)) & set(graph.predecessors(V - 1)) - {0, V - 1}
            assert yes == bool(between)
        for only in FAMILIES:
            monkeypatch.setattr(cells, "families", lambda *args, only=only: {only: digraphs.families(*args)[only]})
            assert {yes for _, yes in graphs_of("dense", V)} == {True, False}, (only, V)
        monkeypatch.undo()


def test_one_forward_pass_holds_few_tokens_and_large_families_some_graphs() -> None:
    questions = ask(get("two-layer").design(60), 60, 0).questions
    sizes = [(len(one.truth), one.edges.shape[1] + 1) for one in questions]
    assert all(graphs == 1 or graphs * tokens <= cells.MOST_TOKENS for graphs, tokens in sizes)
    largest = max(tokens for _, tokens in sizes)
    assert largest > cells.MOST_TOKENS  # a complete graph
    assert sum(graphs for graphs, tokens in sizes if tokens == largest) == FEWEST
    assert all(one.edges.shape[0] == len(one.ends) and one.ends[0].tolist() == [0, 59] for one in questions)


def test_a_logit_that_is_no_number_is_wrong_either_way() -> None:
    class Nothing(torch.nn.Module):
        def forward(self, edges: torch.Tensor) -> torch.Tensor:
            return torch.full((len(edges),), float("nan"))

    design = get("dense").design(6)
    questions = ask(design, 60, 0)
    assert sum(one.wrong(design, Nothing()) for one in questions.questions) == questions.graphs


# Least bits ----------------------------------------------------------------------------------------------------------


@example({1, 2, 3, 4, 5, 6, 9, 10}, 16)  # the first number that is right fails two above, and the next one too
@given(st.sets(st.integers(1, 24)), st.integers(2, 24))
def test_least_bits_are_right_and_so_are_the_next_ones(failing: set[int], most: int) -> None:
    asked: list[int] = []

    def right(bits: int) -> bool:
        asked.append(bits)
        return bits not in failing

    least = least_bits(right, most)
    if least is None:
        assert most in failing
        return
    assert 1 <= least <= most
    assert not failing & set(range(least, min(least + cells.ABOVE, most) + 1))
    assert len(asked) == len(set(asked)) <= most
    below = [bits for bits in failing if bits <= most]
    if not below or below == list(range(1, max(below) + 1)):  # more bits are always better here
        assert least == max(below, default=0) + 1


def test_a_cells_bits_are_what_a_search_over_all_formats_finds() -> None:
    config = {
        "construction": "packed",
        "options": {"digits": 2},
        "vertices": 6,
        "graphs": 30,
        "most_bits": 12,
        "seed": 3,
    }
    metrics = measure(config)
    design = get("packed").design(6, digits=2)
    questions = ask(design, 30, 3)
    assert questions.graphs == metrics["inputs"]

    def wrong(change: Any) -> int:
        return sum(
            int(((change(design.with_slots(design.build(), one.edges.shape[1]))(one.edges) >= 0) != one.truth).sum())
            for one in questions.questions
        )

    assert {name: wrong(lambda model, t=dtype: model.to(t)) for name, dtype in MACHINE.items()} == metrics["wrong"]
    reach = questions.reach()
    forms = {"least_significand": Significand, "least_fixed": lambda bits: FixedPoint(bits, reach)}
    for key, form in forms.items():
        failing = [bits for bits in range(1, 13) if wrong(functools.partial(InFormat, form=form(bits)))]
        assert metrics[key] == max(failing) + 1, key


# Synthetic rows ------------------------------------------------------------------------------------------------------


def row(name: str = "dense", V: int = 10, width: int = 10, fixed: int | None = 5, significand: int | None = 3,
        seed: int = 0, options: dict[str, int] | None = None, token_wise: bool = True, grid: str = "one",
        finished: str = "2026-01-01", wrong: tuple[int, int, int] = (0, 0, 0)) -> Row:  # fmt: skip
    config = {"construction": name, "options": options or {}, "vertices": V, "seed": seed, "grid": grid}
    metrics = {
        "width": width, "neurons": 8, "heads": 1, "depth": 1, "token_wise": token_wise, "stated_bits": 5,
        "statement": CONSTRUCTIONS[name].statement, "inputs": 100, "tokens": 16,
        "wrong": dict(zip(MACHINE, wrong, strict=True)), "least_significand": significand, "least_fixed": fixed,
    }  # fmt: skip
    return Row(Cell("precision", "a-formats", config), metrics, "", 1.0, "cpu", {}, "", {}, finished, finished)


ROWS = [
    row(), row(V=6, width=6, fixed=4), row("packed", width=5, fixed=8, options={"digits": 2}),
    row("packed", width=3, fixed=12, significand=30, options={"digits": 5}, wrong=(0, 2, 40)),
    row("packed", V=6, width=3, fixed=None, significand=None, options={"digits": 2}, wrong=(0, 0, 1)),
    row("two-layer", width=15, fixed=5, token_wise=False), row("cross-token-capacity", width=7, token_wise=False),
]  # fmt: skip


def test_the_headline_is_of_the_largest_size_and_of_all_seeds() -> None:
    more = [
        *ROWS,
        row(seed=1, fixed=7, significand=2),
        row("packed", width=5, fixed=None, options={"digits": 2}, seed=1),
    ]
    lines = {line[0]: line[1:6] for line in page(more).headline.rows}
    assert lines["dense"] == (10, 10, 8, 3, 7)
    assert lines["packed (digits 2)"] == (10, 5, 8, 3, None)
    assert lines["packed (digits 5)"] == (10, 3, 8, 30, 12)
    assert len(lines) == 5
    table = page(more).sections[1].table
    assert table is not None
    dense = next(line for line in table.rows if line[:2] == ("dense", 10))
    assert dense[table.columns.index("graphs")] == 200
    wrong = next(line for line in table.rows if line[0] == "packed (digits 5)")
    assert wrong[table.columns.index("wrong in bfloat16")] == 40


def test_constructions_keep_their_order_and_look_whichever_were_measured() -> None:
    def colours(rows: list[Row]) -> dict[str, object]:
        axes = page(rows).sections[1].figure.draw().axes[0]
        return {str(line.get_label()): (line.get_color(), line.get_marker()) for line in axes.lines if line.get_label()}

    whole = {name: look for name, look in colours(ROWS).items() if name in CONSTRUCTIONS}
    assert list(whole) == ["dense", "packed", "two-layer", "cross-token-capacity"]
    assert len(set(whole.values())) == 4
    assert colours(ROWS[-1:])["cross-token-capacity"] == whole["cross-token-capacity"]
    assert [line[0] for line in page(ROWS[::-1]).headline.rows] == [line[0] for line in page(ROWS).headline.rows]


@pytest.mark.parametrize("grid", ["one", "another"])
def test_a_covered_model_below_the_bound_is_refuted(grid: str) -> None:
    claim = "no covered model is narrower than the bound at its bits"
    least = message_min_width(62, 1, 4, "uniform")
    assert least > 2

    def holds(*more: Row) -> bool:
        (check,) = [check for check in page([*ROWS, *more]).checks if check.claim == claim]
        return check.holds

    assert holds(row(V=64, width=least, fixed=4, grid=grid))
    assert not holds(row(V=64, width=least - 1, fixed=4, grid=grid))
    assert holds(row("cross-token-capacity", V=64, width=least - 1, fixed=4, token_wise=False, grid=grid))
    # Another seed shows that it needs more bits, with which its width is allowed.
    assert holds(
        row(V=64, width=least - 1, fixed=4, grid=grid), row(V=64, width=least - 1, fixed=30, seed=1, grid=grid)
    )


def test_a_model_that_errs_in_float64_is_refuted() -> None:
    assert all(check.holds for check in checks(ROWS))
    failing = [check.claim for check in checks([*ROWS, row(seed=1, wrong=(1, 0, 0))]) if not check.holds]
    assert failing == ["every construction is right in float64"]


# The page ------------------------------------------------------------------------------------------------------------


def test_the_frontier_has_the_bound_drawn_and_a_mark_for_every_model() -> None:
    figure = page(ROWS).sections[0].figure
    vector, pixels = render(figure)
    assert vector.count(b"<path") > 10
    assert pixels.startswith(b"\x89PNG")
    with style():  # titles on the left
        axes = {one.get_title(loc="left"): one for one in figure.draw().axes}
    assert list(axes) == ["6 vertices", "10 vertices"]
    for V in (6, 10):
        (bound,) = [line for line in axes[f"{V} vertices"].lines if "bound" in str(line.get_label())]
        drawn = [(int(bits), int(width)) for bits, width in bound.get_xydata()]
        assert drawn == [(bits, message_min_width(V - 2, 1, bits, "uniform")) for bits, _ in drawn]
        assert max(bits for bits, _ in drawn) == max(
            one.metrics["least_fixed"] or 1 for one in ROWS if one.config["vertices"] == V
        )
        marks = {tuple(xy) for one in axes[f"{V} vertices"].collections for xy in one.get_offsets().tolist()}
        assert marks == {
            (one.metrics["least_fixed"], one.metrics["width"])
            for one in ROWS
            if one.config["vertices"] == V and one.metrics["least_fixed"]
        }


def test_lines_of_the_machines_formats() -> None:
    assert SIGNIFICANDS == {"float64": 53, "float32": 24, "bfloat16": 8}
    axes = page(ROWS).sections[1].figure.draw().axes[0]
    assert {24, 8} <= {line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == ":"}
    packed = next(line for line in axes.lines if line.get_label() == "packed")
    assert packed.get_xydata().tolist() == [[10, 30]]  # the narrowest of a size; none where none is right


@settings(max_examples=10)
@given(st.sets(st.integers(0, len(ROWS) - 1), max_size=2))
def test_any_few_rows_give_a_page_whose_figures_draw(chosen: set[int]) -> None:
    made = page([ROWS[i] for i in sorted(chosen)])
    assert len(made.sections) == (2 if chosen else 0)
    for section in made.sections:
        section.figure.draw()


def test_no_row_at_all_gives_a_page() -> None:
    assert "0 cells" in render_page(page([]), {}, [])
    assert page([]).sections == ()
    assert all(check.holds for check in page([]).checks)


def test_rows_of_two_grids_are_not_mixed() -> None:
    newer = [row(fixed=9, grid="two", finished="2026-02-01")]
    for rows in ([*ROWS, *newer], [*newer, *ROWS]):
        made = page(rows)
        assert made.sections[0].title.startswith("Not shown")
        assert made.headline == page(newer).headline
        assert f"of {len(ROWS) + 1} models" in made.checks[0].detail  # the checks see all rows


def test_figures_have_panels_and_statements_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "docs" / "_ext"))
    from result_panels import FIGURES

    made = page(ROWS)
    for section in made.sections:
        assert any(fnmatch(f"{section.figure.name}.svg", glob) for glob in FIGURES[f"precision/{section.title[1]}"])
    assert set(made.statements()) <= set(statements.ids())
    drawn = {(name, f"precision/{section.title[1]}") for section in made.sections for name in section.statements}
    for statement in statements.all_statements():
        assert {(statement.id, panel) for panel in statement.figures if panel.startswith("precision/")} <= drawn


# Through the command line --------------------------------------------------------------------------------------------


def test_a_run_its_rows_and_its_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = read_rows(folder)
    assert {one.cell.key for one in rows} == {cell.key for job in STUDY.jobs(TINY) for cell in job.cells}
    # r = 4: five digits do not fit
    expected = {"dense", "packed (digits 1)", "packed (digits 4)", "soft-moe (experts 2)", "cross-token-capacity"}
    assert {label(one) for one in rows} == expected
    for one in rows:
        assert one.metrics["wrong"]["float64"] == one.metrics["wrong"]["float32"] == 0
        assert 1 <= one.metrics["least_significand"] <= 20
        assert 1 <= one.metrics["least_fixed"] <= 20
        assert one.metrics["token_wise"] == (one.config["construction"] in ("dense", "packed"))
    by_digits = {one.config["options"].get("digits"): one.metrics["least_fixed"] for one in rows}
    assert by_digits[1] < by_digits[4]
    again = next(one for one in rows if label(one) == "packed (digits 4)")
    assert measure(again.config) == again.metrics
    assert main(["report", str(folder)]) == 0
    assert "REFUTED" not in capsys.readouterr().out
    assert (folder / "figures" / "precision-frontier.svg").exists()


# The grid ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["quick", "gpu"])
def test_dry_run_counts_cells_and_parameters(name: str) -> None:
    jobs = STUDY.jobs(PRESETS[name])
    keys = [cell.key for job in jobs for cell in job.cells]
    assert len(set(keys)) == len(keys)
    assert {cell.config["construction"] for job in jobs for cell in job.cells} == set(CONSTRUCTIONS)
    for job, line in zip(jobs, STUDY.dry_run(PRESETS[name]), strict=True):
        assert (line.label, line.cells) == (job.name, len(job.cells))
        assert line.flops > 0 < line.memory_bytes
        assert line.device_hours == pytest.approx(line.flops / PRESETS[name].device_flops / 3600)
        if name == "quick":
            built = [
                get(c.config["construction"]).design(c.config["vertices"], **c.config["options"]) for c in job.cells
            ]
            assert line.parameters == max(sum(p.numel() for p in one.build().parameters()) for one in built)


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("seeds=0", "positive"),
        ("seeds=1000000", "at most"),
        ("vertices=2", "at least 3"),
        ("vertices=6,6", "each once"),
        ("vertices=", "one or more"),
        ("vertices=1000000", "at most"),
        ("constructions=dense,pakced", "did you mean packed"),
        ("digits=0", "positive"),
        ("most_bits=1", "2 to 52"),
        ("most_bits=53", "2 to 52"),
        ("graphs=-5", "positive"),
        ("digit=3", "digits"),
    ],
)
def test_a_preset_that_makes_no_sense_is_one_line(setting: str, text: str) -> None:
    with pytest.raises(InputError, match=text) as caught:
        with_settings(PRESETS["quick"], [setting])
    assert "\n" not in str(caught.value)


def test_a_grid_without_a_model_is_one_line() -> None:
    preset = with_settings(PRESETS["quick"], ["constructions=packed", "vertices=6", "digits=9"])
    with pytest.raises(InputError, match="no such model of packed") as caught:
        STUDY.jobs(preset)
    assert "\n" not in str(caught.value)


NUMBERS = st.one_of(st.integers(-3, 40), st.sampled_from([10**9, 2**70, "", "x", "nan", "inf"]), st.floats(-1, 3))
FIELDS = [field.name for field in dataclasses.fields(PrecisionPreset)]


@given(st.sampled_from(FIELDS), st.lists(NUMBERS, max_size=3))
def test_any_value_gives_a_grid_or_one_line(field: str, values: list[object]) -> None:
    try:
        preset = with_settings(PRESETS["quick"], [f"{field}={','.join(map(str, values))}"])
        jobs = STUDY.jobs(preset)
    except InputError as error:
        assert len(str(error)) > 20
        assert "\n" not in str(error)
        return
    assert sum(line.cells for line in STUDY.dry_run(preset)) == sum(len(job.cells) for job in jobs) > 0
