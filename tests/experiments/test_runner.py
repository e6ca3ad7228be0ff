"""The runner: skips what is stored, survives kills and failing jobs, and gives the same rows on every backend."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
import toy_study
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from experiments import parallel, provenance, runner
from experiments.progress import Progress, time_left
from experiments.store import Store, read_rows
from experiments.studies import Finished, Job
from theory.errors import InputError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def run(directory: Path, grid: toy_study.Grid, backend=runner.here, text: io.StringIO | None = None):
    with closing(Store(directory)) as store:
        return runner.run_jobs(
            toy_study.STUDY.jobs(grid), store, backend, Progress(Console(file=text or io.StringIO()))
        )


def results(directory: Path) -> dict[str, tuple]:
    return {row.cell.key: (row.panel, row.config, row.metrics, row.stopped) for row in read_rows(directory)}


def diary(path: Path) -> Counter[str]:
    return Counter(line.split()[0] for line in path.read_text().splitlines())


def test_every_cell_once_and_nothing_the_second_time(tmp_path):
    grid = toy_study.Grid(diary=str(tmp_path / "diary"))
    first, second = run(tmp_path, grid), run(tmp_path, grid)
    assert (first.cells, first.skipped, first.added, first.failures) == (12, 0, 12, ())
    assert (second.cells, second.skipped, second.added) == (12, 12, 0)
    assert set(diary(tmp_path / "diary").values()) == {1}
    assert len(read_rows(tmp_path)) == 12


def test_only_the_missing_cells_of_a_job_run(tmp_path):
    run(tmp_path, toy_study.Grid(cells=2))
    assert run(tmp_path, toy_study.Grid(cells=3)).added == 4


def test_rows_say_where_they_come_from(tmp_path):
    provenance.revision.cache_clear()
    run(tmp_path, toy_study.Grid(jobs=1, cells=1))
    (row,) = read_rows(tmp_path)
    assert row.versions["torch"][0].isdigit()
    assert row.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    head = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    assert row.revision.removesuffix("-dirty") == (head or "unknown")
    assert row.started <= row.finished
    assert row.machine["cores"] >= 1


def test_a_failing_job_costs_only_itself(tmp_path):
    text = io.StringIO()
    summary = run(tmp_path, toy_study.Grid(fail=(1,)), text=text)
    assert summary.added == 9
    (failure,) = summary.failures
    assert (failure.job, failure.error) == ("job 1", "ArithmeticError: diverged on purpose")
    assert "toy_study.py" in failure.details
    assert "failed: job 1" in text.getvalue()


def quitter(cells):
    yield Finished(cells[0], {}, "budget", 0.0)


def impostor(cells):
    yield Finished(cells[0], {}, "budget", 0.0)
    yield Finished(cells[0], {}, "budget", 0.0)


@pytest.mark.parametrize(("function", "error"), [(quitter, "2 of 3 cells unfinished"), (impostor, "KeyError")])
def test_a_job_that_skips_or_repeats_a_cell_fails(function, error):
    (job,) = toy_study.STUDY.jobs(toy_study.Grid(jobs=1))
    batch = runner.execute(Job(job.name, job.cells, function, 1.0))
    assert len(batch.rows) == 1
    assert error in batch.failure.error


def test_a_cell_that_occurs_twice_is_a_mistake(tmp_path):
    jobs = toy_study.STUDY.jobs(toy_study.Grid(jobs=1)) * 2
    with closing(Store(tmp_path)) as store, pytest.raises(ValueError, match="3 cells of the grid occur twice"):
        runner.run_jobs(jobs, store, runner.here, Progress(Console(file=io.StringIO())))


def test_numbers_json_lacks_are_stored_as_none(tmp_path):
    (job,) = toy_study.STUDY.jobs(toy_study.Grid(jobs=1, cells=1))
    batch = runner.execute(Job(job.name, job.cells, infinite, 1.0))
    with closing(Store(tmp_path)) as store:
        store.append(batch.rows)
    assert read_rows(tmp_path)[0].metrics == {"loss": None, "all": [1, 2]}


def infinite(cells):
    import numpy as np

    yield Finished(cells[0], {"loss": float("inf"), "all": np.array([1, 2])}, "diverged", 0.0)


def test_two_jobs_of_one_name_are_a_mistake(tmp_path):
    first, second = toy_study.STUDY.jobs(toy_study.Grid(jobs=2))
    jobs = (first, Job(first.name, second.cells, second.function, 1.0))
    with closing(Store(tmp_path)) as store, pytest.raises(ValueError, match="one name"):
        runner.run_jobs(jobs, store, runner.here, Progress(Console(file=io.StringIO())))


@given(st.floats(0.01, 1e6), st.floats(0, 1e3), st.floats(0.01, 1e3))
def test_time_left_is_in_proportion_to_cost(elapsed, done, left):
    estimate = time_left(elapsed, done, done + left)
    if done == 0:
        assert estimate is None
    else:
        assert estimate * done == pytest.approx(elapsed * left, rel=1e-6, abs=1e-6 * elapsed * done)


def test_pending_cost_is_in_proportion_to_cells():
    (job,) = toy_study.STUDY.jobs(toy_study.Grid(jobs=1))
    (pending,) = runner.pending_jobs([job], frozenset({job.cells[1].key}))
    assert pending.cells == (job.cells[0], job.cells[2])
    assert pending.cost == pytest.approx(job.cost * 2 / 3)


def test_more_workers_than_cores_are_not_started(tmp_path, monkeypatch):
    asked: list[int] = []

    class Parallel:
        def __init__(self, n_jobs, **_):
            asked.append(n_jobs)

        def __call__(self, tasks):
            return iter(())

    monkeypatch.setattr("joblib.Parallel", Parallel)
    monkeypatch.setattr(provenance, "cores", lambda: 4)
    list(parallel.in_processes(toy_study.STUDY.jobs(toy_study.Grid(jobs=1000)), 10_000))
    list(parallel.in_processes(toy_study.STUDY.jobs(toy_study.Grid(jobs=2)), 10_000))
    assert asked == [4, 2]


def test_a_server_that_is_no_dask_scheduler_is_one_line():
    """Whatever it answers: here a size that no memory holds, as a web server's first bytes would be read."""

    def answer() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20)
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(InputError, match="no dask scheduler at") as caught:
            parallel.connect(f"tcp://127.0.0.1:{server.getsockname()[1]}")
    assert "\n" not in str(caught.value)


