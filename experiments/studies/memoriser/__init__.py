"""The study `memoriser`: how many parameters does it take to hold random labels, and how many of them are active?"""

from __future__ import annotations

from experiments.studies.memoriser.study import MemoriserStudy

STUDY = MemoriserStudy()
