"""Answers to the probes' prompts by networkx and by looking it up, from the text alone."""

from __future__ import annotations

import re

import networkx as nx


def last_question(prompt: str) -> str:
    """Without the answered ones before it."""
    return prompt.split("\n\n")[-1]


def graph_of(prompt: str) -> nx.DiGraph:
    """Undirected edges become both directions."""
    listed = last_question(prompt).split("\n")[0]
    directed = [tuple(edge.split(" -> ")) for edge in re.findall(r"\w+ -> \w+", listed)]
    both = [tuple(edge.split(" - ")) for edge in re.findall(r"\w+ - \w+", listed)]
    return nx.DiGraph([*directed, *both, *((b, a) for a, b in both)])


def has_length_two_path(prompt: str) -> bool:
    source, target = re.search(r"edges (\w+) -> X and X -> (\w+)\?", last_question(prompt)).groups()
    paths = nx.all_simple_paths(graph_of(prompt), source, target, cutoff=2)
    return any(len(path) == 3 for path in paths)


def shortest_paths(prompt: str) -> list[str]:
    source, target = re.search(r"path from (\w+) to (\w+)\?", last_question(prompt)).groups()
    return [" - ".join(path) for path in nx.all_shortest_paths(graph_of(prompt), source, target)]


def number_in_list(prompt: str) -> str | None:
    """The number that the prompt itself gives to the name it asks for."""
    *listed, asked = last_question(prompt).split("\n")
    found = [line.removesuffix(".").split()[-1] for line in listed if line.startswith(f"{asked} ")]
    return found[0] if len(found) == 1 else None


def answer(prompt: str) -> str | None:
    """Of any probe whose prompt holds the answer; None for another one."""
    question = last_question(prompt)
    if question.startswith("Directed"):
        return "yes" if has_length_two_path(prompt) else "no"
    if question.startswith("Undirected"):
        return shortest_paths(prompt)[0]
    return number_in_list(prompt)
