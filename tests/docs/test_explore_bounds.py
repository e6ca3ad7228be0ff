"""The first half of the interactive page: its numbers are those of ``theory.bounds``, its errors those of ``Size``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import mpmath
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from site_pages import PHONE, WIDE, Site

from experiments.cli import main
from experiments.cli.commands.bounds import number
from parrots.constructions import get
from theory.bounds import Size, bounds_table, packed_bits, packed_digits, packed_neurons
from theory.bounds.cross_token import cross_token_width
from theory.bounds.message import ceil_log2
from theory.bounds.pattern import cells
from theory.bounds.soft_moe import soft_moe_width
from theory.bounds.two_layer import two_layer_width
from theory.errors import InputError

FLAGS = {"vertices", "heads", "experts", "bits", "neurons", "width", "set_size", "attention"}
ROWS = """texts => {
  const text = value => (typeof value === "bigint" ? String(value) : value);
  return Explore.bounds.table(Explore.size.parse(texts)).map(({statement, quantity, value}) =>
    [statement, quantity, text(value)]);
}"""
PROBLEM = """texts => {
  try { Explore.size.parse(texts); return null; } catch (error) { return [error.field, error.message]; }
}"""


@pytest.fixture(scope="module")
def page(site: Site, browser: Any) -> Iterator[Any]:
    """The page in a wide window; whatever it says on the console fails the test that made it say so."""
    context = browser.new_context(viewport={"width": WIDE, "height": 900})
    opened = context.new_page()
    opened.goto((site.html / "explore.html").as_uri())
    yield opened
    context.close()


def texts(fields: dict[str, Any]) -> dict[str, str]:
    """Fields of a size as a reader types them."""
    return {"heads": "1", "experts": "1"} | {
        name: "" if value is None else str(value) for name, value in fields.items()
    }


def expected(fields: dict[str, Any]) -> dict[tuple[str, str], object]:
    """Every row as ``parrots bounds --json`` has it, but integers as text, and accuracies with all six decimals.

    A Soft MoE on the page has one slot an expert.  What the constructions cost is :func:`costs`.
    """

    def shown(value: object) -> object:
        if value is None or isinstance(value, bool):
            return value
        return f"{value:.6f}" if isinstance(value, float) else str(value)

    rows = bounds_table(Size(**fields, slots=fields.get("experts", 1)))
    return costs(**fields) | {(row.statement, row.quantity): shown(number(row.value)) for row in rows}


def costs(
    vertices: int, bits: int | None = None, neurons: int | None = None, experts: int = 1, **others: object
) -> dict[tuple[str, str], str | None]:
    """Width, hidden units and bits of the hand-built models, from the functions that size them."""
    r = vertices - 2
    digits = None if bits is None else packed_digits(r, bits, neurons)
    return {
        ("thm-3.3", "construction_neurons"): str(r),
        ("thm-3.3", "construction_bits"): str(2 + ceil_log2(r)),
        ("own-packed", "construction_neurons"): None if digits is None else str(packed_neurons(r, digits)),
        ("own-packed", "construction_bits"): None if digits is None else str(packed_bits(r, digits)),
        ("own-two-layer", "construction_width"): str(two_layer_width(vertices)),
        ("own-cross-token", "construction_width"): str(cross_token_width(r)),
        ("own-soft-moe", "construction_width"): None if experts > r else str(soft_moe_width(r, experts)),
    }


def unequal(shown: list[list[Any]], fields: dict[str, Any]) -> list[object]:
    """Rows of the page whose value is not the package's, with that."""
    python = expected(fields)
    return [(row, python.get((row[0], row[1]))) for row in shown if python.get((row[0], row[1])) != row[2]]


@pytest.mark.parametrize("vertices", [3, 10, 66])
def test_constructions_cost_what_the_page_says(page: Any, vertices: int) -> None:
    fields = {"vertices": vertices, "bits": 8, "experts": 1}
    shown = {(row[0], row[1]): row[2] for row in page.evaluate(ROWS, texts(fields))}
    g = packed_digits(vertices - 2, 8)
    built = {"thm-3.3": get("dense").design(vertices), "own-packed": get("packed").design(vertices, digits=g)}
    for statement, design in built.items():
        for quantity in ("width", "neurons", "bits"):
            assert shown[statement, f"construction_{quantity}"] == str(getattr(design, quantity))


