"""Probes as files of lm-eval (0.4): a task is one YAML file and two of questions, a group is one YAML file.

YAML is written as lines ``field: value`` whose values are JSON, which is YAML too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from experiments.probes.probe import Probe

ALL = "parrots_probes"
"""The group of all groups."""
VERSION = 1
"""Of the prompts: raised whenever a prompt changes, since scores of different prompts cannot be compared."""
METRICS = {"choice": "acc", "text": "exact_match"}
FILTER = "answer"


def task_files(probe: Probe) -> dict[str, bytes]:
    """File name -> content."""
    files = {
        f"{probe.name}.yaml": _yaml(task_fields(probe)),
        f"{probe.name}.asked.jsonl": _lines(probe.asked),
        f"{probe.name}.shown.jsonl": _lines(probe.shown),
    }
    if probe.to_learn:
        files[f"{probe.name}.learn.jsonl"] = _lines([{"text": text} for text in probe.to_learn])
    return files


def task_fields(probe: Probe) -> dict[str, Any]:
    """The task as lm-eval reads it; the files of data are looked for in the folder that lm-eval runs in."""
    metric = {"metric": METRICS[probe.kind], "aggregation": "mean", "higher_is_better": True}
    fields: dict[str, Any] = {
        "task": probe.name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"shown": f"{probe.name}.shown.jsonl", "asked": f"{probe.name}.asked.jsonl"}},
        "training_split": "shown",
        "test_split": "asked",
        "fewshot_split": "shown",
        "num_fewshot": probe.examples_before,
        "doc_to_text": "prompt",
        "doc_to_target": "answer",
        "metric_list": [metric],
        "metadata": {"version": VERSION},
    }
    if probe.kind == "choice":
        return fields | {"output_type": "multiple_choice", "doc_to_choice": list(probe.choices)}
    regex = {"function": "regex", "regex_pattern": probe.pattern, "group_select": 0}
    return fields | {
        "output_type": "generate_until",
        "generation_kwargs": {
            "until": list(probe.until),
            "do_sample": False,
            "max_gen_toks": probe.most_tokens,
        },
        "filter_list": [{"name": FILTER, "filter": [regex, {"function": "take_first"}]}],
    }


def group_files(probes: Sequence[Probe]) -> dict[str, bytes]:
    """A group for each kind, whose score is that of all its questions, and one of all groups."""
    groups: dict[str, list[Probe]] = {}
    for probe in probes:
        groups.setdefault(probe.group, []).append(probe)
    files = {f"{name}.yaml": _yaml(_group(name, members)) for name, members in groups.items()}
    return files | {f"{ALL}.yaml": _yaml({"group": ALL, "task": list(groups), "metadata": {"version": VERSION}})}


def _group(name: str, members: Sequence[Probe]) -> dict[str, Any]:
    kind = members[0].kind
    score: dict[str, Any] = {"metric": METRICS[kind], "weight_by_size": True}
    score |= {"filter_list": [FILTER]} if kind == "text" else {}
    return {
        "group": name,
        "task": [probe.name for probe in members],
        "aggregate_metric_list": [score],
        "metadata": {"version": VERSION},
    }


def _yaml(fields: Mapping[str, Any]) -> bytes:
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in fields.items()).encode()


def _lines(items: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(item)}\n" for item in items).encode()
