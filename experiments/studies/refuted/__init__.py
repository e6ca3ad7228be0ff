"""The study `refuted`: does a search find the failing graph of a model that has one, and what does it cost?"""

from __future__ import annotations

from experiments.studies.refuted.study import RefutedStudy

STUDY = RefutedStudy()