@st.composite
def sizes(draw: st.DrawFn) -> dict[str, Any]:
    vertices = draw(st.one_of(st.integers(3, 40), st.integers(3, 20_000)))
    heads = draw(st.sampled_from((1, 1, 2, 3, 8)))
    optional = st.none() | st.integers(1, 5)
    return {
        "vertices": vertices,
        "heads": heads,
        "width": draw(st.none() | st.integers(1, 300).map(lambda width: width * heads)),
        "bits": draw(st.one_of(optional, st.integers(1, 64))),
        "experts": draw(st.sampled_from((1, 2, 16, 1000))),
        "neurons": draw(st.one_of(optional, st.sampled_from((1, vertices, 4 * vertices, 10**6)))),
        "set_size": draw(st.none() | st.integers(1, vertices - 2)),
        "attention": draw(st.sampled_from(("softmax", "uniform"))),
    }


@given(sizes())
@example({"vertices": 10**6, "heads": 8, "width": 800, "bits": 16, "experts": 64, "neurons": 4 * 10**6, "set_size": 9})
@example({"vertices": 3, "heads": 1, "width": 1, "bits": 4096, "experts": 1, "neurons": 1, "set_size": 1})
@example({"vertices": 10**6, "bits": 1, "neurons": 1, "attention": "uniform"})
@example({"vertices": 66, "bits": 8, "neurons": 64, "experts": 64})
def test_numbers_equal_those_of_the_package(page: Any, fields: dict[str, Any]) -> None:
    shown = page.evaluate(ROWS, texts(fields))
    assert len(shown) > 10
    assert unequal(shown, fields) == []


def test_a_wrong_number_is_noticed(page: Any) -> None:
    shown = page.evaluate(ROWS, texts({"vertices": 67, "bits": 8, "width": 2}))
    assert unequal(shown, {"vertices": 66, "bits": 8, "width": 2}) != []


@pytest.mark.parametrize("vertices", [10, 514, 40_000])
@pytest.mark.parametrize(
    "options", [{}, {"heads": 4, "width": 12, "attention": "uniform"}, {"bits": None, "width": None}]
)
def test_what_is_displayed_is_what_the_command_prints(
    page: Any, vertices: int, options: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    fields = {"vertices": vertices, "heads": 1, "width": 8, "bits": 8, "experts": 16, "neurons": 64, "set_size": 4}
    fields |= {"attention": "softmax", **options}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in fields.items() if value is not None]
    flags += [f"--slots={fields['experts']}"]
    assert main(["bounds", "--json", *flags]) == 0
    table = {(row["statement"], row["quantity"]): row["value"] for row in json.loads(capsys.readouterr().out)["bounds"]}
    printed = costs(**fields) | table
    fill(page, texts(fields))
    cells_shown = page.eval_on_selector_all(
        "#explore-bounds [data-statement] [data-quantity]:not(:empty)",
        "cells => cells.map(c => [c.closest('[data-statement]').dataset.statement, c.dataset.quantity, c.textContent])",
    )
    assert cells_shown
    for statement, quantity, text in cells_shown:
        value = printed[statement, quantity]
        if value is None:
            assert text == "–" or text.startswith("needs ")
        elif isinstance(value, bool):
            assert text == ("ruled out" if value else "open")
        else:
            assert Fraction(text.replace(",", "")) == Fraction(str(value))


def fill(page: Any, fields: dict[str, str]) -> None:
    """Type a size into the form and wait until the page has drawn it."""
    page.select_option("#explore-attention", fields.get("attention", "softmax"))
    for name in FLAGS - {"attention"}:
        page.fill(f"#explore-{name}", fields[name])
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


@pytest.mark.parametrize(
    "change",
    [
        {"vertices": 2},
        {"heads": 0},
        {"experts": -1},
        {"bits": 0},
        {"bits": 4097},
        {"neurons": 0},
        {"width": 0},
        {"width": 5, "heads": 2},
        {"set_size": 0},
        {"set_size": 9, "vertices": 10},
    ],
)
def test_bad_sizes_are_told_in_the_packages_words(page: Any, change: dict[str, int]) -> None:
    fields = {"vertices": 66, "heads": 1, "experts": 1, **change}
    with pytest.raises(InputError) as refused:
        Size(**fields)
    field, message = page.evaluate(PROBLEM, texts(fields))
    assert message == str(refused.value)
    assert field in change


