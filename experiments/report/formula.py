"""A formula as a picture, drawn by matplotlib from sympy's LaTeX: it needs no network, no font and no script."""

from __future__ import annotations

import io

from experiments.report.drawing import for_light_and_dark, style


def formula_svg(latex: str) -> bytes:
    """``latex`` (without delimiters) as SVG that is readable on light and dark pages.

    Raises:
        ValueError: if matplotlib's mathtext lacks a command in it.
    """
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(0.1, 0.1))
        figure.set_layout_engine("none")
        tall = latex.replace(r"\frac", r"\dfrac")  # a formula on a line of its own
        figure.text(0, 0, f"${tall}$", fontsize=12, math_fontfamily="stix")
        picture = io.BytesIO()
        figure.savefig(
            picture, format="svg", bbox_inches="tight", pad_inches=0.05, metadata={"Date": None, "Creator": None}
        )
    return for_light_and_dark(picture.getvalue().decode(), latex).encode()
