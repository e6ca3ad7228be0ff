"""Studies, one package or file each: what this folder holds with a line ``STUDY = …`` is a study.

A study's name is its package's, with hyphens for underscores.  :mod:`experiments.studies.types` says what a study is;
the modules beside it that define none are shared by several.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable
from pathlib import Path

from experiments.studies.settings import with_settings
from experiments.studies.types import Cell, Estimate, Finished, Job, Study
from experiments.suggest import unknown_name

__all__ = ["STUDIES", "Cell", "Estimate", "Finished", "Job", "Study", "get", "scan", "with_settings"]

ORDER = (
    *("width", "certified", "precision", "refuted", "memoriser", "memorisation", "routing-boundary", "depth"),
    *("soft-moe", "specialisation", "phone-book", "shortest-path", "routing"),
)
"""In which studies are listed and reproduced: theory held against models, then experiments.  Others follow by name."""
_DEFINES_STUDY = re.compile(r"^STUDY\s*[:=]", re.MULTILINE)


def scan(folders: Iterable[str]) -> dict[str, str]:
    """Name -> module of every study in ``folders``, in :data:`ORDER`.  Files are read, none is imported."""
    modules = [found.name for folder in folders for found in pkgutil.iter_modules([folder]) if _is_study(folder, found)]
    names = {module.replace("_", "-"): f"{__name__}.{module}" for module in modules}
    rank = {name: position for position, name in enumerate(ORDER)}
    return dict(sorted(names.items(), key=lambda item: (rank.get(item[0], len(ORDER)), item[0])))


def _is_study(folder: str, found: pkgutil.ModuleInfo) -> bool:
    file = Path(folder, found.name, "__init__.py") if found.ispkg else Path(folder, f"{found.name}.py")
    return file.exists() and _DEFINES_STUDY.search(file.read_text(encoding="utf-8")) is not None


STUDIES = scan(__path__)
"""Name of a study -> the module that holds it as ``STUDY``."""


def get(name: str) -> Study:
    """The study called ``name``; only its own module is imported.

    Raises:
        InputError: if there is none, with the names that come close.
    """
    if name not in STUDIES:
        raise unknown_name("study", name, STUDIES)
    return importlib.import_module(STUDIES[name]).STUDY
