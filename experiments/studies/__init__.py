"""Studies: one package each, known here by name; :mod:`experiments.studies.types` says what a study is."""

from __future__ import annotations

import importlib

from experiments.studies.settings import with_settings
from experiments.studies.types import Cell, Estimate, Finished, Job, Study
from experiments.suggest import unknown_name

__all__ = ["STUDIES", "Cell", "Estimate", "Finished", "Job", "Study", "get", "with_settings"]

STUDIES = {
    "width": "experiments.studies.width",
    "certified": "experiments.studies.certified",
    "precision": "experiments.studies.precision",
    "refuted": "experiments.studies.refuted",
    "memoriser": "experiments.studies.memoriser",
}
"""Name of a study -> the module that holds it as ``STUDY``."""


def get(name: str) -> Study:
    """The study called ``name``; only its own module is imported.

    Raises:
        InputError: if there is none, with the names that come close.
    """
    if name not in STUDIES:
        raise unknown_name("study", name, STUDIES)
    return importlib.import_module(STUDIES[name]).STUDY
