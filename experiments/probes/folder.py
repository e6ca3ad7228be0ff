"""The folder of probes: everything in it is made before the first file is written, and nothing is overwritten."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.probes.books import CLOSED, OPEN, closed_book, open_book
from experiments.probes.lm_eval_format import group_files, task_files
from experiments.probes.paths import LENGTH_TWO, SHORTEST, length_two, shortest_path
from experiments.probes.probe import Probe
from experiments.probes.readme import readme
from experiments.suggest import clip
from parrots.files import write_whole
from theory.errors import InputError

KINDS = {
    "length2": (LENGTH_TWO, length_two),
    "shortest-path": (SHORTEST, shortest_path),
    "open-book": (OPEN, open_book),
    "closed-book": (CLOSED, closed_book),
}
"""Name on the command line -> group, and what makes a probe of (size, examples, seed)."""


def probes(
    kinds: Sequence[str], vertices: Sequence[int], entries: Sequence[int], examples: int, seed: int
) -> list[Probe]:
    """The ``kinds`` at all their sizes: ``entries`` of the closed book, ``vertices`` of the others.

    Raises:
        InputError: a size that a kind does not have.
    """
    return [
        KINDS[kind][1](size, examples, seed)
        for kind in dict.fromkeys(kinds)
        for size in dict.fromkeys(entries if kind == "closed-book" else vertices)
    ]


def files(made: Sequence[Probe], seed: int) -> dict[str, bytes]:
    """File name -> content; ``shortcuts.json`` holds the README's table for programs."""
    found = {name: content for probe in made for name, content in task_files(probe).items()}
    shortcuts = json.dumps({probe.name: dict(probe.shortcuts) for probe in made}, indent=2)
    return {
        **found,
        **group_files(made),
        "shortcuts.json": f"{shortcuts}\n".encode(),
        "README.md": readme(made, seed).encode(),
    }


def write(content: Mapping[str, bytes], folder: Path) -> None:
    """Write the files that are not there yet.

    Raises:
        InputError: before anything is written, if the folder holds anything else.
    """
    if folder.exists():
        if not folder.is_dir():
            raise InputError(f"--out {clip(str(folder))} is a file: give the name of a folder.")
        for path in sorted(folder.iterdir()):
            if path.name not in content:
                raise InputError(
                    f"--out {clip(str(folder))} holds {clip(path.name)!r}, which is none of these files: give a new or "
                    "empty folder."
                )
            if not path.is_file() or path.read_bytes() != content[path.name]:
                raise InputError(
                    f"--out {clip(str(folder))} holds another {clip(path.name)!r}: give a new or empty folder, or "
                    "the settings that it was made with."
                )
    for name, text in content.items():
        if not (folder / name).exists():
            write_whole(folder / name, text)
