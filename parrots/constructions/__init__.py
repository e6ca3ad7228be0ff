"""Hand-built weights for the one-layer model, and the proofs that they are right on every input."""

from parrots.constructions.checks import Case, Check, cases
from parrots.constructions.design import Design
from parrots.constructions.registry import CONSTRUCTIONS, Construction, get
from parrots.constructions.solver import Solver, build

__all__ = [
    "CONSTRUCTIONS",
    "Case",
    "Check",
    "Construction",
    "Design",
    "Solver",
    "build",
    "cases",
    "get",
]
