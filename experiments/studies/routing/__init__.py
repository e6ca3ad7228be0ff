"""The study `routing`: what does a router change, at equal parameters, for memory and for path finding?"""

from __future__ import annotations

from experiments.studies.routing.study import RoutingStudy

STUDY = RoutingStudy()
