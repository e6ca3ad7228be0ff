"""What a finished run draws in its folder."""

from __future__ import annotations

import json

from experiments import routing_figures
from experiments.report.drawing import render
from experiments.training.folder import RunFolder
from parrots.files import write_whole


def draw_routers(folder: RunFolder) -> None:
    """Entropies and dropped choices over the steps, as ``routers.svg`` and ``routers.png``; none for a dense model."""
    lines = [json.loads(line) for line in folder.metrics_file.read_text().splitlines()]
    if not any(line.get("routers") for line in lines):
        return
    vector, pixels = render(routing_figures.over_training("routers", lines))
    write_whole(folder.path / "routers.svg", vector)
    write_whole(folder.path / "routers.png", pixels)