def test_processes_give_the_same_rows(tmp_path):
    alone, together = tmp_path / "alone", tmp_path / "together"
    grid = toy_study.Grid(jobs=6, fail=(2,))
    run(alone, grid)
    summary = run(together, grid, parallel.backend_for(2, None))
    assert len(summary.failures) == 1
    assert results(together) == results(alone)


def threads(cells):
    yield Finished(cells[0], {"threads": os.environ["OMP_NUM_THREADS"]}, "budget", 0.0)


def test_the_last_job_of_a_run_needs_no_worker(tmp_path):
    """A single job is left, as after an interruption: it runs here, and this process lives on."""
    summary = run(tmp_path, toy_study.Grid(jobs=1), parallel.backend_for(2, None))
    assert (summary.skipped, summary.added, summary.failures) == (0, 3, ())


@pytest.mark.parametrize("workers", [2, 10_000])
def test_a_worker_takes_its_share_of_the_cores(workers, monkeypatch):
    """Environment for a torch that is imported later, a call for one that is there; never below one thread."""
    (job,) = toy_study.STUDY.jobs(toy_study.Grid(jobs=1, cells=1))
    share = max(1, provenance.cores() // workers)
    called: list[int] = []
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(set_num_threads=called.append))
    monkeypatch.setattr(parallel, "_end_with", lambda parent: None)
    batch = parallel._in_worker(Job(job.name, job.cells, threads, 1.0), share, os.getpid())
    assert called == [share]
    assert batch.rows[0].metrics == {"threads": str(share)}


PROGRAM = """
import sys
sys.path.insert(0, {here!r})
import toy_study
from experiments import parallel, provenance, runner
from experiments.progress import Progress
from experiments.store import Store
from pathlib import Path
from types import SimpleNamespace
from rich.console import Console
jobs = toy_study.STUDY.jobs(toy_study.Grid(jobs=12, cells=2, seconds=0.1, diary={diary!r}))
runner.run_jobs(jobs, Store(Path({out!r})), parallel.backend_for({workers}, None), Progress(Console(stderr=True)))
"""


