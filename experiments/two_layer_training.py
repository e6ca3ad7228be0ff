"""Trains two-layer models with the loop, stop rule and records of the one-layer models (:mod:`experiments.engine`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from experiments.engine import Member, Recipe, Trained, Training, train_stacked
from parrots.two_layer import TwoLayerConfig, TwoLayerEnsemble, TwoLayerModel, initial_parameters
from theory.errors import InputError
from theory.instances import Pairs, default_overlap_size, planted

TwoLayerMember = Member[TwoLayerConfig]
TwoLayerTrained = Trained[TwoLayerConfig, TwoLayerModel]

RECIPE = Recipe(steps=2000, batch=256, check_every=100, rates=())
"""No factors by parameter: at :func:`logarithmic_width` they did not change how many seeds succeed."""


def logarithmic_width(vertices: int, extra: int = 4) -> int:
    """``2 ceil(log2 V) + extra``."""
    return 2 * (vertices - 1).bit_length() + extra


def members(
    vertices: int, seeds: Sequence[int], width: int | None = None, learning_rate: float = 1e-2
) -> list[TwoLayerMember]:
    """A member for each seed, one head a layer, ``2 width`` hidden units; width None is :func:`logarithmic_width`."""
    width = logarithmic_width(vertices) if width is None else width
    config = TwoLayerConfig(vertices, width, hidden=2 * width)
    return [Member(config, seed, learning_rate) for seed in seeds]


def curriculum(rng: np.random.Generator, batch: int, r: int, progress: float, start: float = 0.05) -> Pairs:
    """The planted law, sparse at first: both sets grow from ``start`` of their final size over the first half.

    Among few edges the one pair that matters has weight even in a softmax that has not learnt to match yet.  Without
    the curriculum fewer seeds find the matching, and those that do generalise worse to other densities.
    """
    share = start + (1 - start) * min(1.0, 2 * progress)
    return planted(rng, batch, r, max(1, round(share * default_overlap_size(r))), share / 2)


def train_two_layer(
    members: Sequence[TwoLayerMember], recipe: Recipe = RECIPE, device: torch.device | str = "cpu"
) -> Iterator[tuple[int, TwoLayerTrained]]:
    """Train members of one shape together on :func:`curriculum`; yields ``(index in members, trained)`` as each stops.

    Raises :class:`theory.errors.InputError` unless the members share their configuration.
    """
    configs = {member.config for member in members}
    if len(configs) != 1:
        raise InputError(f"members of {len(configs)} shapes: give one member or more, all of one shape.")
    (config,) = configs
    ensemble = TwoLayerEnsemble(config)
    flat = ensemble.pack([initial_parameters(config, member.seed) for member in members]).to(device)

    def law(rng: np.random.Generator, batch: int, progress: float) -> Pairs:
        return curriculum(rng, batch, config.intermediates, progress)

    return train_stacked(members, Training(ensemble, flat, recipe), law)
