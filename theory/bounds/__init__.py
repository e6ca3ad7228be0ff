"""Exact evaluation of every bound: integers and rationals decide, never floating point.

``bounds_table(Size(vertices=64, bits=8))`` gives all of them; the functions below give one each.
"""

from theory.bounds.average import (
    index_min_width,
    index_suffices,
    pattern_accuracy_min_width,
    pattern_accuracy_suffices,
)
from theory.bounds.ceilings import (
    binary_entropy,
    binary_entropy_inverse,
    bits_of_count,
    index_ceiling,
    index_min_bits,
    per_coordinate_bits,
    planted_ceiling,
    trivial_scheme,
)
from theory.bounds.chain_of_thought import (
    transcript_log2,
    transcript_min_tokens,
    transcript_min_width,
    transcript_suffices,
)
from theory.bounds.enclosure import Enclosure
from theory.bounds.entropy import (
    entropy_bits,
    entropy_min_width,
    entropy_rules_out,
    entropy_suffices,
    entropy_worst_case_bits,
)
from theory.bounds.matched import critical_experts, critical_experts_at
from theory.bounds.message import (
    closed_form_bits,
    closed_form_min_width,
    message_bits,
    message_count,
    message_log2,
    message_min_width,
    message_suffices,
)
from theory.bounds.noise import noise_bits, noise_ceiling, noise_min_columns, noise_worst_case_bits
from theory.bounds.packed import dense_width, packed_bits, packed_digits, packed_neurons, packed_width
from theory.bounds.pattern import (
    hyperplane_units,
    pattern_bits,
    pattern_ceiling,
    pattern_min_width,
    pattern_suffices,
)
from theory.bounds.row import BoundRow
from theory.bounds.size import Size
from theory.bounds.slots import min_slots, slots_bits, slots_min_width, slots_suffice
from theory.bounds.table import bounds_table

__all__ = [
    "BoundRow",
    "Enclosure",
    "Size",
    "binary_entropy",
    "binary_entropy_inverse",
    "bits_of_count",
    "bounds_table",
    "closed_form_bits",
    "closed_form_min_width",
    "critical_experts",
    "critical_experts_at",
    "dense_width",
    "entropy_bits",
    "entropy_min_width",
    "entropy_rules_out",
    "entropy_suffices",
    "entropy_worst_case_bits",
    "hyperplane_units",
    "index_ceiling",
    "index_min_bits",
    "index_min_width",
    "index_suffices",
    "message_bits",
    "message_count",
    "message_log2",
    "message_min_width",
    "message_suffices",
    "min_slots",
    "noise_bits",
    "noise_ceiling",
    "noise_min_columns",
    "noise_worst_case_bits",
    "packed_bits",
    "packed_digits",
    "packed_neurons",
    "packed_width",
    "pattern_accuracy_min_width",
    "pattern_accuracy_suffices",
    "pattern_bits",
    "pattern_ceiling",
    "pattern_min_width",
    "pattern_suffices",
    "per_coordinate_bits",
    "planted_ceiling",
    "slots_bits",
    "slots_min_width",
    "slots_suffice",
    "transcript_log2",
    "transcript_min_tokens",
    "transcript_min_width",
    "transcript_suffices",
    "trivial_scheme",
]
