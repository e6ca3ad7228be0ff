"""A run as one HTML file that needs nothing else: style and drawing are inside it."""

from __future__ import annotations

import base64
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup

from experiments.protocol.drawing import drawn_vertices, graph_figure
from experiments.protocol.report import Report
from experiments.protocol.terminal import listed
from experiments.report.drawing import render
from parrots.files import write_whole

MOST_NUMBERS = 64
MOST_HEX = 2048


def write_page(report: Report, path: Path) -> None:
    """Write the page to ``path`` in one step."""
    write_whole(path, render_run(report).encode())


def render_run(report: Report) -> str:
    """The page; its text depends on the run alone, not on the time."""
    run = report.transcript
    figure = graph_figure(run, report.labels)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["listed"] = lambda numbers: listed(numbers, MOST_NUMBERS)
    template = environment.from_string(files("experiments.protocol").joinpath("page.html.j2").read_text("utf-8"))
    text = run.message.hex()
    return template.render(
        report=report,
        run=run,
        css=Markup(files("experiments.report").joinpath("page.css").read_text("utf-8")),
        drawing=f"data:image/svg+xml;base64,{base64.b64encode(render(figure)[0]).decode()}",
        alt=figure.alt,
        undrawn=run.r - len(drawn_vertices(run)),
        others=sum(1 for u, v in run.bob_edges if v != run.r + 1 or not 1 <= u <= run.r),
        message=text if len(text) <= MOST_HEX else f"{text[:MOST_HEX]}…",
    )
