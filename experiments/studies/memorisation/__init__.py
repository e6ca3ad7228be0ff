"""The study `memorisation`: how many random labels does a trained layer hold, dense and with experts?"""

from __future__ import annotations

from experiments.studies.memorisation.study import MemorisationStudy

STUDY = MemorisationStudy()
