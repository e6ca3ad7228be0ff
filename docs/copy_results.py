"""Copy a report's figures and headline into the pages: ``python docs/copy_results.py results/width``.

The pages show what a measured run gave; nothing here is typed by hand.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

DOCS_RESULTS = Path(__file__).parent / "results"


def main(directory: Path) -> None:
    """Run ``parrots report`` on ``directory`` and keep its headline, its checks and its SVG figures."""
    command = [str(Path(sys.executable).with_name("parrots")), "report", str(directory), "--json"]
    (report,) = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["reports"]
    shutil.rmtree(DOCS_RESULTS, ignore_errors=True)
    DOCS_RESULTS.mkdir()
    for figure in sorted((directory / "figures").glob("*.svg")):
        shutil.copy(figure, DOCS_RESULTS)
    (DOCS_RESULTS / "summary.rst.inc").write_text(summary(report), encoding="utf-8")


def summary(report: dict) -> str:
    """The headline as a table, the checks as a list, in reStructuredText."""
    rows = report["headline"]
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [{name: name for name in rows[0]}, *({**row, "statement": f"`{row['statement']}`"} for row in rows)]:
        first, *others = map(text_of, row.values())
        lines += [f"   * - {first}", *(f"     - {entry}" for entry in others)]
    checks = [f"* {'holds' if c['holds'] else '**refuted**'}: {c['claim']}: {c['detail']}." for c in report["checks"]]
    return "\n".join([*lines, "", *checks, ""])


def text_of(entry: object) -> str:
    """A table's entry: a number with its interval, a dash for what was not measured."""
    if entry is None:
        return "–"
    if isinstance(entry, dict):
        return f"{entry['value']:.3g} [{entry['low']:.3g}, {entry['high']:.3g}]"
    return str(entry)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
