"""The study `specialisation`: which of a Soft MoE's experts does an image need, and do its combine weights tell?"""

from __future__ import annotations

from experiments.studies.specialisation.study import SpecialisationStudy

STUDY = SpecialisationStudy()
