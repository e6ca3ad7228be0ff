"""Runs a study's jobs here, in worker processes, or on a cluster, and stores every cell as soon as it is finished.

Only the process that was started writes to the store.  A worker sends back what a job finished; in this process
(``workers = 1``) cells are stored one by one.  So a killed run loses what was in flight and nothing else, and the same
command goes on.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from experiments import provenance
from experiments.jsonable import jsonable
from experiments.progress import Progress
from experiments.store import Row, Store
from experiments.studies.types import Finished, Job

Backend = Callable[[Sequence[Job]], Generator["Batch"]]
"""Executes jobs in any order and yields what they finished as it comes."""


@dataclass(frozen=True)
class Failure:
    """A job that raised: its name, the error in one line, and the traceback for whoever looks for the cause."""

    job: str
    error: str
    details: str


@dataclass(frozen=True)
class Batch:
    """Rows that a job has finished since its last batch, and model files by key; ``failure`` ends the job."""

    job: str
    rows: tuple[Row, ...]
    failure: Failure | None = None
    models: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary:
    """Cells of the grid, how many the store had before, how many this run added, and the jobs that failed."""

    cells: int
    skipped: int
    added: int
    failures: tuple[Failure, ...]
    seconds: float


def run_jobs(jobs: Sequence[Job], store: Store, backend: Backend, progress: Progress) -> Summary:
    """Run what the store lacks of ``jobs`` on ``backend``; a job that fails does not stop the others.

    Raises:
        ValueError: if two cells of the grid have one key, or two jobs one name, which is a mistake in the study.
    """
    keys = [cell.key for job in jobs for cell in job.cells]
    if len(set(keys)) < len(keys):
        raise ValueError(f"{len(keys) - len(set(keys))} cells of the grid occur twice")
    if len({job.name for job in jobs}) < len(jobs):
        raise ValueError("two jobs of the grid have one name")
    pending = pending_jobs(jobs, store.keys())
    skipped = len(keys) - sum(len(job.cells) for job in pending)
    start = time.monotonic()
    added, failures = 0, []
    with progress.track(pending, skipped), closing(backend(pending)) as batches:
        for batch in batches:
            for key, content in batch.models.items():  # first: a row whose model is missing could not be mended
                store.keep_model(key, content)
            added += store.append(batch.rows)
            progress.advance(batch.job, len(batch.rows), batch.failure is not None)
            if batch.failure:
                failures.append(batch.failure)
    return Summary(len(keys), skipped, added, tuple(failures), time.monotonic() - start)


def pending_jobs(jobs: Sequence[Job], stored: frozenset[str]) -> list[Job]:
    """``jobs`` without the cells that are ``stored``, their cost in proportion; empty jobs fall away."""
    pending = []
    for job in jobs:
        cells = tuple(cell for cell in job.cells if cell.key not in stored)
        if cells:
            pending.append(replace(job, cells=cells, cost=job.cost * len(cells) / len(job.cells)))
    return pending


def here(jobs: Sequence[Job]) -> Generator[Batch]:
    """The backend of one process: jobs in order, a batch a cell."""
    for job in jobs:
        yield from batches_of(job)


def batches_of(job: Job) -> Iterator[Batch]:
    """Run ``job``; yield a batch for each cell, and a last one with the failure if it raises or leaves a cell out."""
    left = {cell.key for cell in job.cells}
    started = _now()
    try:
        for finished in job.function(job.cells):
            left.remove(finished.cell.key)
            models = {finished.cell.key: finished.checkpoint} if finished.checkpoint is not None else {}
            yield Batch(job.name, (_row(finished, started),), models=models)
        if left:
            raise RuntimeError(f"the job ended with {len(left)} of {len(job.cells)} cells unfinished")
    except Exception as error:
        yield Batch(job.name, (), failure_of(job.name, error))


def execute(job: Job) -> Batch:
    """Run ``job`` to its end and give all it finished as one batch: what a worker sends back."""
    batches = list(batches_of(job))
    models = {key: content for batch in batches for key, content in batch.models.items()}
    return Batch(job.name, tuple(row for batch in batches for row in batch.rows), batches[-1].failure, models)


def failure_of(job: str, error: BaseException) -> Failure:
    """What is kept of ``error``: text, because not every exception survives a trip between processes."""
    line = " ".join(f"{type(error).__name__}: {error}".split())
    return Failure(job, line, "".join(traceback.format_exception(error)))


def longest_first(jobs: Iterable[Job]) -> list[Job]:
    """Order in which parallel workers end at about one time."""
    return sorted(jobs, key=lambda job: -job.cost)


def _row(finished: Finished, started: str) -> Row:
    return Row(
        cell=finished.cell,
        metrics=jsonable(finished.metrics),  # type: ignore[arg-type]  # a mapping stays one
        stopped=finished.stopped,
        seconds=float(finished.seconds),
        device=finished.device,
        versions=provenance.versions(),
        revision=provenance.revision(),
        machine=provenance.machine(),
        started=started,
        finished=_now(),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
