"""The page of the study: headline with verdicts on the paper's claims, panels, and what its size cannot show.

The claims are the paper's observations, not theorems, so they stand in the headline with a verdict and are no checks of
a statement.
"""

from __future__ import annotations

from collections.abc import Sequence

from experiments.report.findings import finding
from experiments.report.page import Entry, Page, Section, Table
from experiments.report.statistics import Interval, mean_interval
from experiments.store import Row
from experiments.studies.selection import note, of_one_grid
from experiments.studies.specialisation import oracle_report, rates_report, subset_report
from experiments.studies.specialisation.analysis import (
    CHOSEN,
    GREEDY_FIXED,
    MERGED,
    MERGED_SLOTS,
    NAMES,
    RANDOM,
    TYPICAL,
    Point,
    divided,
    growth,
    lead,
    points,
)
from experiments.studies.specialisation.cells import PART
from experiments.studies.specialisation.rates_report import least_retained
from experiments.studies.specialisation.subset_report import NEARLY_ALL

LEAD = (
    "One Soft MoE layer and a linear read-out label images. Of n experts the k with the largest combine weight for an "
    "image answer alone; the total size is fixed while n grows. Chung et al. find that with many small experts so "
    "chosen a subset answers nearly as well as all of them, and better than a random one. No theorem says so: these "
    "are their observations, held against ours."
)
SHORT = {RANDOM: "random", TYPICAL: "one for all by mean weight", GREEDY_FIXED: "one for all, greedy"}
CLOSE = 0.01
"""Validation accuracies that differ by no more are about the same."""
HOLDS, FAILS, OPEN = "holds here", "does not hold here", "undecided"


def page(rows: Sequence[Row]) -> Page:
    """Everything from the rows, complete or not."""
    shown = of_one_grid(rows)
    sections = (
        *note(rows),
        *subset_report.sections(shown),
        *rates_report.sections(shown),
        *oracle_report.sections(shown),
        *_limits(shown),
    )
    table = headline(shown)
    return Page("Which experts an image needs", LEAD, table, sections, findings=findings(table))


def headline(rows: Sequence[Row]) -> Table:
    """The claims of the paper, and what qualifies them, each with what was measured."""
    found = points(rows)
    lines: list[tuple[Entry, ...]] = []
    for point in {found[0].experts: found[0], found[-1].experts: found[-1]}.values() if found else ():
        lines.append((f"accuracy of the whole model, n = {point.experts}", mean_interval(point.whole()), None, None))
    split = divided(found, PART)
    if split:
        lines += [*_kept_lines(split), *_lead_lines(split), *_rate_lines(split), *_oracle_lines(found)]
    return Table(("what", "measured", "claimed", "verdict"), tuple(lines))


def _kept_lines(split: Sequence[Point]) -> list[tuple[Entry, ...]]:
    """What an eighth keeps, at the most experts, and how that grows with n."""
    last, lines = split[-1], list[tuple[Entry, ...]]()
    k = last.experts // PART
    share = f"{k} of {last.experts} experts"
    kept = mean_interval(last.retained(CHOSEN, k))
    lines.append((f"accuracy retained by {share}, chosen", kept, f"{NEARLY_ALL} (ImageNet, ViT)",
                  _verdict(kept.low >= NEARLY_ALL, kept.high < NEARLY_ALL)))  # fmt: skip
    for method in (RANDOM, GREEDY_FIXED, MERGED, MERGED_SLOTS):
        if last.has(method, k):
            kept = mean_interval(last.retained(method, k))
            lines.append((f"accuracy retained by {share}, {NAMES[method]}", kept, None, None))
    if (grown := growth(split, PART)) is not None:
        claim = f"retained by n/{PART} experts, more for each doubling of n"
        lines.append((claim, grown, "above 0", _sign(grown)))
    return lines


