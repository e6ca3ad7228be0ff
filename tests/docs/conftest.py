"""The site is built once, and seen once in one browser; every test here runs under a time limit."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from site_pages import DOCS, ROOT, WIDE, Site, Visit, see

SECONDS_A_TEST = 300


@pytest.fixture(autouse=True)
def time_limit() -> Iterator[None]:
    def stop(signum: int, frame: Any) -> None:
        raise TimeoutError(f"a test of the pages took more than {SECONDS_A_TEST} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS_A_TEST)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The pages, built as ``make docs`` builds them but into a temporary folder."""
    folder = tmp_path_factory.mktemp("site")
    html = folder / "html"
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-b", "html", "-d"]
    command += [str(folder / "doctrees"), str(DOCS), str(html)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS_A_TEST, check=False)
    return Site(html, built.returncode, built.stderr)


@pytest.fixture(scope="session")
def visits(site: Site, browser: Any) -> dict[str, Visit]:
    """Every page of the site, seen once."""
    context = browser.new_context(viewport={"width": WIDE, "height": 900})
    pages = sorted(path for path in site.html.rglob("*.html") if "_static" not in path.parts)
    return {path.relative_to(site.html).with_suffix("").as_posix(): see(context, path) for path in pages}
