"""The study `shortest-path`: does the accuracy of path finding follow the total or the active parameters?"""

from __future__ import annotations

from experiments.studies.shortest_path.study import ShortestPathStudy

STUDY = ShortestPathStudy()
