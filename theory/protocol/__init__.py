"""The two-party protocol behind the width bounds, run on a given one-layer model and graph, with every bit counted.

Alice holds the edges from the source, Bob all others, and the model is public.  Attention reads sums over tokens, so
Alice sends her partial sums; Bob adds his, applies the block, in which the experts are, and reads the answer.
"""

from theory.protocol.message import Group, MessageFormat
from theory.protocol.parties import Alice, Bob, Reading, SplitModel, split_edges
from theory.protocol.table import SplitTable
from theory.protocol.transcript import Transcript, converse

__all__ = [
    "Alice",
    "Bob",
    "Group",
    "MessageFormat",
    "Reading",
    "SplitModel",
    "SplitTable",
    "Transcript",
    "converse",
    "split_edges",
]
