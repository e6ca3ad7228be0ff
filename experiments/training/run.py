"""A whole training run in its folder: it goes on where it stopped and ends with the best and the last model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from experiments.training import checkpoint
from experiments.training.checkpoint import Best, Position
from experiments.training.display import display
from experiments.training.figures import draw_routers
from experiments.training.folder import Metrics, RunFolder
from experiments.training.memory import check_fits, is_out_of_memory, out_of_memory
from experiments.training.plan import Plan
from experiments.training.stopping import stop_requests
from experiments.training.tensorboard import Board, board
from experiments.training.trainer import Step, Trainer
from experiments.training.world import World
from parrots.decoder import Decoder
from parrots.decoder.checkpoint import save_decoder
from theory.errors import InputError

SHOWN = 256
"""Validation examples that shortcuts are tried on before training."""


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    position: Position
    stopped: bool
    """Whether somebody asked it to, before its last step."""
    last: dict[str, Any]
    """The last line of metrics of this session, empty if there was nothing left to do."""


def train(plan: Plan, folder: RunFolder, world: World, console: Console, tensorboard: bool = False) -> Result:
    """Train to the last step, or until asked to stop.

    Raises:
        InputError: the folder is in use, cannot be written or holds another run; a checkpoint is damaged; the loss is
            not finite; memory does not suffice.
    """
    check_fits(plan, world)
    with _held(folder, plan, world):
        if world.first:
            _introduce(plan, console)
        show_board = board(folder.path / "tensorboard") if tensorboard and world.first else None
        try:
            return Session(plan, folder, world, console, show_board).run()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise out_of_memory(plan, world) from error
        finally:
            if show_board is not None:
                show_board.close()


def _introduce(plan: Plan, console: Console) -> None:
    """An example as a person reads it, and what a model has to beat."""
    size = plan.task.size("validation")
    examples = plan.task.examples("validation", 0, SHOWN if size is None else min(size, SHOWN))
    console.print(f"example: {plan.task.show(examples.tokens[0])}", markup=False, highlight=False)
    for name, reached in plan.task.baselines(examples).items():
        metrics = ", ".join(f"{metric} {value:.3g}" for metric, value in reached.items())
        console.print(f"shortcut {name}: {metrics}", markup=False, highlight=False)


@contextmanager
def _held(folder: RunFolder, plan: Plan, world: World) -> Iterator[None]:
    """The folder locked by the first process and settled; the others wait for that."""
    lock = folder.locked()

    def begin() -> None:
        lock.__enter__()
        folder.settle(plan)

    try:
        world.first_does(begin)
        yield
    finally:
        if world.first:
            lock.__exit__(None, None, None)


class Session:
    """The part of a run that one call trains."""

    def __init__(self, plan: Plan, folder: RunFolder, world: World, console: Console, board: Board | None) -> None:
        self.plan, self.folder, self.world, self.console, self.board = plan, folder, world, console, board
        self.trainer = Trainer(plan, world)
        self.position = self._position()
        self.metrics = Metrics(folder.metrics_file, self.position.step) if world.first else None
        self.last: dict[str, Any] = {}
        self._mark = (self.position.step, time.perf_counter())

    def run(self) -> Result:
        recipe, begun = self.plan.recipe, self.position.step
        tokens = recipe.batch * self.plan.reads
        try:
            with (
                display(self.console, begun, recipe.steps, tokens) as show,
                stop_requests() as asked,
            ):
                for number in range(begun, recipe.steps):
                    self._advance(number)
                    show(number + 1, self._news())
                    if self.world.size == 1 and asked():
                        self._save()
                        return Result(self.position, number + 1 < recipe.steps, self.last)
            self._export()
        finally:
            if self.metrics is not None:
                self.metrics.close()
        return Result(self.position, False, self.last)

    def _advance(self, number: int) -> None:
        recipe, done = self.plan.recipe, number + 1
        began = time.perf_counter()
        final = done == recipe.steps
        check, save = final or done % recipe.check_every == 0, final or done % recipe.save_every == 0
        watch = check or done % recipe.log_every == 0 or number == 0
        step = self.trainer.step(number, watch)
        if watch or save:
            self._stop_if_broken()
        row = self._row(number, step) if watch else {}
        better = check and self._is_best(done, row)
        self.position = replace(self.position, step=done, seconds=self.position.seconds + time.perf_counter() - began)
        if watch:
            self._log(row)
        if save or better:
            self._save()

    def _row(self, number: int, step: Step) -> dict[str, Any]:
        """Measures of a step and the speed since the last ones, looks at validation examples left out."""
        row = {"step": number + 1, **self.trainer.measures(number, step)}
        steps, seconds = number + 1 - self._mark[0], time.perf_counter() - self._mark[1]
        return row | {"tokens_per_second": steps * self.plan.recipe.batch * self.plan.reads / seconds}

    def _is_best(self, done: int, row: dict[str, Any]) -> bool:
        """Look at the validation examples; whether this is the best so far."""
        row |= self.trainer.validate()
        loss, best = row["validation_loss"], self.position.best
        if best is not None and not loss < best.loss:
            return False
        self.position = replace(self.position, best=Best(done, loss))
        return True

    def _log(self, row: dict[str, Any]) -> None:
        self.last = row | {"seconds": self.position.seconds}
        self._mark = (self.position.step, time.perf_counter())
        if self.metrics is not None:
            self.metrics.add(self.last)
        if self.board is not None:
            self.board.add(self.last)

    def _news(self) -> str:
        news = f"loss {self.last['loss']:.4g}" if self.last else ""
        best = self.position.best
        return news + (f", best validation loss {best.loss:.4g} at step {best.step:,}" if best else "")

    def _position(self) -> Position:
        newest = self.world.first_does(self.folder.newest)
        if newest is None:
            return Position()
        position = checkpoint.read(newest, self.trainer.model, self.trainer.optimiser, self.world)
        self.console.print(f"goes on from {newest}", markup=False, highlight=False)
        return position

    def _save(self) -> None:
        folder = self.folder.checkpoints
        if checkpoint.at(folder, self.position.step).exists():
            return
        if self.metrics is not None:
            self.metrics.to_disk()
        checkpoint.write(folder, self.trainer.model, self.trainer.optimiser, self.position, self.world)
        self.world.first_does(lambda: checkpoint.prune(folder, self.plan.recipe.keep, self.position.best))

    def _stop_if_broken(self) -> None:
        step = self.trainer.first_broken()
        if step is None:
            return
        newest = self.folder.newest()
        kept = f"{newest} is the last good checkpoint" if newest else "no checkpoint was written before"
        raise InputError(
            f"the loss is not finite at step {step + 1}; {kept}: start anew in another --out, with a lower "
            f"--learning-rate (it is {self.plan.recipe.learning_rate}), a smaller --clip, a longer --warmup or "
            "--precision float32."
        )

    def _export(self) -> None:
        """The best and the last model, each as one file, and what the routers did."""
        best = self.position.best
        if best is not None:
            self.world.first_does(lambda: self._export_one(best.step, self.folder.best))
        self.world.first_does(lambda: self._export_one(self.position.step, self.folder.last))
        self.world.first_does(lambda: draw_routers(self.folder))

    def _export_one(self, step: int, file: Path) -> None:
        model = Decoder(self.plan.config)
        checkpoint.read_model(checkpoint.at(self.folder.checkpoints, step), model)
        save_decoder(model, file)
