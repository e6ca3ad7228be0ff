"""Questions about graphs whose edges are listed in the prompt: a path of two edges, a shortest path."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import networkx as nx
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from experiments.probes.probe import SHOTS, Item, Probe
from experiments.probes.words import WORDS
from experiments.tasks.numbered import key
from experiments.tasks.shortest_path import ShortestPath
from experiments.tasks.task import Examples, Split
from experiments.tasks.two_hop import YES, LengthTwoPath
from theory.errors import InputError

LENGTH_TWO, SHORTEST = "parrots_length2", "parrots_shortest_path"
LEAST = 4
LONGEST = 8
"""Steps of the longest path that is asked for."""
_DRAWN_AT_ONCE = 256
_NAMING = {LENGTH_TWO: 0, SHORTEST: 1}
"""Purposes of the seed."""


def length_two(vertices: int, examples: int, seed: int) -> Probe:
    """Is there a path of two edges between the ends, with ``vertices`` (r) vertices between them?  Yes for half.

    A third of these vertices follow the source, as many precede the target, and at most one does both; r edges more
    lie between them.  So no count of edges tells the answer.

    Raises:
        InputError: more vertices than there are names, or fewer than 4.
    """
    _check(vertices, 2)
    degree = max(1, vertices // 3)
    task = LengthTwoPath(
        vertices=vertices + 2, degree=degree, others=vertices, answer="yes-no", absent=0.5, encoding="vertices",
        seed=seed,
    )  # fmt: skip

    def item(tokens: NDArray[np.int64], rng: np.random.Generator) -> Item:
        edges, names = _edges(task, tokens), rng.permutation(WORDS).tolist()
        source, target = (names[v] for v in (0, vertices + 1))
        listed = ", ".join(f"{names[a]} -> {names[b]}" for a, b in edges)
        prompt = (
            f"Directed edges: {listed}\nQuestion: Is there a vertex X with the two edges {source} -> X and "
            f"X -> {target}?\nAnswer:"
        )
        answer = "yes" if tokens[task.prompt] == YES else "no"
        return {"prompt": prompt, "answer": answer, "between": vertices, "edges": len(edges)}

    shown, asked, _ = _drawn(task, LENGTH_TWO, item, examples, seed, balanced=True)
    yes = np.array([item["answer"] == "yes" for item in asked])
    ends = [Counter(re.findall("[a-z]+", item["prompt"].split("\n")[0])) for item in asked]
    shortcuts = {
        "most frequent answer": float(max(yes.mean(), 1 - yes.mean())),
        "threshold of vertices listed": _best_threshold([len(counts) for counts in ends], yes),
        "threshold of edges at a vertex": _best_threshold([max(counts.values()) for counts in ends], yes),
    }
    return Probe(LENGTH_TWO, vertices, "choice", asked, shown, shortcuts, choices=("yes", "no"))


def shortest_path(vertices: int, examples: int, seed: int) -> Probe:
    """Write the shortest path between two vertices of a sparse graph: a random tree and an eighth as many edges more.

    Only questions with a single shortest path, of 2 to 8 steps, are asked, so that one text is right.

    Raises:
        InputError: more vertices than there are names, or fewer than 4.
    """
    _check(vertices, 0)
    task = ShortestPath(
        vertices=vertices, edges=vertices + vertices // 8, family="tree", distances=(2, LONGEST), labels=len(WORDS),
        seed=seed,
    )  # fmt: skip

    def item(tokens: NDArray[np.int64], rng: np.random.Generator) -> Item | None:
        edges = _edges(task, tokens)
        path = [v for v in task.text.read_vertices(tokens[task.prompt :]) if v >= 0]
        if len(list(islice(nx.all_shortest_paths(nx.Graph(edges), path[0], path[-1]), 2))) > 1:
            return None
        listed = ", ".join(f"{WORDS[a]} - {WORDS[b]}" for a, b in edges)
        ends = f"from {WORDS[path[0]]} to {WORDS[path[-1]]}"
        prompt = f"Undirected edges: {listed}\nQuestion: What is the shortest path {ends}?\nAnswer:"
        answer = " - ".join(WORDS[v] for v in path)
        return {"prompt": prompt, "answer": answer, "vertices": vertices, "steps": len(path) - 1}

    shown, asked, rows = _drawn(task, SHORTEST, item, examples, seed)
    shortcuts = {name: found["exact"] for name, found in task.baselines(Examples(rows, task.prompt)).items()}
    return Probe(
        SHORTEST, vertices, "text", asked, shown, shortcuts, pattern=r"^\s*([a-z]+(?: - [a-z]+)*)\s*$"
    )  # fmt: skip


Ask = Callable[[Any, np.random.Generator], "Item | None"]
"""The item of a row of tokens, None for one that is not asked; the generator gives the vertices their names."""


def _drawn(
    task: Any, group: str, item: Ask, examples: int, seed: int, balanced: bool = False
) -> tuple[list[Item], list[Item], Tensor]:
    """Items shown, items asked, and the tokens ``[asked, length]`` of the latter.

    No question is in both or twice in one.  ``balanced``: half of each part answers yes.
    """
    names = np.random.default_rng(key(seed, _NAMING[group], task.vertices))
    seen: set[str] = set()
    shown, _ = _part(task, "train", item, SHOTS, names, seen, balanced)
    asked, rows = _part(task, "test", item, examples, names, seen, balanced)
    return shown, asked, rows


def _part(
    task: Any, split: Split, item: Ask, count: int, names: np.random.Generator, seen: set[str], balanced: bool
) -> tuple[list[Item], Tensor]:
    left = {"yes": count - count // 2, "no": count // 2} if balanced else {"": count}
    items: list[Item] = []
    rows = []
    for tokens in _rows(task, split):
        found = item(tokens.numpy(), names)
        quota = found["answer"] if found is not None and balanced else ""
        if found is None or not left[quota] or _question(found) in seen:
            continue
        seen.add(_question(found))
        left[quota] -= 1
        items.append(found)
        rows.append(tokens)
        if not any(left.values()):
            return items, torch.stack(rows)
    raise AssertionError("a stream of examples never ends")


def _rows(task: Any, split: Split) -> Iterator[Tensor]:
    first = 0
    while True:
        yield from task.examples(split, first, _DRAWN_AT_ONCE).tokens
        first += _DRAWN_AT_ONCE


def _question(item: Item) -> str:
    """The same for the same graph and ends, whatever the order of the edges."""
    edges, question, _ = item["prompt"].split("\n")
    return f"{sorted(edges.split(': ')[1].split(', '))} {question}"


def _edges(task: Any, tokens: NDArray[np.int64]) -> list[tuple[int, int]]:
    tail, head = task.text.read_edges(tokens[None, : task.prompt - 3])
    return list(zip(tail[0].tolist(), head[0].tolist(), strict=True))


def _best_threshold(values: list[int], yes: NDArray[np.bool_]) -> float:
    """The best of all rules "yes iff the value is at most, or above, so much", chosen on the questions themselves."""
    rates = [float(((np.array(values) <= limit) == yes).mean()) for limit in sorted(set(values))]
    return max(max(rate, 1 - rate) for rate in rates)


def _check(vertices: int, ends: int) -> None:
    most = len(WORDS) - ends
    if not LEAST <= vertices <= most:
        raise InputError(f"vertices {vertices}: graphs have from {LEAST} to {most}, as many as there are names.")
