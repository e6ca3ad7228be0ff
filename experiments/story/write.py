"""Writes the story's files, each whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from experiments.jsonable import jsonable
from experiments.story.page import Story
from experiments.story.runs import Told
from parrots.files import write_whole


def write_story(told: Sequence[Told], folder: Path) -> tuple[Story, tuple[Path, ...]]:
    """Write ``story.html`` and ``story.json`` into ``folder``; give the story and their paths.

    Raises:
        OSError: if a file can't be written.
    """
    story = Story(told)
    text = story.html(folder)  # before the first file is written: a figure that fails leaves an older story whole
    data = json.dumps(jsonable(story.payload()), ensure_ascii=False, allow_nan=False, indent=1)
    files = {folder / "story.html": text, folder / "story.json": data + "\n"}
    for path, content in files.items():
        write_whole(path, content.encode())
    return story, tuple(files)
