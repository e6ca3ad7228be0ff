"""The task that a decoder of this project was trained on, asked through lm-eval in the task's own tokens."""

from __future__ import annotations

from pathlib import Path

from experiments.probes.probe import SHOTS, Item, Probe
from experiments.probes.readme import shortcuts_table
from experiments.tasks import PAD, Split, Task
from experiments.training.folder import RunFolder
from parrots.interop.hugging_face_tokenizer import END
from parrots.interop.hugging_face_tokenizer import PAD as PADDING


def own_task(run: Path, examples: int) -> Probe:
    """Test examples of the run's task, a blank between tokens, as the tokenizer of `parrots export` reads them.

    Graded: whether what is written is the reference answer, token by token.  Shortcuts are the task's own.

    Raises:
        InputError: for a folder that is no run.
    """
    task = RunFolder(run).plan().task
    size = task.size("test")
    count = examples if size is None else min(examples, size)
    reached = task.baselines(task.examples("test", 0, count))
    return Probe(
        group=f"parrots_trained_{task.name.replace('-', '_')}",
        size=task.length,
        kind="text",
        asked=_items(task, "test", count),
        shown=_items(task, "train", SHOTS),
        shortcuts={name: found.get("exact", found["correct"]) for name, found in reached.items()},
        until=(END if END in task.vocabulary else PADDING,),  # lm-eval encodes it, and other words are no tokens
        most_tokens=task.length - task.prompt,
        pattern=r"^\s*(.*?)\s*$",
        examples_before=0,
    )


def _items(task: Task, split: Split, count: int) -> list[Item]:
    words = task.vocabulary
    found: list[Item] = []
    for row in task.examples(split, 0, count).tokens.tolist():
        prompt, answer = (
            " ".join(words[t] for t in part if t != PAD) for part in (row[: task.prompt], row[task.prompt :])
        )
        found.append({"prompt": prompt, "answer": answer.removesuffix(f" {END}")})
    return found


def readme(probe: Probe) -> str:
    """Markdown: how to run it on the exported decoder."""
    return (
        f"# {probe.name}\n\nThe task that a decoder was trained on, in its own tokens. Write the decoder with `parrots "
        "export RUN --out MODEL`, then run lm-eval 0.4 (`pip install 'lm-eval[hf]'`) in this folder:\n\n"
        f"    lm_eval --model hf --model_args pretrained=MODEL,max_length={probe.size} --include_path . --tasks "
        f"{probe.name}\n\n`max_length` is the length of a whole sequence: without it lm-eval cuts a token off the "
        "beginning, since the decoder reads one token less than it learned. Graded is whether what is written is the "
        "reference answer; `parrots evaluate RUN` has the task's own grades. What shortcuts reach on the same "
        f"questions:\n\n{shortcuts_table([probe])}"
    )
