"""Panel (a) from the rows: bits recalled over total parameters, active parameters and training FLOPs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from experiments.capacity import LITERATURE
from experiments.report.page import Entry, Figure, Section, Table
from experiments.store import Row
from experiments.studies.decoders.gains import control_gains, expert_gains, interval, width_gains
from experiments.studies.decoders.panels import draw
from experiments.studies.decoders.points import Point
from experiments.studies.decoders.sections import explained_section, gain_line
from experiments.studies.phone_book.analysis import BITS, book_points, density, explained, fullest, shortcuts


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    found = book_points(rows)
    book = rows[0].config["task"]
    return (
        Section(
            title="(a) Bits recalled over total parameters, active parameters and training FLOPs",
            paragraphs=(
                f"A book of {book['entries']:,} names, each with a random number of {book['digits']} digits, "
                f"{rows[0].metrics['book_bits']:,.0f} bits in all. Bits recalled are what the model's likelihood saves "
                "of them, without any threshold; points are means over seeds, bars reach from the least to the most. "
                "The dense models with more hidden units are controls: their parameters are as many as with experts, "
                f"and all active. The fullest model recalls {fullest(rows):.0%} of its book.",
            ),
            table=_table(found),
            figure=Figure(
                "bits",
                "Bits recalled over total parameters, active parameters and training FLOPs, one curve for dense "
                "models, one for each number of experts, one for dense models with more hidden units.",
                lambda: draw(found, BITS, "bits recalled", scale="log", lines=_lines()),
            ),
            caption="If memory follows the total, the curves fall together in the left plot and not in the middle one. "
            "Lines: bits for each parameter as others measured them on language models. FLOPs are those of all "
            "training steps, which are as many for every model.",
            statements=("thm-3.5", "thm-3.6"),
        ),
        *explained_section(
            explained(found),
            explained(found, inner=True),
            "what is recalled",
            "An R² that is higher for the active parameters would refute that memory follows the total.",
            "thm-3.6",
        ),
        *_gains_section(found),
        _shortcut_section(rows),
    )


def _lines() -> dict[str, Callable[[float], float]]:
    def line(bits: float) -> Callable[[float], float]:
        return lambda parameters: bits * parameters

    return {f"{one.bits:g} bits a parameter ({one.whose})": line(one.bits) for one in LITERATURE}


def _table(found: Sequence[Point]) -> Table:
    columns = (
        "family", "width", "total", "active", "training FLOPs", "learning rate", "models", "bits recalled",
        "bits a parameter", "bits an active one", "numbers right", "digits right",
    )  # fmt: skip
    lines: list[tuple[Entry, ...]] = []
    for point in found:
        rate = " ".join(dict.fromkeys(f"{row.metrics['learning_rate']:g}" for row in point.rows))
        counts = point.counts
        size = (point.setup.model.width, counts.total, counts.active, f"{point.setup.training_flops:.2e}")
        of_each = (density(point, counts.total), density(point, counts.active))
        graded = [interval(point.values(metric)) for metric in ("correct", "digits_right")]
        bits = interval(point.values(BITS))
        lines.append((point.setup.family, *size, rate, len(point.rows), bits, *of_each, *graded))
    return Table(columns, tuple(lines))


def _gains_section(found: Sequence[Point]) -> tuple[Section, ...]:
    lines = [gain_line("experts", added) for added in expert_gains(found, BITS)]
    lines += [gain_line("hidden units", added) for added in control_gains(found, BITS)]
    lines += [gain_line("width", added) for added in width_gains(found, BITS)]
    if not lines:
        return ()
    columns = ("by", "from", "to", "total parameters ×", "active parameters ×", "bits added")
    return (
        Section(
            title="What experts, hidden units and width add",
            paragraphs=(
                "The same width with experts, the same width with as many hidden units for every token, and the next "
                "wider dense model. Where experts and hidden units add about as much, memory is bought with "
                "parameters, and experts only make them cheap to run.",
            ),
            table=Table(columns, tuple(lines)),
            statements=("thm-3.5",),
        ),
    )


def _shortcut_section(rows: Sequence[Row]) -> Section:
    return Section(
        title="Shortcuts on the same entries",
        paragraphs=("What is got right without having learned the entry; names say nothing about numbers.",),
        table=Table(("guess", "numbers right"), tuple(shortcuts(rows).items())),
    )
