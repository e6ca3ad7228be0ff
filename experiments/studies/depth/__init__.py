"""The study `depth`: what a second layer does at a width where one layer fails, built by hand and trained."""

from __future__ import annotations

from experiments.studies.depth.study import DepthStudy

STUDY = DepthStudy()
"""The study as the runner and the report see it."""
