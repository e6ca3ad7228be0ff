"""A transcript as steps that a reader can follow, a sentence or two each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

from theory.protocol.transcript import Edges, Transcript

Numbers = tuple[int, ...] | tuple[float, ...]


@dataclass(frozen=True)
class Step:
    """One thing that somebody knows, does or says; ``bits`` is what it sends to the other party."""

    who: str
    """"both", "Alice" or "Bob"."""
    says: str
    bits: int = 0
    numbers: tuple[tuple[str, Numbers], ...] = ()
    """Groups of numbers that it is about, each with its name."""


def steps(transcript: Transcript, labels: Sequence[str] | None = None) -> tuple[Step, ...]:
    """The steps in order, as many for every model; ``labels`` are names of the vertices 0..r+1, if they have any."""
    names = [str(vertex) for vertex in range(transcript.vertices)] if labels is None else list(labels)
    r, own_slots = transcript.r, transcript.edge_slots - transcript.r
    nulls = r - len(transcript.alice_edges)
    return (
        Step(
            "both",
            f"know the model, and that it reads graphs of {transcript.vertices} vertices: source {names[0]}, target "
            f"{names[-1]} and r = {r} between them, in {transcript.edge_slots} edge slots. After attention: "
            f"{transcript.block}.",
        ),
        Step(
            "Alice",
            f"holds the edges from the source: {_listed(transcript.alice_edges, names)}. "
            f"The rest of her {r} slots, {nulls}, are null tokens.",
        ),
        Step("Alice", _alice_adds(transcript), numbers=_grouped(transcript, transcript.numbers)),
        Step("Alice", _sends(transcript), bits=transcript.bits),
        Step(
            "Bob",
            f"holds all other edges: {_listed(transcript.bob_edges, names)}. "
            f"{_bob_nulls(own_slots - len(transcript.bob_edges))}",
        ),
        Step("Bob", _bob_adds(transcript), numbers=_sums(transcript)),
        Step("Bob", _applies(transcript)),
        Step("Bob", f"reads the logit {transcript.reading.logit:.6g}, {_meaning(transcript.reading.logit)}."),
    )


def _alice_adds(transcript: Transcript) -> str:
    if transcript.format.kind == "codes":
        return "adds up her part of the query's state and rounds each coordinate to a code."
    integers = transcript.format.kind == "integer sums"
    exactly = "They are integers." if integers else "They are float64, added from left to right."
    return f"adds up what the query reads of her tokens, null tokens included. {exactly}"


def _sends(transcript: Transcript) -> str:
    form = transcript.format
    size = f"{form.bits} bits ({len(transcript.message)} bytes)"
    if form.messages is None:
        return f"sends {size}: {form.numbers} numbers of 64 bits."
    return f"packs the {form.numbers} numbers into {size}, the least that tell all possible messages apart, and sends."


def _bob_nulls(free: int) -> str:
    if free >= 0:
        return f"The rest of his slots, {free}, are null tokens."
    return f"He has {-free} fewer slots than edges, so he takes back {-free} of the null tokens that Alice counted."


def _bob_adds(transcript: Transcript) -> str:
    if transcript.format.kind == "codes":
        return "reads each code as the middle of its level and adds his part: the query's whole state."
    return "adds his own sums and the query's: the sums over all tokens."


def _sums(transcript: Transcript) -> tuple[tuple[str, Numbers], ...]:
    if transcript.format.kind == "codes":
        return (("coordinate of the state", transcript.reading.sums),)
    whole = tuple((f"together, {name}", numbers) for name, numbers in _grouped(transcript, transcript.reading.sums))
    if transcript.format.kind == "float sums":  # a float sum that goes on from hers has no part of his alone
        return whole
    his = tuple(int(all_) - int(hers) for all_, hers in zip(transcript.reading.sums, transcript.numbers, strict=True))
    return (*((f"his {name}", numbers) for name, numbers in _grouped(transcript, his)), *whole)


def _applies(transcript: Transcript) -> str:
    reading = transcript.reading
    if not reading.experts:
        return f"applies {transcript.block} to the query's state. No part of it was needed before."
    chosen = ", ".join(
        f"expert {expert} (gate {gate:.3f})" for expert, gate in zip(reading.experts, reading.gates, strict=True)
    )
    return f"lets the router read the query's state, and applies what it chooses: {chosen}. Alice needs no expert."


def _meaning(logit: float) -> str:
    if isnan(logit):
        return "no number, since attention divides by zero or overflows: no"
    return "at least 0: yes" if logit >= 0 else "below 0: no"


def _grouped(transcript: Transcript, numbers: Numbers) -> tuple[tuple[str, Numbers], ...]:
    groups, at = [], 0
    for group in transcript.format.groups:
        groups.append((group.name, numbers[at : at + group.count]))
        at += group.count
    return tuple(groups)


def _listed(edges: Edges, names: Sequence[str], most: int = 12) -> str:
    """
    >>> _listed(((0, 1), (0, 2), (0, 3)), "sabd", most=2)
    '(s, a), (s, b) and 1 more'
    """
    if not edges:
        return "none"
    shown = ", ".join(f"({names[u]}, {names[v]})" for u, v in edges[:most])
    return shown if len(edges) <= most else f"{shown} and {len(edges) - most} more"
