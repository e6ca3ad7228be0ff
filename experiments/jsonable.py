"""Values as JSON has them: for ``--json``, and for what the store keeps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path


def jsonable(value: object) -> object:
    """``value`` in the types that JSON has.

    Mappings, sequences, sets (sorted) and numpy scalars and arrays are converted; a float that is not finite becomes
    ``None``, because JSON has no word for it; a fraction becomes the exact text ``"p/q"``; a path becomes its text.

    Raises:
        TypeError: for anything else, which is a mistake in a command and not of its user.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Fraction | Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, set | frozenset):
        return [jsonable(item) for item in sorted(value)]
    if hasattr(value, "tolist"):  # numpy scalar or array, without importing numpy for commands that need none
        return jsonable(value.tolist())
    raise TypeError(f"{type(value).__name__} has no JSON form")
