"""Inventories of the few names of other projects that our signatures use, written by hand: a build needs no network."""

from __future__ import annotations

import zlib
from pathlib import Path

BUILTINS = (
    "bool bytes dict float frozenset int list object range set slice str tuple type "
    "BrokenPipeError KeyboardInterrupt KeyError OSError TypeError ValueError"
)
ABSTRACT = "Callable Collection Generator Hashable Iterable Iterator Mapping MutableMapping Sequence"

# project -> (site, {page: names}); "$" in a page stands for the name as it is written here.
PROJECTS = {
    "python": (
        "https://docs.python.org/3/",
        {
            "library/functions.html#$": BUILTINS,
            "library/collections.abc.html#$": " ".join(f"collections.abc.{name}" for name in ABSTRACT.split()),
            "library/abc.html#$": "abc.ABC",
            "library/pathlib.html#$": "pathlib.Path",
            "library/fractions.html#$": "fractions.Fraction",
            "library/typing.html#$": "typing.Any typing.Protocol",
            "library/types.html#$": "types.ModuleType types.FrameType",
            "library/sqlite3.html#$": "sqlite3.Connection sqlite3.Row sqlite3.DatabaseError",
        },
    ),
    "numpy": (
        "https://numpy.org/doc/stable/",
        {
            "reference/generated/$.html": "numpy.ndarray np.ndarray numpy.dtype",
            "reference/random/generator.html": (
                "numpy.random._generator.Generator numpy.random.Generator np.random.Generator"
            ),
            "reference/arrays.scalars.html": (
                "numpy.bool numpy.bool_ numpy.float64 numpy.int64 numpy.uint64 "
                "np.bool_ np.float64 np.int8 np.int32 np.int64 np.uint8 np.uint16 np.uint64"
            ),
            "reference/typing.html": "ArrayLike NDArray numpy.typing.ArrayLike numpy.typing.NDArray",
        },
    ),
    "torch": (
        "https://pytorch.org/docs/stable/",
        {
            "tensors.html": "torch.Tensor Tensor",
            "generated/torch.nn.Module.html": "torch.nn.Module torch.nn.modules.module.Module",
            "generated/torch.Generator.html": "torch.Generator torch._C.Generator",
            "tensor_attributes.html": "torch.device torch.dtype",
        },
    ),
    "sympy": (
        "https://docs.sympy.org/latest/",
        {
            "modules/core.html": "sympy.Basic sympy.Expr sympy.Symbol "
            "sympy.core.basic.Basic sympy.core.expr.Expr sympy.core.symbol.Symbol"
        },
    ),
    "networkx": (
        "https://networkx.org/documentation/stable/",
        {"reference/classes/digraph.html": "networkx.DiGraph nx.DiGraph networkx.classes.digraph.DiGraph"},
    ),
    "rich": (
        "https://rich.readthedocs.io/en/stable/",
        {
            "reference/console.html": "rich.console.Console rich.console.RenderableType",
            "reference/table.html": "rich.table.Table",
        },
    ),
    "matplotlib": (
        "https://matplotlib.org/stable/",
        {
            "api/figure_api.html": "matplotlib.figure.Figure MatplotlibFigure Drawing",
            "api/axes_api.html": "Axes matplotlib.axes.Axes matplotlib.axes._axes.Axes",
        },
    ),
}


def write_inventories(folder: Path) -> dict[str, tuple[str, str]]:
    """Write ``PROJECT.inv`` files into ``folder`` and give the value of ``intersphinx_mapping``."""
    folder.mkdir(parents=True, exist_ok=True)
    mapping = {}
    for project, (site, pages) in PROJECTS.items():
        path = folder / f"{project}.inv"
        path.write_bytes(_inventory(project, pages))
        mapping[project] = (site, str(path))
    return mapping


def _inventory(project: str, pages: dict[str, str]) -> bytes:
    lines = [
        f"{name} py:{role} 1 {page.replace('$', name)} -\n"
        for page, names in pages.items()
        for name in names.split()
        for role in ("class", "data", "exception")
    ]
    head = f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
    head += "# The remainder of this file is compressed using zlib.\n"
    return head.encode() + zlib.compress("".join(lines).encode())
