"""The study `soft-moe`: can one large expert learn what many small ones learn, or is it the slots that count?"""

from __future__ import annotations

from experiments.studies.soft_moe.study import SoftMoeStudy

STUDY = SoftMoeStudy()
