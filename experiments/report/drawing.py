"""Figures as files: one style, the same bytes for the same rows, readable on light and on dark pages."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

from experiments.report.page import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

INK = "#1f2328"
"""The colour of text, axes and of the bounds drawn in; light on a dark page."""

COLOURS = MappingProxyType(
    {
        "blue": "#0072b2",
        "vermillion": "#d55e00",
        "green": "#009e73",
        "purple": "#cc79a7",
        "orange": "#e69f00",
        "sky": "#56b4e9",
    }
)
"""Okabe and Ito's colours by name, those that show on white and on black."""

_PAPER = f"""<style>
:root {{ color: {INK}; background: #ffffff }}
@media (prefers-color-scheme: dark) {{ :root {{ color: #e6e8eb; background: #16181d }} }}
</style>"""


@contextmanager
def style() -> Iterator[None]:
    """matplotlib with the project's style alone: neither a user's settings nor a display change a figure."""
    import matplotlib
    from matplotlib import style as styles

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        styles.use(str(files("experiments.report") / "parrots.mplstyle"))
        yield


def render(figure: Figure) -> tuple[bytes, bytes]:
    """``figure`` as SVG (one file for light and dark) and as PNG (on white); deterministic."""
    with style():
        drawing = figure.draw()
        pixels = io.BytesIO()
        drawing.savefig(pixels, format="png", facecolor="white", metadata={"Software": None})
        return _vector(drawing, figure.alt), pixels.getvalue()


def render_svg(figure: Figure) -> bytes:
    """``figure`` as SVG alone."""
    with style():
        return _vector(figure.draw(), figure.alt)


def _vector(drawing: MatplotlibFigure, alt: str) -> bytes:
    vector = io.BytesIO()
    drawing.savefig(vector, format="svg", metadata={"Date": None, "Creator": None})
    return for_light_and_dark(vector.getvalue().decode(), alt).encode()


def for_light_and_dark(svg: str, alt: str) -> str:
    """Ink becomes the text colour of the page the file is seen on, and ``alt`` the file's own description."""
    from markupsafe import escape

    svg = svg.replace(INK, "currentColor")
    return re.sub(
        r"(<svg [^>]*?)>",
        lambda found: f'{found[1]} role="img">\n<desc>{escape(alt)}</desc>\n{_PAPER}',
        svg,
        count=1,
    )
