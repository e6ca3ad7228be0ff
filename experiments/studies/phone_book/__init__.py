"""The study `phone-book`: does what a model recalls follow its total or its active parameters?"""

from __future__ import annotations

from experiments.studies.phone_book.study import PhoneBookStudy

STUDY = PhoneBookStudy()
