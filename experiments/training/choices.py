"""From the words of a command line to a plan of training."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.suggest import clip, unknown_name
from theory.errors import InputError


@dataclass(frozen=True)
class ModelFlags:
    """The decoder; its vocabulary is the task's."""

    width: int = 64
    """Numbers in the residual stream of a token."""
    layers: int = 2
    """Layers, each attention and a feed-forward part."""
    heads: int = 4
    """Attention heads; the width is a multiple of twice as many."""
    kv_heads: int | None = None
    """Heads of keys and values (grouped-query attention). Default: as many as heads."""
    hidden: int | None = None
    """Hidden units of the dense layer or of one expert. Default: the width, as in the paper."""
    router: str | None = None
    """Mixture of experts, with this router (listed above). Default: a dense model."""
    experts: int | None = None
    """Experts of a layer. Default with a router: 8."""
    top_k: int | None = None
    """Experts that a token uses, for routers that choose so."""
    shared: int = 0
    """Hidden units that every token passes beside the routed experts."""
    tied: bool = False
    """The head is the embedding itself."""
    positions: int | None = None
    """Longest sequence, in tokens; more than the task's to evaluate on longer ones. Default: the task's."""


EXPERTS = 8
"""Experts of a layer where a router is asked for and no number is."""


def router_of(flags: ModelFlags, settings: Sequence[str]) -> Any:
    """The router's settings from its flags and the ``field=value`` of ``settings``, or None.

    Raises :class:`theory.errors.InputError` for an unknown router, and for a field that it has not.
    """
    from experiments.studies.settings import parsed_settings
    from parrots.decoder.routers import ROUTERS

    given = {name: getattr(flags, name) for name in ("experts", "top_k") if getattr(flags, name) is not None}
    if flags.router is None:
        if given or settings:
            what = [f"--{name.replace('_', '-')}" for name in given] + [f"router.{clip(text)}" for text in settings]
            raise InputError(f"{what[0]} without a router: give --router, one of {', '.join(ROUTERS)}.")
        return None
    if flags.router not in ROUTERS:
        raise unknown_name("router", flags.router, ROUTERS)
    kind = ROUTERS[flags.router]
    names = [field.name for field in dataclasses.fields(kind)]
    if "top_k" in given and "top_k" not in names:
        raise InputError(f"--top-k: router {flags.router} has none; its fields are {', '.join(names)}.")
    parsed = parsed_settings(kind, settings, f"router {flags.router}")
    if twice := parsed.keys() & given.keys():
        raise InputError(f"{', '.join(sorted(twice))} given as a flag and in --set: give it once.")
    return kind(**{"experts": EXPERTS, **given, **parsed})


def task_of(name: str, settings: Sequence[str]) -> Any:
    """The task called ``name`` with the ``field=value`` of ``settings``; raises InputError for what is unknown."""
    from experiments import tasks
    from experiments.studies.settings import parsed_settings

    kind = tasks.get(name)
    return kind(**parsed_settings(kind, settings, f"task {name}"))


def plan_of(task: Any, flags: ModelFlags, router: Any, recipe: Any) -> Any:
    """The :class:`experiments.training.plan.Plan`; raises InputError where the parts do not fit."""
    from experiments.training.plan import Plan
    from parrots.decoder import DecoderConfig

    plain = {
        name: getattr(flags, name) for name in ("width", "layers", "heads", "kv_heads", "hidden", "shared", "tied")
    }
    positions = task.length - 1 if flags.positions is None else flags.positions
    config = DecoderConfig(vocabulary=len(task.vocabulary), positions=positions, router=router, **plain)
    return Plan(task, config, recipe)


def by_owner(settings: Sequence[str], owners: Sequence[str]) -> dict[str, list[str]]:
    """``task.entries=9`` under ``task``, as ``entries=9``.

    Raises :class:`theory.errors.InputError` for a setting of none of the ``owners``.
    """
    found: dict[str, list[str]] = {owner: [] for owner in owners}
    for setting in settings:
        owner, dot, rest = setting.partition(".")
        if not dot or owner not in found:
            allowed = " or ".join(f"{owner}.field=value" for owner in owners)
            raise InputError(f"--set takes {allowed}, got {clip(setting)!r}: say whose field it is.")
        found[owner].append(rest)
    return found
