"""The layers: theory (never torch) <- parrots <- experiments, read from the imports and shown to catch violations."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FORBIDDEN = {
    "theory": {"torch", "parrots", "experiments", "tests"},
    "parrots": {"experiments", "tests"},
    "experiments": {"tests"},
}


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and first name of every absolute import in a file, at any depth, ``importlib`` calls included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), path.name)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module.split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            yield from climbing(path, node)
        elif isinstance(node, ast.Call) and called(node.func) in ("import_module", "__import__") and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield node.lineno, name.value.split(".")[0]


def climbing(path: Path, node: ast.ImportFrom) -> Iterator[tuple[int, str]]:
    """A relative import that climbs out of its package reaches another one: ``from ...parrots import model``."""
    for name in [node.module] if node.module else [alias.name for alias in node.names]:
        climbed = path.parents[node.level - 1]
        if not (climbed / "__init__.py").exists():
            yield node.lineno, name.split(".")[0]


def called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def violations(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)}:{line} imports {name}"
        for layer, forbidden in FORBIDDEN.items()
        for path in sorted((root / layer).rglob("*.py"))
        for line, name in imported(path)
        if name in forbidden
    ]


def test_no_import_points_up():
    assert violations(ROOT) == []


def test_every_layer_was_read():
    for layer in FORBIDDEN:
        assert len(list((ROOT / layer).rglob("*.py"))) >= 3, layer


@pytest.mark.parametrize(
    ("layer", "planted"),
    [
        ("theory", "import torch"),
        ("theory", "import numpy, torch.nn as nn"),
        ("theory", "import torch.nn.functional"),
        ("theory", "from torch import Tensor"),
        ("theory", "from torch.nn import functional"),
        ("theory", "from parrots.model import OneLayerModel"),
        ("theory", "import experiments"),
        ("theory", "from ..parrots import model"),
        ("theory", "def f():\n    import torch\n"),
        ("theory", "class A:\n    def f(self):\n        if True:\n            from torch import nn\n"),
        ("theory", "try:\n    import torch\nexcept ImportError:\n    torch = None\n"),
        ("theory", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n"),
        ("theory", "import importlib\nimportlib.import_module('torch.nn')"),
        ("theory", "__import__('torch')"),
        ("parrots", "from experiments import store"),
        ("parrots", "import experiments.cli"),
        ("experiments", "from tests import conftest"),
    ],
)
def test_a_planted_violation_is_caught(tmp_path, layer, planted):
    for name in FORBIDDEN:
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "deep" / "innocent.py").write_text(
            "import numpy\nfrom theory import errors\nfrom . import x\n"
        )
    assert violations(tmp_path) == []
    (tmp_path / layer / "guilty.py").write_text(planted)
    (found,) = violations(tmp_path)
    assert found.startswith(f"{layer}/guilty.py:")
