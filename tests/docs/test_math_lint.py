"""A bad formula stops the build; the registry's own formulas are good."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from site_pages import DOCS

from theory import statements


def build(folder: Path, formula: str) -> subprocess.CompletedProcess[str]:
    (folder / "index.rst").write_text(f"Page\n====\n\nInline :math:`x`.\n\n.. math:: {formula}\n", encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-C", "-W", "-q", "-D", "extensions=math_lint", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(DOCS / "_ext")}
    return subprocess.run(
        [*command, str(folder / "html")], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("formula", [r"\frac{a}{b", r"\nosuchmacro{x}", r"\left( x"])
def test_a_bad_formula_stops_the_build(tmp_path: Path, formula: str) -> None:
    built = build(tmp_path, formula)
    assert built.returncode != 0
    assert "bad formula" in built.stderr
    assert formula.replace("\\", "\\\\") in built.stderr


def test_a_good_formula_does_not(tmp_path: Path) -> None:
    built = build(tmp_path, r"2^r \le C(nr, D)")
    assert built.returncode == 0, built.stderr


@pytest.mark.parametrize("statement_id", statements.ids())
def test_the_registrys_formulas_are_good(statement_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    from math_lint import formula_error

    assert formula_error(statements.get(statement_id).latex, display=True) is None
