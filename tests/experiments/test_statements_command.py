"""``parrots statements``: the list, one page, and an unknown id."""

from __future__ import annotations

import io
import json

import pytest
from rich.cells import cell_len
from rich.console import Console

from experiments.cli import main
from experiments.cli.commands.statements import Statements, describe
from theory import statements
from theory.coverage import COVERAGE


def shown(statement_id: str | None) -> str:
    page = io.StringIO()
    console = Console(file=page, width=100)
    console.print(Statements(statement_id).run(console).view)
    return page.getvalue()


def test_list(capsys) -> None:
    assert main(["statements", "--json"]) == 0
    assert [entry["id"] for entry in json.loads(capsys.readouterr().out)] == list(statements.ids())
    assert all(name in shown(None) for name in statements.ids())


@pytest.mark.parametrize("name", statements.ids())
def test_one(capsys, name: str) -> None:
    assert main(["statements", name, "--json"]) == 0
    entry = json.loads(capsys.readouterr().out)
    statement = statements.get(name)
    assert (entry["formula"], entry["latex"]) == (str(statement.formula), statement.latex)
    assert entry["assumptions"] == list(statement.assumptions)
    assert set(entry) - {"coverage"} == set(vars(statement)) | {"latex"}
    text = " ".join(shown(name).split())
    for line in (statement.claim, statement.source, *statement.assumptions, *statement.says_not, *statement.tests):
        assert line in text
    assert max(map(cell_len, shown(name).splitlines())) <= 100


def test_the_table_of_coverage_is_shown_with_its_statement(capsys) -> None:
    assert main(["statements", "own-coverage", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["coverage"]
    assert [row["name"] for row in rows] == [row.name for row in COVERAGE]
    text = shown("own-coverage")
    assert "x = K*(p + ⌈log2(r + 1)⌉)" in " ".join(text.split())
    assert all(name in text for row in COVERAGE for name in row.witnesses)
    assert "coverage" not in describe(statements.get("thm-3.2"))


def test_unknown_id(capsys) -> None:
    assert main(["statements", "thm-3.22"]) == 2
    assert "did you mean thm-3.2" in capsys.readouterr().err
