"""MathJax as one local file, so that formulas need no network to be read."""

from __future__ import annotations

import shutil
from importlib.metadata import files
from pathlib import Path

# The wheel holds two files of this name; only the one under es5 is the browser's bundle.
BUNDLE = "es5/tex-svg-full.js"


def copy_mathjax(folder: Path) -> Path:
    """Copy MathJax 3 out of its wheel into ``folder`` (once) and give the copy's path."""
    source = next(Path(str(f.locate())) for f in files("django-static-mathjax") or [] if str(f).endswith(BUNDLE))
    copy = folder / source.name
    if not copy.exists() or copy.stat().st_size != source.stat().st_size:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    return copy
