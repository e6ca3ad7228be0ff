"""The second half of the interactive page: its conversations are those of ``theory.protocol``, on the same models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from bs4 import BeautifulSoup
from site_pages import WIDE, Site

from theory.bounds import message_suffices
from theory.instances import subsets
from theory.protocol import Alice, Bob, SplitTable
from theory.table import Block, OneLayerTable

MODELS = ("mixture", "narrow", "packed")
TRANSCRIPTS = """name => {
  const models = JSON.parse(document.querySelector("#explore-protocol script").textContent);
  const model = models.find(model => model.name === name);
  const sets = Explore.protocol.subsets(model.r);
  return sets.flatMap(alice => sets.map(bob => {
    const { message, bob: { sums, expert, logit, answer }, truth } = Explore.protocol.run(model, alice, bob);
    return { alice, bob, message, sums, expert, logit, answer, truth };
  }));
}"""


@pytest.fixture(scope="module")
def page(site: Site, browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": WIDE, "height": 900})
    opened = context.new_page()
    opened.goto((site.html / "explore.html").as_uri())
    yield opened
    context.close()


@pytest.fixture(scope="module")
def models(site: Site) -> dict[str, dict[str, Any]]:
    """The models that the page holds, as data."""
    soup = BeautifulSoup((site.html / "explore.html").read_text(encoding="utf-8"), "lxml")
    held = json.loads(soup.select_one("#explore-protocol script[type='application/json']").get_text())
    assert tuple(sorted(model["name"] for model in held)) == MODELS
    return {model["name"]: model for model in held}


def table(model: dict[str, Any]) -> OneLayerTable:
    """The page's model as the package has it."""

    def array(name: str) -> Any:
        return None if model[name] is None else np.array(model[name], dtype=np.float64)

    block = Block(
        array("inner"),
        array("innerBias"),
        array("folded"),
        array("constant"),
        array("readout"),
        array("router"),
        array("routerBias"),
    )
    return OneLayerTable(
        edges_2rC=array("edges") - array("null"),
        null_C=array("null"),
        query_C=array("query"),
        edge_slots=model["tokens"] - 1,
        heads=1,
        uniform=True,
        offset_D=array("offset"),
        scale_D=array("scale"),
        mix_DM=array("mix"),
        residual_M=array("residual"),
        block=block,
    )


@pytest.mark.parametrize("name", MODELS)
def test_every_conversation_is_the_packages(page: Any, models: dict[str, dict[str, Any]], name: str) -> None:
    split = SplitTable(table(models[name]), models[name]["bits"])
    target = split.r + 1
    seen = page.evaluate(TRANSCRIPTS, name)
    assert len(seen) == 4**split.r
    wrong = 0
    for line in seen:
        message = Alice(split, edges([(0, i) for i in line["alice"]])).speak()
        reading = Bob(split, edges([(i, target) for i in line["bob"]])).answer(message)
        assert int(line["message"], 2) == int.from_bytes(message, "big")
        assert len(line["message"]) == split.message.bits
        assert tuple(line["sums"]) == reading.sums
        assert line["expert"] == (reading.experts[0] if reading.experts else 0)
        assert line["logit"] == pytest.approx(reading.logit, abs=1e-9)
        assert line["answer"] == reading.answer
        assert line["truth"] == bool(set(line["alice"]) & set(line["bob"]))
        wrong += line["answer"] != line["truth"]
    assert wrong == models[name]["wrong"]


def edges(pairs: list[tuple[int, int]]) -> Any:
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def test_wide_models_are_right_and_the_narrow_one_is_ruled_out(models: dict[str, dict[str, Any]]) -> None:
    for name, model in models.items():
        passes = message_suffices(model["r"], 1, model["bits"], len(model["null"]), "uniform")
        assert passes == (name != "narrow")
        assert (model["wrong"] > 0) == (name == "narrow")


def test_sets_are_numbered_as_in_the_package(page: Any) -> None:
    listed = page.evaluate("Explore.protocol.subsets(4)")
    assert listed == [[int(i) + 1 for i in np.flatnonzero(row)] for row in subsets(4)]


def test_edges_are_switched_with_mouse_and_keyboard(page: Any) -> None:
    page.select_option("#explore-model", "mixture")
    edge = page.locator("[aria-label='edge from s to 4']")
    assert edge.get_attribute("aria-checked") == "false"
    edge.focus()
    page.keyboard.press("Space")
    assert edge.get_attribute("aria-checked") == "true"
    assert "(s, 4)" in page.inner_text(".steps")
    page.keyboard.press("Enter")
    assert edge.get_attribute("aria-checked") == "false"
    page.locator("[aria-label='edge from 4 to d'] .reach").click(force=True)
    assert page.get_attribute("[aria-label='edge from 4 to d']", "aria-checked") == "true"


def test_the_conversation_is_stepped_through(page: Any) -> None:
    page.select_option("#explore-model", "mixture")
    while page.is_enabled("[data-do=back]"):
        page.click("[data-do=back]")
    titles = []
    while True:
        titles.append(page.locator(".steps h4").last.inner_text())
        assert page.locator(".steps li").count() == len(titles)
        if not page.is_enabled("[data-do=next]"):
            break
        page.click("[data-do=next]")
    assert titles == [
        "Alice adds up her slots",
        "She sends her sums",
        "Bob adds his own",
        "He runs the block",
        "He answers",
    ]
    assert page.locator(".steps li").last.inner_text().endswith("right.")
    assert page.locator(".expert").count() == 4
    assert page.locator(".expert.chosen").count() == 1


def test_two_sets_with_one_message_are_shown_and_one_is_answered_wrongly(page: Any) -> None:
    page.select_option("#explore-model", "narrow")
    rows = {
        cells[0]: cells[1:]
        for cells in page.eval_on_selector_all(
            ".pair tr", "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
        )
    }
    first, second = rows["Alice's set"]
    assert first != second
    for same in ("her message", "Bob's set", "all sums", "expert", "answer"):
        assert len(set(rows[same])) == 1
    assert set(rows["truth"]) == {"yes", "no"}
    page.click(".pair button")
    assert page.locator(".steps li").last.inner_text().endswith("wrong.")
    page.select_option("#explore-model", "packed")
    assert "no two sets look alike" in page.inner_text(".messages")
    assert page.locator(".pair").count() == 0