@pytest.mark.parametrize(("text", "says"), [("", "whole number"), ("6.5", "whole number"), ("9" * 16, "15 digits")])
def test_what_is_no_number_is_told_in_the_page(page: Any, text: str, says: str) -> None:
    page.fill("#explore-vertices", text)
    page.wait_for_selector("#explore-bounds.stale")
    assert says in page.inner_text("#explore-problem")
    assert page.get_attribute("#explore-vertices", "aria-invalid") == "true"
    page.fill("#explore-vertices", "66")
    page.wait_for_selector("#explore-bounds:not(.stale)")
    assert page.inner_text("#explore-problem") == ""
    assert page.get_attribute("#explore-vertices", "aria-invalid") is None


def test_the_verdict_and_the_drawing_follow_the_width(page: Any) -> None:
    base = {"vertices": "66", "heads": "1", "bits": "8", "experts": "16", "neurons": "2048", "set_size": "4"}
    for width, verdict in (("2", "ruled out"), ("8", "open"), ("66", "enough")):
        fill(page, {**base, "width": width})
        assert verdict in page.inner_text(".verdict p:first-child")
        assert f"D = {width}" in page.text_content("#explore-bounds svg")
    page.focus("[data-for=width]")
    page.keyboard.press("Home")
    page.wait_for_function("document.querySelector('#explore-width').value === '1'")
    page.locator(".axis-figure svg").click()  # in its middle
    assert int(page.input_value("#explore-width")) > 1


def test_it_answers_at_once_for_a_million_vertices(page: Any) -> None:
    took = page.evaluate(
        """texts => Math.min(...[0, 1, 2].map(() => {
          const start = performance.now();
          Explore.bounds.table(Explore.size.parse(texts));
          return performance.now() - start;
        }))""",
        {
            "vertices": "1000000",
            "heads": "1",
            "width": "4096",
            "bits": "8",
            "experts": "64",
            "neurons": "4000000",
            "set_size": "9",
        },
    )
    assert took < 200


@pytest.mark.parametrize("value", ["log2(7n, 3n, {p})", "log2TwoPiE({p})", "log2E({p})"])
@pytest.mark.parametrize("precision", [64, 512])
def test_enclosures_hold_the_true_number(page: Any, value: str, precision: int) -> None:
    call = value.format(p=f"{precision}n")
    low, high, bits = page.evaluate(
        f"(() => {{ const e = Explore.enclosure.{call}; return [e.low, e.high, e.bits].map(String); }})()"
    )
    with mpmath.workprec(precision + 64):
        true = {"log2(7n": mpmath.log(mpmath.mpf(7) / 3, 2), "log2Two": mpmath.log(2 * mpmath.pi * mpmath.e, 2)}
        number = true.get(value[:7], mpmath.log(mpmath.e, 2)) * mpmath.mpf(2) ** int(bits)
        assert int(low) <= number <= int(high)
    assert int(high) - int(low) <= 2 ** (int(bits) - precision + 4)


@pytest.mark.parametrize(("m", "k"), [(1000, 65), (1000, 300), (5000, 2400), (70_000, 90)])
def test_the_closer_count_of_cells_encloses_the_count(page: Any, m: int, k: int) -> None:
    low, high, bits = page.evaluate(
        "([m, k]) => { const e = Explore.pattern.closerLog2Cells(BigInt(m), BigInt(k));"
        " return [e.low, e.high, e.bits].map(String); }",
        [m, k],
    )
    with mpmath.workprec(256):
        number = mpmath.log(cells(m, k), 2) * mpmath.mpf(2) ** int(bits)
        assert int(low) <= number <= int(high)
    assert int(high) - int(low) < 2 ** int(bits) / 10**4


def test_it_can_be_read_in_either_theme_and_at_either_width(site: Site, browser: Any) -> None:
    for theme in ("light", "dark"):
        for width in (WIDE, PHONE):
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
            page = context.new_page()
            heard: list[str] = []
            page.on("console", lambda message, heard=heard: heard.append(message.text))
            page.on("pageerror", lambda error, heard=heard: heard.append(str(error)))
            page.goto((site.html / "explore.html").as_uri())
            page.wait_for_selector("#explore-bounds svg")
            assert contrast(page, ".verdict p") > 7
            assert contrast(page, "#explore-bounds td.out") > 4.5
            assert heard == []
            context.close()


def contrast(page: Any, selector: str) -> float:
    """WCAG contrast of an element's text with the page behind it."""
    colours = page.evaluate(
        """selector => [[selector, "color"], ["body", "backgroundColor"]].map(([node, property]) =>
          getComputedStyle(document.querySelector(node))[property].match(/[0-9.]+/g).slice(0, 3).map(Number))""",
        selector,
    )

    def luminance(rgb: list[float]) -> float:
        linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted(map(luminance, colours))
    return (light + 0.05) / (dark + 0.05)