def start(out: Path, diary_path: Path, workers: int) -> subprocess.Popen[bytes]:
    program = PROGRAM.format(here=str(HERE), diary=str(diary_path), out=str(out), workers=workers)
    return subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, start_new_session=True)


def stored(directory: Path) -> int:
    try:
        return len(read_rows(directory))
    except InputError:
        return 0


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_goes_on(tmp_path, workers, kill):
    """Both runs together are an uninterrupted run; a cell ran twice only if the kill caught its job unfinished."""
    log = tmp_path / "diary"
    process = start(tmp_path, log, workers)
    until(lambda: stored(tmp_path) >= 4)
    os.kill(process.pid, kill)
    process.communicate(timeout=60)
    kept = results(tmp_path)
    assert 4 <= len(kept) < 24
    until(lambda: not any(alive(int(line.split()[1])) for line in log.read_text().splitlines()))
    assert len(read_rows(tmp_path)) == len(kept)

    assert start(tmp_path, log, workers).wait(timeout=120) == 0
    uninterrupted = {
        cell.key: {"accuracy": cell.seed / 100, "by_seed": [cell.seed]}
        for job in toy_study.STUDY.jobs(toy_study.Grid(jobs=12, cells=2, seconds=0.1, diary=str(log)))
        for cell in job.cells
    }
    assert {row.cell.key: row.metrics for row in read_rows(tmp_path)} == uninterrupted
    runs = diary(log)
    assert sum(runs.values()) >= 24
    assert all(runs[key] == 1 for key in kept)
    assert max(runs.values()) <= 2


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The address of a real scheduler with two real worker processes on this machine."""
    pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("dask")
    contact = folder / "scheduler.json"
    processes = [dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(contact))]
    try:
        until(lambda: contact.exists() and contact.stat().st_size > 0)
        address = json.loads(contact.read_text())["address"]
        local = ("--nthreads", "1", "--no-nanny", "--local-directory", str(folder))
        processes += [dask("worker", address, *local) for _ in range(2)]
        from distributed import Client

        with Client(address, timeout=30) as client:
            client.wait_for_workers(2, timeout=60)
        yield address
    finally:
        for process in processes:
            process.kill()
            process.wait()


def dask(*words: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-m", "dask", *words, "--no-dashboard"], env=environment, **quiet)


def test_a_cluster_gives_the_same_rows_in_both_of_its_workers(tmp_path, cluster):
    log = tmp_path / "diary"
    grid = toy_study.Grid(jobs=8, seconds=0.05, fail=(2,), diary=str(log))
    summary = run(tmp_path / "cluster", grid, parallel.backend_for(1, cluster))
    run(tmp_path / "here", grid)
    assert [(failure.job, failure.error) for failure in summary.failures] == [
        ("job 2", "ArithmeticError: diverged on purpose")
    ]
    assert results(tmp_path / "cluster") == results(tmp_path / "here")
    processes = {line.split()[1] for line in log.read_text().splitlines()}
    assert len(processes - {str(os.getpid())}) == 2
    assert run(tmp_path / "cluster", grid, parallel.backend_for(1, cluster)).added == 0


def test_a_run_goes_on_from_a_cluster_to_this_machine(tmp_path, cluster):
    run(tmp_path, toy_study.Grid(jobs=2), parallel.backend_for(1, cluster))
    summary = run(tmp_path, toy_study.Grid(jobs=4))
    assert (summary.skipped, summary.added) == (6, 6)


@pytest.mark.parametrize(
    ("workers", "dask", "text"),
    [
        (0, None, "--workers takes 1 or more, got 0"),
        (2, "tcp://127.0.0.1:9", "exclude one another"),
        (1, "no scheme://here", "no dask scheduler at 'no scheme://here'"),
        (1, "tcp://127.0.0.1:9", "no dask scheduler at 'tcp://127.0.0.1:9'"),
        (1, "tcp://127.0.0.1:99999999", "no dask scheduler"),
        (1, "", "no dask scheduler"),
    ],
)
def test_a_backend_that_cannot_be_is_one_line(workers, dask, text):
    with pytest.raises(InputError, match=text) as caught:
        parallel.backend_for(workers, dask)
    assert "\n" not in str(caught.value)
