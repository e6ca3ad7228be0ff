"""Routers, one file each: a file of this folder that defines ``ROUTER``, its settings, adds a router.

The settings are a frozen dataclass of :class:`RouterSettings` with a ``name``, which ``build`` the layer, a
:class:`RoutedFeedForward`, ``count`` its numbers and FLOPs, and say whether it is ``causal`` and ``token_wise``.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from parrots.decoder.routers.router import RoutedFeedForward, RouterSettings, Routing
from theory.errors import InputError

__all__ = ["ROUTERS", "RoutedFeedForward", "RouterSettings", "Routing", "find_routers", "router_from_json"]


def find_routers() -> dict[str, type[RouterSettings]]:
    """The settings of every router whose file is in this folder, by name."""
    found: dict[str, type[RouterSettings]] = {}
    for file in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{file.name}")
        if not hasattr(module, "ROUTER"):
            continue
        name = module.ROUTER.name
        if name in found:
            raise RuntimeError(f"two routers are called {name}: {found[name].__module__}, {module.__name__}")
        found[name] = module.ROUTER
    return found


ROUTERS = find_routers()
"""Name -> settings."""


def router_from_json(plain: Mapping[str, Any]) -> RouterSettings:
    """Inverse of :meth:`RouterSettings.to_json`; raises :class:`theory.errors.InputError` for what is unknown."""
    name = plain.get("name")
    if name not in ROUTERS:
        raise InputError(f"unknown router {str(name)[:100]!r}: allowed are {', '.join(ROUTERS)}.")
    kind = ROUTERS[name]
    fields = {key: value for key, value in plain.items() if key != "name"}
    unknown = sorted(fields.keys() - {field.name for field in dataclasses.fields(kind)})
    if unknown:
        raise InputError(f"router {name} has no {', '.join(unknown)[:200]}.")
    if "experts" not in fields:
        raise InputError(f"router {name} needs experts: give how many.")
    return kind(**fields)
