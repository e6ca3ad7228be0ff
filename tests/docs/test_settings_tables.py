"""Routers, tasks and settings on the pages: all that there are, with the numbers that the code gives."""

from __future__ import annotations

import dataclasses

import pytest
from bs4 import BeautifulSoup
from site_pages import DOCS, Site

from experiments.studies import STUDIES
from experiments.tasks import TASKS
from experiments.training.recipe import Recipe
from parrots.decoder.routers import ROUTERS

DECODERS = {"phone-book", "shortest-path", "routing"}


def article(site: Site, name: str) -> BeautifulSoup:
    return BeautifulSoup((site.html / f"{name}.html").read_text(encoding="utf-8"), "lxml").select_one("article")


@pytest.mark.parametrize("router", ROUTERS)
def test_every_router_has_a_section_with_a_formula(router: str) -> None:
    page = (DOCS / "routers.rst").read_text(encoding="utf-8")
    section = page.partition(f".. _router-{router}:\n")[2].partition("\n.. _")[0]
    assert f".. router:: {router}\n" in section
    assert ".. math::" in section or ":math:" in section
    assert ":cite:" in section


def test_the_table_of_routers_is_the_registrys(site: Site) -> None:
    rows = [
        [cell.get_text(strip=True) for cell in row.select("td")]
        for row in article(site, "routers").select("table")[0].select("tbody tr")
    ]
    assert [row[0] for row in rows] == list(ROUTERS)
    for name, causal, alone, *_ in rows:
        router = ROUTERS[name](experts=8)
        assert (causal, alone) == tuple("yes" if yes else "no" for yes in (router.causal, router.token_wise))
    (chosen,) = (row for row in rows if row[0] == "token-choice")
    assert [float(cost) for cost in chosen[3:]] == pytest.approx([8.04, 2.04, 2.04])  # 8 and 2 experts, and 1/24


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_shown_with_an_example_and_its_shortcuts(site: Site, task: str) -> None:
    section = article(site, "tasks").select_one(f"section[id={task}]")
    kind = TASKS[task]
    example = kind().show(kind().examples("test", 0, 1).tokens[0])
    assert "".join(example.split()) in "".join(section.select_one("pre").get_text().split())
    text = section.get_text()
    assert all(name in text for name in kind().baselines(kind().examples("test", 0, 5)))
    assert all(field.name in text for field in dataclasses.fields(kind))


def test_every_setting_of_training_is_listed_with_its_meaning(site: Site) -> None:
    rows = {
        row.select("td")[0].get_text(strip=True): row.select("td")
        for row in article(site, "training").select("tbody tr")
    }
    for field in dataclasses.fields(Recipe):
        assert len(rows[field.name][2].get_text(strip=True)) > 1


@pytest.mark.parametrize("study", sorted(DECODERS & set(STUDIES)))
def test_the_presets_of_every_study_of_decoders_are_listed(study: str) -> None:
    assert f".. presets:: {study}\n" in (DOCS / "experiments.rst").read_text(encoding="utf-8")
