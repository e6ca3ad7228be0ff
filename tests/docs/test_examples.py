"""The examples on the pages run and print what the pages say."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest
import tyro  # noqa: F401  (imported late it fails: it hashes all builtins, and an example that printed a list is `_`)
from site_pages import DOCS, page_names
from sybil import Sybil
from sybil.example import SybilFailure
from sybil.parsers.rest import DocTestParser

EXAMPLES = Sybil(parsers=[DocTestParser(optionflags=doctest.ELLIPSIS)])


def pages_with_examples() -> list[str]:
    return [name for name in page_names() if ">>> " in (DOCS / f"{name}.rst").read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", pages_with_examples())
def test_examples_print_what_the_page_says(name: str) -> None:
    examples = list(EXAMPLES.parse(DOCS / f"{name}.rst"))
    assert examples
    for example in examples:
        example.evaluate()


def test_a_wrong_example_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.rst"
    page.write_text(">>> 1 + 1\n3\n", encoding="utf-8")
    with pytest.raises(SybilFailure, match="Expected"):
        next(iter(EXAMPLES.parse(page))).evaluate()
