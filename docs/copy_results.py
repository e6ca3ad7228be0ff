"""Copy reports' figures and headlines into the pages: ``python docs/copy_results.py results/width results/precision``.

The pages show what measured runs gave; nothing here is typed by hand.  Each study has its folder ``results/STUDY``;
a study that is not among those given keeps the one it has.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from theory import statements

DOCS_RESULTS = Path(__file__).parent / "results"
REFUTED = 1
"""Exit code of a report whose page has a check that does not hold: the pages show that too."""


def main(directories: Iterable[Path]) -> None:
    """Run ``parrots report`` on each directory and keep the headline, checks and SVG figures of each of its studies."""
    for directory in directories:
        command = [str(Path(sys.executable).with_name("parrots")), "report", str(directory), "--json"]
        finished = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
        if finished.returncode not in (0, REFUTED):
            sys.exit(f"`{' '.join(command)}` failed with exit code {finished.returncode}")
        for report in json.loads(finished.stdout)["reports"]:
            keep(report, DOCS_RESULTS / report["study"])


def keep(report: dict, folder: Path) -> None:
    """Fill ``folder`` with one study's figures and summary, and with nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for figure in report["files"]:
        if figure.endswith(".svg"):
            shutil.copy(figure, folder)
    (folder / "summary.rst.inc").write_text(summary(report), encoding="utf-8")


def summary(report: dict) -> str:
    """The headline as a table, the checks as a list, in reStructuredText."""
    rows = report["headline"]
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in ([*rows[0]], *(row.values() for row in rows)):
        first, *others = map(text_of, row)
        lines += [f"   * - {first}", *(f"     - {entry}" for entry in others)]
    checks = [
        f"* {'holds' if check['holds'] else '**' + check['outcome'] + '**'}: {escape(check['claim'])}: "
        f"{escape(check['detail'])}."
        for check in report["checks"]
    ]
    return "\n".join([*lines, "", *checks, ""])


def text_of(entry: object) -> str:
    """A table's entry: a number with its interval, a link to a statement, a dash for what was not measured."""
    if entry is None:
        return "–"
    if isinstance(entry, bool):
        return "yes" if entry else "no"
    if isinstance(entry, dict):
        return f"{number(entry['value'])} [{number(entry['low'])}, {number(entry['high'])}]"
    if isinstance(entry, float):
        return number(entry, 4)
    return f"`{entry}`" if entry in statements.ids() else escape(str(entry))


def number(value: float, digits: int = 3) -> str:
    """Whole thousands are written out: 2,047 and not 2.05e+03."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"


def escape(text: str) -> str:
    """Plain text as reStructuredText; code between backticks stays marked."""
    return re.sub(r"([\\*|])", r"\\\1", text)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("give the folders of finished runs: python docs/copy_results.py results/width results/precision")
    main(map(Path, sys.argv[1:]))
