"""The files that the pages write out run: a router, a task, a study, and the two scripts for a cluster."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from site_pages import DOCS, ROOT

EXAMPLES = DOCS / "examples"
PLACES = {
    "all_experts.py": "parrots/decoder/routers",
    "reversal.py": "experiments/tasks",
    "layers.py": "experiments/studies",
}


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages with the written-out files in their places."""
    root = tmp_path_factory.mktemp("extended")
    for package in ("theory", "parrots", "experiments"):
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, folder in PLACES.items():
        shutil.copy(EXAMPLES / name, root / folder)
    return root


def on_a_cluster(root: Path, script: str, *arguments: str) -> None:
    """Run a script as SLURM would on one node with one task and one device; ``srun`` only runs what it is given."""
    (root / "bin").mkdir(exist_ok=True)
    srun = root / "bin" / "srun"
    srun.write_text('#!/bin/bash\nexec "$@"\n')
    srun.chmod(0o755)
    job = {"SLURM_JOB_ID": str(os.getpid()), "SLURM_NTASKS": "1", "SLURM_NNODES": "1", "SLURM_GPUS_ON_NODE": "1"}
    paths = {"PATH": f"{srun.parent}:{os.environ['PATH']}", "PYTHONPATH": str(root), "PARROTS_VENV": sys.prefix}
    command = ["bash", str(EXAMPLES / "slurm" / script), *arguments]
    done = subprocess.run(
        command, cwd=root, env=os.environ | job | paths, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout


def parrots(root: Path, *words: str) -> dict:
    command = [str(Path(sys.prefix, "bin", "parrots")), *words, "--json"]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=200, check=True)
    return json.loads(done.stdout)


def test_a_new_study_runs_on_a_cluster_and_is_reported(extended: Path) -> None:
    small = ("entries=20", "steps=3", "layers=1,2", "seeds=2", "learning_rates=1e-2")
    on_a_cluster(extended, "study.sh", "layers", "--set", *small)
    page = (extended / "results" / "layers" / "index.html").read_text(encoding="utf-8")
    assert "Does a phone-book fit better into more layers" in page
    assert (extended / "results" / "layers" / "figures" / "layers.svg").exists()


def test_a_new_task_trains_with_a_new_router_on_a_cluster(extended: Path) -> None:
    flags = (
        "--router",
        "all-experts",
        "--experts",
        "3",
        "--width",
        "16",
        "--heads",
        "2",
        "--steps",
        "30",
        "--batch",
        "32",
    )
    on_a_cluster(extended, "train.sh", "reversal", *flags, "--out", "run")
    graded = parrots(extended, "evaluate", "run", "--examples", "50")
    assert set(graded["baselines"]) == {"copy", "first letter"}
    assert graded["routing"]["layers"][0]["load"] == pytest.approx([1 / 3] * 3)
    assert graded["metrics"]["letters_right"]["value"] > 1 / 8  # better than one letter of eight by chance


def test_every_file_that_is_shown_is_one_that_is_run() -> None:
    page = (DOCS / "extending.rst").read_text(encoding="utf-8")
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(PLACES)
    assert [f"{folder}/{name}" for name, folder in PLACES.items() if f":caption: {folder}/{name}\n" not in page] == []