def _lead_lines(split: Sequence[Point]) -> list[tuple[Entry, ...]]:
    """Chosen less random, which the paper claims something about, and less subsets that are one for all images."""
    first, middle, last = split[0], split[len(split) // 2], split[-1]
    compared = [(first, RANDOM), (last, RANDOM), (last, TYPICAL), (middle, GREEDY_FIXED), (last, GREEDY_FIXED)]
    lines: list[tuple[Entry, ...]] = []
    for (n, base), point in {(point.experts, base): point for point, base in compared}.items():
        k = n // PART
        ahead = lead(point, k, base=base)
        if ahead is not None:
            claim = ("above 0", _sign(ahead)) if base == RANDOM else (None, None)
            lines.append((f"accuracy, chosen less {SHORT[base]}, {k} of {n}", ahead, *claim))
    return lines


def _rate_lines(split: Sequence[Point]) -> list[tuple[Entry, ...]]:
    """The candidate for the learning rate that keeps least, of those about as accurate as the best for its n."""
    worst = least_retained(split, CLOSE)
    if worst is None:
        return []
    n, rate, accuracy, kept = worst
    what = f"least retained by n/{PART} at an accuracy within {CLOSE} of the best rate's"
    return [(f"{what}: n = {n}, learning rate {rate}, validation accuracy {accuracy:.3f}", kept, None, None)]


def _oracle_lines(found: Sequence[Point]) -> list[tuple[Entry, ...]]:
    """Of the largest n with all subsets: what an oracle reaches, for the right label and for a wrong one."""
    tried = [point for point in divided(found, PART) if point.has("exhaustive_oracle", point.experts // PART)]
    if not tried:
        return []
    point, k = tried[-1], tried[-1].experts // PART
    words = f"images that some {k} of {point.experts} experts give"
    return [
        (f"{words} their label", mean_interval(point.accuracy("exhaustive_oracle", k)), None, None),
        (f"{words} a wrong label asked for", mean_interval(point.accuracy("exhaustive_wrong", k)), None, None),
    ]


def _sign(found: Interval) -> str:
    return _verdict(found.low > 0, found.high <= 0)


def _verdict(holds: bool, fails: bool) -> str:
    """An interval on both sides decides nothing."""
    return HOLDS if holds else FAILS if fails else OPEN


def findings(headline: Table) -> tuple[str, ...]:
    """What an eighth of the experts keeps, what one subset for all keeps, and what the oracle's subset is worth."""
    rows = [str(row[0]) for row in headline.rows]
    kept = [row for row in rows if row.startswith("accuracy retained by")]
    least = [row for row in rows if row.startswith("least retained")]
    given = [row for row in rows if row.startswith("images that some")]
    found: tuple[str, ...] = ()
    if kept:
        share = kept[0].removeprefix("accuracy retained by ").removesuffix(", chosen")
        found += finding(
            headline,
            f"{share} chosen by their combine weights retain {{kept}} of the accuracy, random ones {{random}}; for "
            "each doubling of n at the same share {grown} more.",
            kept=(kept[0], "measured"),
            random=(f"accuracy retained by {share}, {NAMES[RANDOM]}", "measured"),
            grown=("retained by n/", "measured"),
        )
        found += finding(
            headline,
            "One subset of that size for all images, found greedily on validation images, retains {fixed}: keeping "
            "accuracy with few experts takes no choice by image.",
            fixed=(f"accuracy retained by {share}, {NAMES[GREEDY_FIXED]}", "measured"),
        )
    if least:
        found += finding(
            headline,
            f"What is retained hangs on the training, and not on the accuracy alone: {{least}} at"
            f"{least[0].partition(':')[2]}.",
            least=(least[0], "measured"),
        )
    if given:
        some = given[0].removeprefix("images that ").removesuffix(" give their label")
        found += finding(
            headline,
            f"For {{right}} of the images {some} give the label, and for {{wrong}} a wrong label that was asked for: "
            "an oracle's subset says little about what its experts know.",
            right=(given[0], "measured"),
            wrong=(given[-1], "measured"),
        )
    return found


def _limits(rows: Sequence[Row]) -> tuple[Section, ...]:
    found = points(rows)
    if not found:
        return ()
    diverged = len(rows) - sum(len(point.rows) for point in found)
    config, tests = found[0].config, round(found[0].values("tests")[0])
    return (
        Section(
            title="What this size cannot show",
            paragraphs=(
                f"Images: {config['images']}, {tests:,} of them for testing, the same for all seeds: intervals are "
                f"over seeds of training ({len(found[0].rows)}) and not over images, so that they say nothing of other "
                f"images; a rate measured on so many has a standard error of up to {0.5 / tests**0.5:.3f}. "
                f"{diverged} models diverged.",
                "One layer between patches and read-out. In the paper's larger models (Astroformer, ViT) other layers "
                "stand before and after the Soft MoE ones, and a residual path leads round them; here a dropped expert "
                "is missing in the answer itself. The read-out has a bias and no normalisation.",
            ),
        ),
    )
