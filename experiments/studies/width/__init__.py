"""The study `width`: can experts replace width in one layer?  Bounds, constructions and trained models side by side."""

from __future__ import annotations

from experiments.studies.width.study import WidthStudy

STUDY = WidthStudy()
