"""Routers, one file each: a file of this folder that defines ``ROUTER``, its settings, adds a router."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from parrots.decoder.routers.router import RoutedFeedForward, RouterSettings, Routing
from theory.errors import InputError

__all__ = ["ROUTERS", "RoutedFeedForward", "RouterSettings", "Routing", "router_from_json"]


def _found() -> dict[str, type[RouterSettings]]:
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    kinds = [module.ROUTER for module in modules if hasattr(module, "ROUTER")]
    return {kind.name: kind for kind in kinds}


ROUTERS = _found()
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
    return kind(**fields)
