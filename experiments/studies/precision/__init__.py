"""The study `precision`: in which number formats is each hand-built model right, and what does width cost in bits?"""

from __future__ import annotations

from experiments.studies.precision.study import PrecisionStudy

STUDY = PrecisionStudy()
