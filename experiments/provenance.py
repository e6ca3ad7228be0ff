"""Where a result came from: versions, git revision, machine."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("mixture-of-parrots", "torch", "numpy", "scipy", "sympy", "networkx")
UNKNOWN = "unknown"


@cache
def versions() -> dict[str, str]:
    """Version of Python and of each of :data:`PACKAGES`, read without importing them."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = UNKNOWN
    return found


@cache
def revision() -> str:
    """The git revision this code was run from, ``-dirty`` if a tracked file differs, "unknown" outside a checkout.

    A wheel installed somewhere below an unrelated repository is not that repository's revision.
    """
    root = Path(__file__).resolve().parents[1]
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != root:
        return UNKNOWN
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changes is None:
        return UNKNOWN
    return f"{commit}-dirty" if changes else commit


def machine() -> dict[str, str | int]:
    """The kind of machine: no host name, no user."""
    return {"system": platform.system(), "cpu": platform.machine(), "cores": cores()}


def cores() -> int:
    """Processor cores that this process may use (a container's share where the system tells)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int:
    """Main memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _git(directory: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", directory, *arguments], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
