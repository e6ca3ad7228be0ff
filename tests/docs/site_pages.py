"""What the tests of the pages share: where the sources are, what a built site and a visit to a page are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
WIDE, PHONE = 1400, 400
# On a narrow screen the theme lets the column of text scroll sideways, so the document alone would never be too wide;
# and a formula within a line may be cut off by the block around it.
EXCESS = """(right => Math.max(
  ...[...document.querySelectorAll('html, .content')].map(box => box.scrollWidth - box.clientWidth),
  ...[...document.querySelectorAll('article span.math')].map(math => right(math) - right(math.closest('article')))
))(node => node.getBoundingClientRect().right)"""


def page_names() -> list[str]:
    """Every source page, by its document name."""
    sources = [path.relative_to(DOCS) for path in DOCS.rglob("*.rst")]
    return sorted(path.with_suffix("").as_posix() for path in sources if not path.parts[0].startswith("_"))


@dataclass(frozen=True)
class Site:
    """A built site and what its build said."""

    html: Path
    returncode: int
    warnings: str


@dataclass
class Visit:
    """What a browser saw of one page."""

    formulas: int = 0
    rendered: int = 0
    broken: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    excess: dict[int, int] = field(default_factory=dict)
    """Pixels by which the page, or the column of its text, is wider than the room it has, at each screen width."""


def see(context: Any, path: Path) -> Visit:
    """Open a page, wait for its formulas, and measure it at both widths."""
    visit = Visit()
    page = context.new_page()
    page.on("console", lambda message: visit.console.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: visit.console.append(str(error)))
    page.on("request", lambda request: visit.outside.append(request.url) if is_outside(request.url) else None)
    page.goto(path.as_uri())
    visit.formulas = page.locator(".math").count()
    if visit.formulas:
        page.wait_for_function("window.MathJax && MathJax.startup && MathJax.startup.promise")
        page.evaluate("MathJax.startup.promise")
    visit.rendered = page.locator("mjx-container").count()
    visit.broken = page.locator("mjx-merror, [data-mjx-error]").all_inner_texts()
    for width in (WIDE, PHONE):
        page.set_viewport_size({"width": width, "height": 900})
        visit.excess[width] = page.evaluate(EXCESS)
    page.close()
    return visit


def is_outside(url: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:", "about:"))
