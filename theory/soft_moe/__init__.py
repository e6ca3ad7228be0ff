"""What one Soft MoE layer cannot tell apart, for given slot vectors, and where that ends."""

from theory.soft_moe.enclosed import Experts, apart, read_outs
from theory.soft_moe.slots import SlotVectors
from theory.soft_moe.targets import TARGETS, LeastError
from theory.soft_moe.witness import Verdict, Witness, witnesses

__all__ = [
    "TARGETS",
    "Experts",
    "LeastError",
    "SlotVectors",
    "Verdict",
    "Witness",
    "apart",
    "read_outs",
    "witnesses",
]
