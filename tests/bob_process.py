"""Bob in a process of his own: it is given the model and his edges, and then bytes through a pipe, nothing else."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from parrots.checkpoint import load_model
from parrots.protocol import split
from theory.protocol import Bob


def answer_messages(model: Path, edges: list[list[int]], pipe: Connection) -> None:
    """Answer each message with (logit, answer) until the pipe closes."""
    bob = Bob(split(load_model(model)), np.array(edges, dtype=np.int64).reshape(-1, 2))
    while True:
        try:
            message = pipe.recv_bytes()
        except EOFError:
            return
        reading = bob.answer(message)
        pipe.send((reading.logit, reading.answer))
