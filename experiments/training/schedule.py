"""The learning rate over a run."""

from __future__ import annotations

import math

from experiments.training.recipe import Recipe


def schedule(step: int, recipe: Recipe) -> float:
    """Factor of the learning rate in step ``step`` (0 is the first): a linear rise, then a fall to zero.

    The rise takes ``w = round(warmup * steps)`` steps, ``(step + 1) / (w + 1)``, so that the first step is not wasted
    and step ``w`` is the first at the full rate.  The fall is a line or half a cosine that would reach 0 at step
    ``steps``.

    >>> [schedule(step, Recipe(steps=4, warmup=0.25, schedule="linear")) for step in range(4)]
    [0.5, 1.0, 0.6666666666666667, 0.33333333333333337]
    """
    warm = round(recipe.warmup * recipe.steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    gone = (step - warm) / max(1, recipe.steps - warm)
    return 1 - gone if recipe.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * gone))
