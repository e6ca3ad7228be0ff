"""``.. drawn:: NAME`` draws a figure of bounds while the pages are built, from the functions that evaluate them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from experiments.planning import layout
from experiments.planning.drawing import draw
from experiments.report.drawing import render
from experiments.report.page import Figure
from theory import bounds
from theory.bounds.cross_token import cross_token_width, flags
from theory.bounds.packed import packed_neurons
from theory.bounds.soft_moe import crosstalk, soft_moe_width
from theory.bounds.two_layer import three_layer_width, two_layer_width
from theory.coverage import covered_min_width
from theory.plan import PlanBudget, plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

FOLDER = Path("_static") / "generated"
FLOAT_BITS = 24
"""Bits of precision of a float32."""


def _axes(x: str, y: str) -> tuple[Drawing, Axes]:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing()
    axes = drawing.subplots()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return drawing, axes


def _powers_of_two(axes: Axes, *names: str) -> None:
    for name in names:
        getattr(axes, f"set_{name}scale")("log", base=2)


def noise() -> Drawing:
    from scipy.stats import norm

    drawing, axes = _axes("contribution of an edge / σ", "accuracy")
    ratios = [i / 8 for i in range(1, 49)]
    axes.plot(ratios, [float(bounds.noise_ceiling([[z]], 1)) for z in ratios], label="ceiling", marker="")
    axes.plot(ratios, norm.cdf([z / 2 for z in ratios]), label="best reader", marker="")
    axes.legend()
    return drawing


def thoughts() -> Drawing:
    r = 512
    drawing, axes = _axes("written tokens T", "width D")
    tokens = [2**t for t in range(10)]
    for bits in (4, 8, FLOAT_BITS):
        widths = [bounds.transcript_min_width(r, 1, bits, T, r + 2) for T in tokens]
        axes.plot(tokens, widths, label=f"least width, p = {bits}")
    axes.plot([r], [2], label="decoder of the proof", linestyle="", marker="*", markersize=11)
    _powers_of_two(axes, "x", "y")
    axes.legend()
    return drawing


def slots() -> Drawing:
    r = 4096
    drawing, axes = _axes("slots S", "width of a token")
    counts = [2**s for s in range(11)]
    for bits in (8, FLOAT_BITS):
        axes.plot(counts, [bounds.slots_min_width(r, S, bits) for S in counts], label=f"least width, p = {bits}")
    axes.plot(counts, [soft_moe_width(r, S) for S in counts], label="built")
    _powers_of_two(axes, "x", "y")
    axes.legend()
    return drawing


def flag_range() -> Drawing:
    drawing, axes = _axes("β", "flag")
    betas = [Fraction(i, 8) for i in range(4, 49)]
    axes.plot(betas, [flags(1, 2, beta).partner for beta in betas], label="partner: at least", marker="")
    for code in (2, 4, 7, 10):
        alone = [flags(code, 4**code, beta).alone for beta in betas]
        axes.plot(betas, alone, label=f"no partner, c = {code}: at most", marker="")
    axes.axhline(0.5, color="black", linewidth=1, linestyle=":")
    axes.legend(loc="center right", bbox_to_anchor=(1, 0.72))
    return drawing


def crosstalk_range() -> Drawing:
    drawing, axes = _axes("β", "largest count without a path")
    betas = [Fraction(i, 16) for i in range(4, 49)]
    for count in (2, 16, 256, 2**16):
        axes.plot(betas, [1 + crosstalk(count, beta).high for beta in betas], label=f"S = {count}", marker="")
    axes.axhline(1.5, color="black", linewidth=1, linestyle=":")
    axes.set_ylim(0.9, 4)
    axes.legend()
    return drawing


def separation() -> Drawing:
    drawing, axes = _axes("vertices between s and d", "width")
    sizes = [2**t for t in range(3, 17)]
    token_wise = [covered_min_width("token-choice", r, FLOAT_BITS) for r in sizes]
    axes.plot(sizes, token_wise, label="token-wise block: least width, 24 bits, any K")
    axes.plot(sizes, [cross_token_width(r) for r in sizes], label="edges attend, then cross-token routing: built")
    axes.plot(
        sizes, [(r - 1).bit_length() + 1 for r in sizes], label="expert choice, r experts, no attention: shown below"
    )
    _powers_of_two(axes, "x", "y")
    axes.legend()
    return drawing


def depth() -> Drawing:
    drawing, axes = _axes("vertices V", "width")
    sizes = [2**t for t in range(4, 17)]
    one = [covered_min_width("token-choice", V - 2, FLOAT_BITS) for V in sizes]
    axes.plot(sizes, one, label="one layer, token-wise: least width, 24 bits, any K")
    axes.plot(sizes, [two_layer_width(V) for V in sizes], label="two layers: built")
    axes.plot(sizes, [three_layer_width(V) for V in sizes], label="three layers, the query names the ends: built")
    _powers_of_two(axes, "x", "y")
    axes.legend()
    return drawing


def star() -> Drawing:
    """Alice holds {1, 2, 4} and Bob {2, 3}: the sets share vertex 2."""
    import networkx as nx

    drawing, axes = _axes("", "")
    axes.set_axis_off()
    place = {"s": (0.0, 0.0), "d": (4.0, 0.0), **{str(i): (2.0, 1.5 - (i - 1)) for i in range(1, 5)}}
    path = [("s", "2"), ("2", "d")]
    others = [("s", "1"), ("s", "4"), ("3", "d")]
    graph = nx.DiGraph([*path, *others, ("d", "s")])
    nx.draw_networkx_nodes(graph, place, ax=axes, node_color="white", edgecolors="black", node_size=500)
    nx.draw_networkx_labels(graph, place, ax=axes, font_size=10)
    for edges, colour, style, bend in (
        (path, "C1", "-", 0.0),
        (others, "C0", "-", 0.0),
        ([("d", "s")], "C2", "--", -0.6),
    ):
        nx.draw_networkx_edges(
            graph, place, ax=axes, edgelist=edges, edge_color=colour, style=style, width=2, arrowsize=16,
            node_size=500, connectionstyle=f"arc3,rad={bend}",
        )  # fmt: skip
    axes.set_ylim(-2.2, 2.1)
    return drawing


def packed_against_pattern() -> Drawing:
    drawing, axes = _axes("log2 r", "packed width / least width")
    logs = range(8, 25, 2)
    for share, colour in ((1, "C0"), (2, "C1"), (4, "C2")):
        ratios = []
        for t in logs:
            width, units = bounds.packed_width(2**t, share * t), packed_neurons(2**t, share * t)
            ratios.append(width / bounds.pattern_min_width(2**t, units))
        axes.plot(logs, ratios, label=f"γ = {share}", color=colour)
        axes.axhline(1 + 1 / share, color=colour, linewidth=1, linestyle=":")
    axes.legend(title="dotted: the limits")
    return drawing


def budget_plan() -> Drawing:
    return draw(layout.rows(plan(PlanBudget(total=2 * 10**9, active=3 * 10**8)), {}))


FIGURES: dict[str, tuple[Callable[[], Drawing], str]] = {
    "noise": (noise, "One vertex: the accuracy of the best reader of a noisy state lies a little below the ceiling."),
    "thoughts": (
        thoughts,
        "512 vertices between s and d: the least width falls as the number of written tokens grows, at 4, 8 and 24 "
        "bits; the decoder of the proof writes 512 tokens at width 2.",
    ),
    "slots": (
        slots,
        "4096 vertices between s and d: least width and width of the construction both fall as slots are added.",
    ),
    "flag-range": (
        flag_range,
        "What attention computes at an edge, with N = 4^c tokens: the two cases are on different sides of 1/2 (dotted) "
        "from a β on that grows slowly with the length c of a code.",
    ),
    "crosstalk-range": (
        crosstalk_range,
        "What a unit reads at most without a path; it fires above 3/2 (dotted), and reads at least 2 with one.",
    ),
    "separation": (
        separation,
        "The least width of a token-wise model grows nearly linearly with the graph; two models with cross-token "
        "routing have logarithmic width.",
    ),
    "depth": (
        depth,
        "The least width of one layer grows nearly linearly with the graph; that of two layers, built, as "
        "the logarithm.",
    ),
    "star": (
        star,
        "A star graph of A = {1, 2, 4} and B = {2, 3}. The shared vertex 2 gives the path s, 2, d, so the "
        "distance is 2 and d can be reached; with the edge (d, s), dashed, it closes a directed 3-cycle.",
    ),
    "plan": (
        budget_plan,
        "Two billion parameters, 300 million of them active. Left, bits that the widest decoder with K experts "
        "memorises; right, vertices that one layer of its width answers. Rings: no other choice has more parameters "
        "and is as wide.",
    ),
    "packed-against-pattern": (
        packed_against_pattern,
        "Width of the packed model over the least width at its number of hidden units: it falls towards 1 + 1/γ.",
    ),
}


class Drawn(SphinxDirective):
    """Draw one figure and show it, with its description as caption."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        if name not in FIGURES:
            raise self.error(f"figure {name!r}: give one of {', '.join(FIGURES)}")
        draw, says = FIGURES[name]
        path = Path(self.env.srcdir) / FOLDER / f"{name}.svg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(render(Figure(name, says, draw))[0])
        source = f".. figure:: /{(FOLDER / path.name).as_posix()}\n   :alt: {says}\n   :class: panel\n\n   {says}\n"
        return self.parse_text_to_nodes(source)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("drawn", Drawn)
    return {"version": "1", "parallel_read_safe": True}
