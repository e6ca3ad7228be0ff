"""Backends of the runner for many processes: joblib's loky on one machine, dask.distributed on many."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from experiments import provenance
from experiments.runner import Backend, Batch, execute, failure_of, here, longest_first
from experiments.studies.types import Job
from theory.errors import InputError

if TYPE_CHECKING:
    from distributed import Client

_CONNECT_SECONDS = 15
_watched = threading.Event()


def default_workers() -> int:
    """One for each core; a single one where a GPU does the work."""
    import torch

    return 1 if torch.cuda.is_available() else provenance.cores()


def backend_for(workers: int | None, dask: str | None) -> Backend:
    """The backend for ``--workers`` (None: :func:`default_workers`) and ``--dask``.

    Raises:
        InputError: if ``workers`` is below 1, both are given, dask is not installed, or no scheduler answers.
    """
    if workers is not None and workers < 1:
        raise InputError(f"--workers takes 1 or more, got {workers}")
    if dask is None:
        number = default_workers() if workers is None else workers
        return here if number == 1 else lambda jobs: in_processes(jobs, number)
    if workers is not None and workers > 1:
        raise InputError("--workers and --dask exclude one another: the cluster has its own workers; leave one out")
    client = connect(dask)
    return lambda jobs: on_cluster(jobs, client)


def in_processes(jobs: Sequence[Job], workers: int) -> Generator[Batch]:
    """Run jobs in ``workers`` processes of this machine, a batch a job, as they finish."""
    from joblib import Parallel, delayed

    workers = min(workers, len(jobs), provenance.cores())  # more would only take memory
    if workers <= 1:
        yield from here(jobs)  # a worker ends with its parent, and joblib would make this process the worker
        return
    threads = provenance.cores() // workers
    tasks = (delayed(_in_worker)(job, threads, os.getpid()) for job in longest_first(jobs))
    with _interrupts_ignored():  # by the workers for good: Ctrl-C reaches this process alone, and it ends them
        batches = Parallel(n_jobs=workers, backend="loky", return_as="generator_unordered", batch_size=1)(tasks)
    yield from batches


def connect(address: str) -> Client:
    """A client of the scheduler at ``address`` ("tcp://host:8786" or "host:8786").

    Raises:
        InputError: if ``distributed`` is not installed, the address can't be read, or nothing answers there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError("--dask needs dask.distributed: pip install 'mixture-of-parrots[dask]'") from None
    try:
        _knock(address)  # a Client that failed to connect may hang when it is collected
        return Client(address, timeout=_CONNECT_SECONDS)
    except Exception as error:  # whatever else listens there may answer anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(
            f"no dask scheduler at {address!r} ({reason}): start one with `dask scheduler` and give its tcp://host:port"
        ) from None


def _knock(address: str) -> None:
    scheme, _, place = address.rpartition("://")
    host, _, port = place.rpartition(":")
    if scheme not in ("", "tcp", "tls") or not host:
        raise ValueError("not of the form tcp://host:port")
    socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()


def on_cluster(jobs: Sequence[Job], client: Client) -> Generator[Batch]:
    """Run jobs on a dask cluster, whose workers need this package installed; a batch a job, as they finish."""
    from distributed import as_completed

    slots = _slots_by_host(client)
    with client:
        futures = {client.submit(_on_cluster_worker, job, slots, pure=False): job for job in longest_first(jobs)}
        for future in as_completed(futures):
            error = future.exception()
            yield Batch(futures[future].name, (), failure_of(futures[future].name, error)) if error else future.result()


def _slots_by_host(client: Client) -> dict[str, int]:
    """How many tasks run at one time on each host of the cluster."""
    slots: Counter[str] = Counter()
    for address, threads in client.nthreads().items():
        slots[_host(address)] += threads
    return dict(slots)


def _host(address: str) -> str:
    return address.rpartition(":")[0]


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignore SIGINT for the moment in which processes start: unlike a handler, that is inherited."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set a handler, and only there does Ctrl-C arrive
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _in_worker(job: Job, threads: int, parent: int) -> Batch:
    _end_with(parent)
    _use_threads(threads)
    return execute(job)


def _on_cluster_worker(job: Job, slots: dict[str, int]) -> Batch:
    from distributed import get_worker

    # The host may have gained workers since the run began: then one slot is the worst that is assumed.
    _use_threads(max(1, provenance.cores() // slots.get(_host(get_worker().address), 1)))
    return execute(job)


def _use_threads(threads: int) -> None:
    """Give torch its share of the cores; one that is imported later reads the environment."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)


def _end_with(parent: int) -> None:
    """End this worker when ``parent`` is gone: a run that was killed must not go on training for nobody."""
    if _watched.is_set() or os.name != "posix":
        return
    _watched.set()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()
