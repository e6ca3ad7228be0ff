"""The README of an exported folder: what is asked, how to run it, what shortcuts reach."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.probes.books import CLOSED, OPEN
from experiments.probes.lm_eval_format import ALL, METRICS
from experiments.probes.paths import LENGTH_TWO, SHORTEST
from experiments.probes.probe import SHOWN, Probe

ASKS = {
    LENGTH_TWO: "Is there a path of two edges from one vertex to another? The size is the number of vertices between "
    "them. Graded: whether the likelier of yes and no is right; half of the answers are yes.",
    SHORTEST: "Write the only shortest path of a sparse graph; the size is the number of its vertices. Graded: the "
    "whole path.",
    OPEN: "The number of a name, the phone-book stands in the prompt; the size is the number of its entries. Graded: "
    "the whole number. The control of the closed book: a model that fails here fails at reading, not at remembering.",
    CLOSED: "The number of a name of a phone-book that is in no prompt; the size is the number of its entries. Graded: "
    "the whole number. Only a model that has been trained on the texts of NAME.learn.jsonl can answer; every other one "
    "guesses.",
}


def readme(probes: Sequence[Probe], seed: int) -> str:
    """Markdown."""
    groups = {probe.group: probe for probe in reversed(probes)}  # the first size of each kind is shown
    parts = [
        f"# Probes\n\nTasks for lm-eval 0.4 (`pip install 'lm-eval[hf]'`), made by `parrots probes`, seed {seed}. Run "
        "them in this folder, since the files of questions are looked for where lm-eval runs:\n",
        f"    lm_eval --model hf --model_args pretrained=MODEL --include_path . --tasks {ALL} --output_path results\n",
        f"`--tasks` also takes {', '.join(f'`{name}`' for name in reversed(groups))} or one size, such as "
        f"`{probes[0].name}`. Before each question stand {SHOWN} answered ones, which are never asked; `--num_fewshot` "
        "changes that. Compare models at the same number.\n",
        *(f"## {name}\n\n{ASKS[name]}\n\n{_example(probe)}\n" for name, probe in reversed(groups.items())),
        *([_learning(probes)] if CLOSED in groups else []),
        "## Shortcuts\n\nShare of the same questions that rules get right which do not solve the task; a threshold is "
        "the best one for these very questions. A model is to be held against the best of them, not against 0.\n\n"
        f"{shortcuts_table(probes)}",
    ]
    return "\n".join(parts)


def _example(probe: Probe) -> str:
    item = probe.shown[0]
    lines = f"{item['prompt']} {item['answer']}".split("\n")
    return "\n".join(f"    {line}" for line in lines)


def _learning(probes: Sequence[Probe]) -> str:
    books = [probe for probe in probes if probe.group == CLOSED]
    names = ", ".join(f"`{probe.name}.learn.jsonl` ({len(probe.to_learn):,} texts)" for probe in books)
    return (
        f"### Learning the closed book\n\n{names}: a JSON object with the field `text` on each line. Train on one of "
        "these files, every text many times, in a new order each time; then ask the task of the same size. A larger "
        "book begins with the smaller one, so a model that learned the largest can be asked all sizes. Models are "
        "compared fairly at equal passes over the book and at a learning rate chosen for each.\n"
    )


def shortcuts_table(probes: Sequence[Probe]) -> str:
    """Markdown: a line for each rule of each probe."""
    head = "| task | questions | metric | rule | right |\n|---|---|---|---|---|\n"
    rows = [
        f"| {probe.name} | {len(probe.asked)} | {METRICS[probe.kind]} | {rule} | {share:.3f} |\n"
        for probe in probes
        for rule, share in probe.shortcuts.items()
    ]
    return head + "".join(rows)
