"""The study `routing-boundary`: on one side of it experts can't replace width, on the other a layer needs little."""

from __future__ import annotations

from experiments.studies.routing_boundary.study import RoutingBoundaryStudy

STUDY = RoutingBoundaryStudy()
