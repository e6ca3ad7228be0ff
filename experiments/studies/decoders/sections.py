"""Parts of a page that the studies of decoders share: what explains a result, and what a change of the model adds."""

from __future__ import annotations

from typing import Literal

from experiments.report.findings import finding
from experiments.report.page import Check, Entry, Ref, Section, Table
from experiments.studies.decoders.explain import Explained
from experiments.studies.decoders.gains import Gain


def explained_section(
    found: Explained | None, inner: Explained | None, result: str, caption: str, statement: str
) -> tuple[Section, ...]:
    """The fits of a ``result`` (its name in words) on total and on active parameters; none where there are none.

    ``inner``: the same fits, embedding and head not counted.
    """
    if found is None:
        return ()
    least, most = found.without_one
    lines: list[tuple[Entry, ...]] = [
        ("a line in log2 parameters, R²", found.total, found.active, found.difference),
        ("any rising function, R²", found.monotone_total, found.monotone_active, found.monotone_difference),
        ("worth of a doubling, the other kept", found.by_total, found.by_active, None),
    ]
    if inner is not None:
        lines += [
            ("without embedding and head: a line, R²", inner.total, inner.active, inner.difference),
            ("without embedding and head: any rising function, R²", inner.monotone_total, inner.monotone_active,
             inner.monotone_difference),
            ("without embedding and head: worth of a doubling", inner.by_total, inner.by_active, None),
        ]  # fmt: skip
    return (
        Section(
            title=f"How well each count explains {result}",
            paragraphs=(
                f"{found.models} models; their two counts have correlation {found.correlation:.2f}. Both together in "
                f"a plane explain {found.both}. Leaving out one model at a time moves the difference of the lines "
                f"between {least:.2f} and {most:.2f}.",
                "Intervals draw the seeds of each model anew; the grid of models stays as it is. Embedding and head "
                "are most of a small model, grow with its width and are active for every token, which draws the two "
                "counts together; of the paper's models they are a small part. So the fits are given without them too.",
            ),
            table=Table(("fit", "total", "active", "total minus active"), tuple(lines)),
            caption=caption,
            statements=(statement,),
        ),
    )


def explained_lines(
    fits: Explained | None, inner: Explained | None, result: str, unit: str, statement: str
) -> list[tuple[Entry, ...]]:
    """The fits of a ``result`` in rows of a headline: what, measured, statement.  ``unit``: of a doubling's worth."""
    if fits is None:
        return []
    without = [] if inner is None else [("the same, embedding and head not counted", inner.difference, Ref(statement))]
    return [
        (f"R² of {result} on total parameters", fits.total, Ref(statement)),
        (f"R² of {result} on active parameters", fits.active, Ref(statement)),
        ("total minus active", fits.difference, Ref(statement)),
        *without,
        (f"worth of twice the total, at equal active{unit}", fits.by_total, Ref(statement)),
        (f"worth of twice the active, at equal total{unit}", fits.by_active, Ref(statement)),
    ]


def explained_finding(headline: Table, result: str) -> tuple[str, ...]:
    """The same as a sentence, from the headline that holds :func:`explained_lines`."""
    return finding(
        headline,
        f"A line explains {{total}} of the variance of {result} by total parameters and {{active}} by active ones, a "
        "difference of {difference}; embedding and head not counted it is {inner}.",
        total=(f"R² of {result} on total", "measured"),
        active=(f"R² of {result} on active", "measured"),
        difference=("total minus active", "measured"),
        inner=("the same, embedding and head not counted", "measured"),
    )


def claim_checks(
    fits: Explained | None, result: str, follows: Literal["total", "active"], statement: str
) -> tuple[Check, ...]:
    """That ``result`` follows one of the two counts: refuted by an interval that lies wholly on the other side."""
    if fits is None:
        return ()
    total, active, difference = fits.by_total, fits.by_active, fits.difference
    open_question = ": holds 0, so the rows decide nothing" if difference.low <= 0 <= difference.high else ""
    detail = f"R² on the total minus R² on the active: {difference}{open_question}"
    if follows == "total":
        return (
            Check(f"active parameters do not explain {result} better than the total does", difference.high >= 0, detail,
                  statement, proved=False),
            Check("twice the active parameters are not worth more than twice the total", active.low <= total.high,
                  f"{active} against {total}", statement, proved=False),
        )  # fmt: skip
    return (
        Check(f"the total does not explain {result} better than the active parameters do", difference.low <= 0, detail,
              statement, proved=False),
        Check("twice the total is not worth more than twice the active parameters", total.low <= active.high,
              f"{total} against {active}", statement, proved=False),
    )  # fmt: skip


def gain_line(by: str, added: Gain) -> tuple[Entry, ...]:
    """By what, from and to which model, how much more of each count, what was added."""
    before, after = added.before, added.after
    names = [f"{point.setup.family}, width {point.setup.model.width}" for point in (before, after)]
    factors = (after.counts.total / before.counts.total, after.counts.active / before.counts.active)
    return (by, *names, *factors, added.added)
