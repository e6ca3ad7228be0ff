"""The study `layers`: does a phone-book fit better into more layers of the same width?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.report.page import Figure, Page, Section, Table
from experiments.report.statistics import mean_interval
from experiments.studies.decoders.estimate import estimates
from experiments.studies.decoders.grading import grades, validate
from experiments.studies.decoders.setup import Setup, job
from experiments.studies.settings import check_numbers
from experiments.studies.types import Cell, Estimate, Finished, Job
from experiments.tasks.phone_book import PhoneBook
from experiments.training.recipe import Recipe
from parrots.decoder import DecoderConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

    from experiments.store import Row
    from experiments.studies.decoders.points import Point
    from experiments.training.ensemble import TrainedEnsemble

NAME, PANEL, METRIC = "layers", "a", "recall"


@dataclass(frozen=True)
class LayersPreset:
    layers: tuple[int, ...] = (1, 2, 3)
    width: int = 16
    entries: int = 400
    steps: int = 400
    learning_rates: tuple[float, ...] = (1e-2, 2e-2)
    seeds: int = 3
    device_flops: float = 1e10
    """Of one device, for ``--dry-run``."""

    def __post_init__(self) -> None:
        check_numbers(self)

    def setup(self, layers: int) -> Setup:
        """A cell's configuration but its seed: every seed has its own book."""
        book = PhoneBook(entries=self.entries)
        return Setup(
            family="dense",
            model=DecoderConfig(len(book.vocabulary), self.width, layers, heads=2, positions=book.length),
            task=book,
            recipe=Recipe(steps=self.steps, batch=200),
            learning_rates=self.learning_rates,
            tests=self.entries,
            grid=f"width {self.width}, {self.entries} entries, {self.steps} steps",
        )


class LayersStudy:
    name = NAME
    question = "Does a phone-book fit better into more layers of the same width?"
    presets: Mapping[str, LayersPreset] = {
        "quick": LayersPreset(),
        "gpu": LayersPreset((1, 2, 4, 8), 64, 20_000, 4_000, device_flops=1e13),
        "paper": LayersPreset((1, 3, 6, 12), 256, 1_000_000, 100_000, (1e-3, 3e-3), device_flops=1e14),
    }

    def jobs(self, preset: LayersPreset) -> tuple[Job, ...]:
        """A job is the seeds of one model, trained together."""
        return tuple(job(NAME, PANEL, preset.setup(layers), range(preset.seeds), run) for layers in preset.layers)

    def dry_run(self, preset: LayersPreset) -> tuple[Estimate, ...]:
        return estimates(self.jobs(preset), preset.device_flops)

    def page(self, rows: Sequence[Row]) -> Page:
        """From the rows alone, complete or not."""
        from experiments.studies.decoders.points import points
        from experiments.studies.selection import note, of_one_grid

        found = points(of_one_grid(rows))
        recalled = [mean_interval(point.values(METRIC)) for point in found]
        lines = [
            (point.setup.model.layers, point.counts.total, mean) for point, mean in zip(found, recalled, strict=True)
        ]
        figure = Figure(
            "layers", "share of the book that is recalled, against the number of layers", lambda: draw(found)
        )
        section = Section("Recall against layers", figure=figure, caption="A dot a seed.")
        return Page(
            "Layers", self.question, Table(("layers", "parameters", METRIC), tuple(lines)), (*note(rows), section)
        )


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """What a worker does: it finds the best learning rate, trains the cells at it and measures them."""
    from experiments.studies.decoders.training import train_cells

    yield from train_cells(cells, validate, measure)


def measure(trained: TrainedEnsemble, setup: Setup) -> list[dict[str, float]]:
    """Share of the numbers that each member writes without a mistake."""
    return [{METRIC: graded["correct"]} for graded in grades(trained, "test", setup.tests)]


def draw(found: Sequence[Point]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    figure = Drawing()
    axes = figure.add_subplot(xlabel="layers", ylabel="share recalled")
    for point in found:
        axes.plot([point.setup.model.layers] * len(point.rows), point.values(METRIC), "o", color="C0")
    return figure


STUDY = LayersStudy()
