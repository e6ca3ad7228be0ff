"""The study `certified`: how narrow can a model be that is right on every input, if its errors are fed back?"""

from __future__ import annotations

from experiments.studies.certified.study import CertifiedStudy

STUDY = CertifiedStudy()
