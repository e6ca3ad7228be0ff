"""The order of the data: step ``s`` reads the task's training examples ``s * batch, ..., (s + 1) * batch - 1``.

So the position in the data is the step, and nothing else has to be remembered to go on from a checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator

from experiments.tasks import Examples
from experiments.training.plan import Plan
from experiments.training.world import World
from theory.errors import InputError

DRAWN_AT_ONCE = 8192
"""Sequences that one process draws together: drawing has a price that does not depend on their number."""


class Batches:
    """This process's rows of each step's batch: with ``W`` processes, ``batch / W`` in the order of the processes.

    Raises :class:`theory.errors.InputError` where the processes and parts do not divide the batch.
    """

    def __init__(self, plan: Plan, world: World) -> None:
        recipe = plan.recipe
        if recipe.batch % (world.size * recipe.accumulate):
            raise InputError(
                f"--batch {recipe.batch} over {world.size} processes with --accumulate {recipe.accumulate}: "
                f"give a multiple of {world.size * recipe.accumulate}."
            )
        self.plan, self.world = plan, world
        self.rows = recipe.batch // world.size
        self._at_once = max(1, DRAWN_AT_ONCE // recipe.batch) if world.size == 1 else 1
        self._first, self._drawn = 0, Examples(plan.task.examples("train", 0, 0).tokens, plan.task.prompt)

    def of(self, step: int) -> Examples:
        """Tokens ``[batch / W, length]`` of step ``step``, on the process's device."""
        rows, batch = self.rows, self.plan.recipe.batch
        if not self._first <= step * rows < self._first + len(self._drawn.tokens):
            first = step * batch + self.world.rank * rows
            steps = min(self._at_once, self.plan.recipe.steps - step)
            self._drawn, self._first = self.plan.task.examples("train", first, steps * rows), step * rows
        start = step * rows - self._first
        tokens = self._drawn.tokens[start : start + rows].to(self.world.device, non_blocking=True)
        return Examples(tokens, self._drawn.prompt)

    def validation(self) -> Iterator[Examples]:
        """This process's validation examples, ``batch / (W * accumulate)`` at a time."""
        share, rows = self.validation_examples // self.world.size, self.rows // self.plan.recipe.accumulate
        first = self.world.rank * share
        for start in range(first, first + share, rows):
            count = min(rows, first + share - start)
            examples = self.plan.task.examples("validation", start, count)
            yield Examples(examples.tokens.to(self.world.device), examples.prompt)

    @property
    def validation_examples(self) -> int:
        """Of all processes together: the same number in each, at most ``recipe.validation`` and what the task has."""
        size = self.plan.task.size("validation")
        wanted = self.plan.recipe.validation if size is None else min(size, self.plan.recipe.validation)
        return max(1, wanted // self.world.size) * self.world.size
