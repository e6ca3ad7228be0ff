"""Search for a graph that a one-layer model gets wrong.

Every method works on the table of a model (:class:`theory.table.OneLayerTable`) alone, one file each:

* :mod:`theory.refute.sampling`: random pairs of sets, the baseline;
* :mod:`theory.refute.all_inputs`: all ``4^r`` inputs;
* :mod:`theory.refute.exhaustive`: collisions among all ``2^r`` messages;
* :mod:`theory.refute.birthday`: relations between integer contributions from four lists;
* :mod:`theory.refute.lattice`: short relations by lattice reduction;
* :mod:`theory.refute.neighbours`: nearest neighbours among random messages;
* :mod:`theory.refute.local`: annealing on the margin.

:func:`refute` runs them within a time limit.  What it finds is an input on which the table is wrong; finding none
proves nothing.
"""

from __future__ import annotations

from theory.refute.problem import Problem
from theory.refute.result import Attempt, Candidate, Collision, Refutation
from theory.refute.schedule import METHODS, Search, refute

__all__ = ["METHODS", "Attempt", "Candidate", "Collision", "Problem", "Refutation", "Search", "refute"]
