"""``parrots story``: one report of all studies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group
from rich.text import Text
from tyro.conf import Positional

from experiments.cli.outcome import FALSE_OR_FAILED, FINE, Outcome


@dataclass(frozen=True)
class Story:
    """Tell all results as one page: statement by statement, what is predicted beside what was measured.

    Writes story.html, which needs nothing else, and story.json. Exit code 1 if a check does not hold.
    """

    dirs: Positional[tuple[Path, ...]] = (Path("results"),)
    """Folders that `parrots run` wrote to, or folders of such folders."""

    out: Path | None = None
    """Folder of the two files; made if it does not exist. Default: the first folder given."""

    def run(self, console: Console) -> Outcome:
        from experiments.story.runs import tell
        from experiments.story.write import write_story
        from theory.errors import InputError

        if not self.dirs:
            raise InputError("no folder given: give one that `parrots run` wrote to, or a folder of such folders")
        told = tell(self.dirs)
        if not told:
            raise InputError("the stores have no finished cell yet: run their studies first")
        story, files = write_story(told, self.out or self.dirs[0])
        payload = story.payload() | {"files": [str(file) for file in files]}
        view = Group(story.view(), Text(f"open {files[0]}"))
        return Outcome(payload, view, FALSE_OR_FAILED if story.failed else FINE)
