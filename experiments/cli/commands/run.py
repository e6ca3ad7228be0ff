"""``parrots run``: train and measure a study."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rich.console import Console, Group
from rich.table import Column, Table
from rich.text import Text
from tyro.conf import Positional, arg

from experiments import provenance
from experiments.cli.outcome import FALSE_OR_FAILED, FINE, Outcome
from experiments.progress import Progress, in_words
from experiments.studies import STUDIES
from experiments.suggest import unknown_name
from theory.errors import InputError

if TYPE_CHECKING:
    from experiments.runner import Summary
    from experiments.studies import Study


@dataclass(frozen=True)
class Run:
    """Train and measure a study.

    What the store in the output folder has is skipped, so an interrupted run goes on by the same command.
    """

    study: Annotated[Positional[str], arg(help=f"Name of the study: {', '.join(STUDIES)}.")]

    preset: str = "quick"
    """Size of the grid: quick (minutes on 2 cores), gpu (an hour on one large GPU), paper (a cluster)."""

    out: Path | None = None
    """Folder of the store; made if it does not exist. Default: results/STUDY-PRESET."""

    set: tuple[str, ...] = ()
    """Change fields of the preset: field=value, a tuple as a list with commas (widths=8,12)."""

    workers: int | None = None
    """Worker processes on this machine; each gets its share of the cores. Default: one a core, one with a GPU."""

    dask: str | None = None
    """Address of a dask.distributed scheduler (tcp://host:8786) that runs the cells instead."""

    dry_run: bool = False
    """Print cells, parameters, FLOPs, memory and device-hours, and train nothing."""

    def run(self, console: Console) -> Outcome:
        from experiments import studies

        study = studies.get(self.study)
        if self.preset not in study.presets:
            raise unknown_name(f"preset of {self.study}", self.preset, study.presets)
        preset = studies.with_settings(study.presets[self.preset], self.set)
        return self._estimate(study, preset) if self.dry_run else self._train(study, preset, console)

    def _train(self, study: Study, preset: Any, console: Console) -> Outcome:
        from experiments.parallel import backend_for
        from experiments.runner import run_jobs
        from experiments.store import Store
        from experiments.training.in_flight import kept_in

        directory = self.out or Path("results") / f"{self.study}-{self.preset}"
        in_flight = directory / "in-flight"
        jobs = study.jobs(preset)
        if self.dask is None:
            _check_memory(study, preset)
        backend = backend_for(self.workers, self.dask)
        store = Store(directory)
        try:
            with kept_in(in_flight):
                summary = run_jobs(jobs, store, backend, Progress(console))
        except KeyboardInterrupt:
            console.print(f"{len(store.keys())} cells are in {store.path}; the same command goes on from there")
            raise
        finally:
            store.close()
        if not summary.failures:  # all that was in flight is in the store
            shutil.rmtree(in_flight, ignore_errors=True)
        _show_tracebacks(summary, console)
        payload = _payload(summary) | {"study": self.study, "preset": self.preset, "store": str(store.path)}
        return Outcome(payload, _view(summary, directory), FALSE_OR_FAILED if summary.failures else FINE)

    def _estimate(self, study: Study, preset: Any) -> Outcome:
        estimates = study.dry_run(preset)
        total = {
            "cells": sum(line.cells for line in estimates),
            "flops": sum(line.flops for line in estimates),
            "memory_bytes": max((line.memory_bytes for line in estimates), default=0),
            "device_hours": sum(line.device_hours for line in estimates),
        }
        heads = ("cells of", "cells", "parameters", "FLOPs", "memory", "device-hours")
        table = Table(*(Column(head, overflow="fold") for head in heads), title=study.question)
        for line in estimates:
            table.add_row(line.label, str(line.cells), f"{line.parameters:,}", *_amounts(asdict(line)))
        table.add_section()
        table.add_row("all", str(total["cells"]), "", *_amounts(total))
        payload = {"study": self.study, "preset": self.preset, "settings": asdict(preset), "total": total}
        return Outcome(payload | {"groups": [asdict(line) for line in estimates]}, table)


def _check_memory(study: Study, preset: Any) -> None:
    """Refuse a job that this machine can't hold, before it fails (or is killed) hours into the run."""
    largest = max(study.dry_run(preset), key=lambda line: line.memory_bytes, default=None)
    if largest is not None and largest.memory_bytes > (available := provenance.memory_bytes()):
        raise InputError(
            f"{largest.label!r} takes {largest.memory_bytes / 2**30:,.1f} GiB, this machine has "
            f"{available / 2**30:,.1f} GiB: make the preset smaller with --set, or run it with --dask on a cluster"
        )


def _amounts(line: dict[str, Any]) -> tuple[str, str, str]:
    return f"{line['flops']:.2e}", f"{line['memory_bytes'] / 2**30:,.2f} GiB", f"{line['device_hours']:,.3g}"


def _payload(summary: Summary) -> dict[str, Any]:
    failures = [{"job": failure.job, "error": failure.error} for failure in summary.failures]
    return asdict(summary) | {"failures": failures}


def _show_tracebacks(summary: Summary, console: Console) -> None:
    if os.environ.get("PARROTS_DEBUG"):
        for failure in summary.failures:
            console.print(failure.details, markup=False, highlight=False)


def _view(summary: Summary, directory: Path) -> Group:
    lines = [
        f"{summary.added} cells added, {summary.skipped} of {summary.cells} were there, {in_words(summary.seconds)}",
        *(f"failed: {failure.job}: {failure.error}" for failure in summary.failures),
        f"`parrots report {directory}` makes tables, figures and a page of them",
    ]
    return Group(*(Text(line) for line in lines))
