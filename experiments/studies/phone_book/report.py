"""The page of the study: headline, panels, checks, and what its size cannot show."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.report.page import Check, Entry, Page, Ref, Section, Table
from experiments.store import Row
from experiments.studies.decoders.gains import control_gains, expert_gains, interval
from experiments.studies.decoders.points import Point
from experiments.studies.decoders.sections import claim_checks, explained_finding, explained_lines
from experiments.studies.phone_book import bits_report, books_report
from experiments.studies.phone_book.analysis import (
    BITS,
    LARGEST,
    book_points,
    explained,
    fullest,
    most_for_each_parameter,
    shortcuts,
)
from experiments.studies.phone_book.cells import BITS as BITS_PANEL
from experiments.studies.phone_book.cells import BOOKS
from experiments.studies.selection import note, of_one_grid, of_panel

LEAD = (
    "Decoders, dense and with experts, learn a book of random phone numbers by heart and are asked for them. The paper "
    "finds that what they recall follows their total parameters, whether all of them are active or not. Every model "
    "had the same candidates for its learning rate and the same number of steps."
)


def page(rows: Sequence[Row]) -> Page:
    """Everything from the rows, complete or not."""
    shown = of_one_grid(rows)
    bits = of_panel(shown, BITS_PANEL)
    sections = (
        *note(rows),
        *bits_report.sections(bits),
        *books_report.sections(of_panel(shown, BOOKS)),
        *_limits(bits),
    )
    title, table = "Phone-book: total or active parameters", headline(shown)
    return Page(title, LEAD, table, sections, checks(shown), explained_finding(table, "log2 bits recalled"))


def headline(rows: Sequence[Row]) -> Table:
    """The claim as numbers: what each count explains, bits a parameter, what experts and hidden units add."""
    found = book_points(of_panel(rows, BITS_PANEL))
    lines = explained_lines(
        explained(found), explained(found, inner=True), "log2 bits recalled", " (log2 bits)", "thm-3.6"
    )
    if (most := most_for_each_parameter(found)) is not None:
        ratio, point = most
        name = f"most bits a parameter ({point.setup.family}, width {point.setup.model.width})"
        lines.append((name, ratio, Ref("thm-3.6")))
    for added in (*expert_gains(found, BITS), *control_gains(found, BITS)):
        name = f"bits added by {added.after.setup.family}, at width {added.after.setup.model.width}"
        lines.append((name, added.added, Ref("thm-3.5")))
    lines += [_largest_line(point) for point in book_points(of_panel(rows, BOOKS))]
    return Table(("what", "measured", "statement"), tuple(lines))


def _largest_line(point: Point) -> tuple[Entry, ...]:
    name = f"largest book recalled, {point.setup.family}, width {point.setup.model.width}"
    return (name, interval(point.values(LARGEST)), Ref("thm-3.5"))


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    """What the rows could have refuted: first the bookkeeping, then the paper's claim."""
    bits = of_panel(rows, BITS_PANEL)
    if not bits:
        return ()
    found, size = book_points(bits), f"{len(bits)} models"
    counted = [point for point in book_points(rows) if any(v != point.counts.total for v in point.values("counted"))]
    unordered = [row for row in bits if row.metrics["correct"] > row.metrics["digits_right"]]
    above = [row for row in bits if row.metrics["bits"] > row.metrics["book_bits"]]
    name, height = next(iter(shortcuts(bits).items()))
    most = max(row.metrics["correct"] for row in bits)
    return (
        Check("parameters counted from the tensors are those of the formula", not counted,
              f"{len(rows)} models; {len(counted)} sizes differ", "thm-3.6"),
        Check("no model gets more whole numbers right than digits", not unordered,
              f"{size}; {len(unordered)} do", "thm-3.6"),
        Check("no model recalls more bits than its book holds", not above, f"{size}; {len(above)} do", "thm-3.6"),
        Check("the model that recalls most beats every shortcut", most > height,
              f"{most:.3f} of the numbers against {height:.4f} ({name})", "thm-3.6", proved=False),
        *claim_checks(explained(found), "what is recalled", "total", "thm-3.6"),
    )  # fmt: skip


def _limits(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    book, recipe = rows[0].config["task"], rows[0].config["recipe"]
    layers, seeds = rows[0].config["model"]["layers"], len({row.cell.seed for row in rows})
    diverged = sum(row.stopped.startswith("diverged") for row in rows)
    passes = recipe["steps"] * recipe["batch"] / book["entries"]
    placed = (
        " Names have letters of their own at each place, because one layer reads which letters a name has and not "
        "their order." if book["placed"] else ""
    )  # fmt: skip
    return (
        Section(
            title="What this size cannot show",
            paragraphs=(
                f"{book['entries']:,} entries seen {passes:.0f} times each, {layers} layers, {seeds} seeds; {diverged} "
                f"models diverged. The fullest model recalls {fullest(rows):.0%} of its book: close to all of it, and "
                "the book is measured rather than the model. With so few passes models stop because training ends: "
                "bits a parameter are what was learned in these steps, below what the weights could hold, and a model "
                f"that learns slower looks smaller.{placed}",
                "The paper's books have 10^5 to 3·10^6 entries, its models 12 layers and widths from 256; its format "
                "of names and numbers, its learning rates and its number of epochs are not published, so those here "
                "are choices. The preset `paper` is that grid. The count of active parameters includes embedding and "
                "head, which are a large part of a small model.",
            ),
        ),
    )
