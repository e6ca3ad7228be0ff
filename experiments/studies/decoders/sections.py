"""Parts of a page that the studies of decoders share: what explains a result, and what a change of the model adds."""

from __future__ import annotations

from experiments.report.page import Entry, Section, Table
from experiments.studies.decoders.explain import Explained
from experiments.studies.decoders.gains import Gain


def explained_section(found: Explained | None, result: str, caption: str, statement: str) -> tuple[Section, ...]:
    """The fits of a ``result`` (its name in words) on total and on active parameters; none where there are none."""
    if found is None:
        return ()
    least, most = found.without_one
    lines: tuple[tuple[Entry, ...], ...] = (
        ("a line in log2 parameters, R²", found.total, found.active, found.difference),
        ("any rising function, R²", found.monotone_total, found.monotone_active, found.monotone_difference),
        ("worth of a doubling, the other kept", found.by_total, found.by_active, None),
    )
    return (
        Section(
            title=f"How well each count explains {result}",
            paragraphs=(
                f"{found.models} models; their two counts have correlation {found.correlation:.2f}. Both together in "
                f"a plane explain {found.both}. Leaving out one model at a time moves the difference of the lines "
                f"between {least:.2f} and {most:.2f}.",
                "Intervals draw the seeds of each model anew; the grid of models stays as it is.",
            ),
            table=Table(("fit", "total", "active", "total minus active"), lines),
            caption=caption,
            statements=(statement,),
        ),
    )


def gain_line(by: str, added: Gain) -> tuple[Entry, ...]:
    """By what, from and to which model, how much more of each count, what was added."""
    before, after = added.before, added.after
    names = [f"{point.setup.family}, width {point.setup.model.width}" for point in (before, after)]
    factors = (after.counts.total / before.counts.total, after.counts.active / before.counts.active)
    return (by, *names, *factors, added.added)
