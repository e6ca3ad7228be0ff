"""``parrots evaluate``: grade what a trained decoder writes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text
from tyro.conf import Positional

from experiments.cli.outcome import Outcome
from theory.errors import InputError

if TYPE_CHECKING:
    from experiments.tasks import Task
    from experiments.training.evaluation import Evaluation
    from experiments.training.folder import RunFolder
    from experiments.training.plan import Plan
    from parrots.decoder import Decoder


@dataclass(frozen=True)
class Evaluate:
    """Grade what a trained decoder writes greedily, beside what shortcuts reach on the same examples."""

    run_folder: Positional[Path]
    """Folder that `parrots train` wrote; a run that goes on is evaluated at its checkpoints."""

    examples: int = 1000
    """Examples of the split, from its first one on; as many as there are if these are fewer."""

    split: Literal["test", "validation", "train"] = "test"
    """Which examples."""

    model: Literal["best", "last"] = "best"
    """The checkpoint with the lowest validation loss, or the last one."""

    set: tuple[str, ...] = ()
    """Ask something else than the training did: task.field=value. The tokens must stay the same."""

    vertices: int | None = None
    """Ask about graphs with as many vertices, for tasks on graphs, as many edges to a vertex as in training."""

    batch: int = 64
    """Sequences that are run together."""

    def run(self, console: Console) -> Outcome:
        """
        Raises:
            InputError: no such run, nothing trained yet, a damaged checkpoint, a task whose tokens or whose length the
                model does not know, numbers below 1.
        """
        from experiments.training.evaluation import evaluate
        from experiments.training.folder import RunFolder
        from experiments.training.memory import check_examples_fit
        from experiments.training.world import world

        for name in ("examples", "batch"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name} {getattr(self, name)} is not allowed: give 1 or more.")
        folder = RunFolder(self.run_folder)
        plan = folder.plan()
        task = self._task(plan)
        step, model = self._model(folder, plan)
        size = task.size(self.split)
        count = self.examples if size is None else min(size, self.examples)
        check_examples_fit(task, count)
        with world() as processes:
            evaluation = evaluate(model.to(processes.device), task, self.split, count, min(count, self.batch))
        payload = _payload(evaluation) | {
            "run": self.run_folder,
            "step": step,
            "split": self.split,
            "task": task.to_json(),
        }
        return Outcome(payload, _view(evaluation, step, self.split))

    def _task(self, plan: Plan) -> Task:
        from experiments.studies.settings import parsed_settings
        from experiments.tasks import task_from_json
        from experiments.training.choices import by_owner

        changes = parsed_settings(type(plan.task), by_owner(self.set, ("task",))["task"], f"task {plan.task.name}")
        task: Any = task_from_json(plan.task.to_json() | changes)
        if self.vertices is not None:
            if not hasattr(task, "larger"):
                raise InputError(f"--vertices: task {plan.task.name} has no graphs; leave the flag out.")
            task = task.larger(self.vertices)
        if task.vocabulary != plan.task.vocabulary:
            raise InputError(
                f"the model was trained on {len(plan.task.vocabulary)} tokens, this task has {len(task.vocabulary)}, "
                "not all the same: change only what leaves the tokens as they are, or train on the larger task."
            )
        task.check_context(plan.config.positions)
        return task

    def _model(self, folder: RunFolder, plan: Plan) -> tuple[int, Decoder]:
        from experiments.training import checkpoint
        from parrots.decoder import Decoder

        newest = folder.newest()
        if newest is None:
            raise InputError(f"{folder.path} holds no checkpoint yet: let `parrots train` go on first.")
        position = checkpoint.position_of(newest)
        step = position.best.step if self.model == "best" and position.best else position.step
        model = Decoder(plan.config)
        checkpoint.read_model(checkpoint.at(folder.checkpoints, step), model)
        return step, model


def _payload(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "examples": evaluation.examples,
        "metrics": {name: asdict(interval) for name, interval in evaluation.metrics.items()},
        "baselines": evaluation.baselines,
        "routing": evaluation.routing,
    }


def _view(evaluation: Evaluation, step: int, split: str) -> Group:
    names = list(evaluation.metrics)
    table = Table(
        "", *names, title=f"step {step:,}, {evaluation.examples:,} {split} examples", box=None, padding=(0, 2, 0, 0)
    )
    table.add_row("model, 95 % interval", *(str(evaluation.metrics[name]) for name in names))
    for shortcut, reached in evaluation.baselines.items():
        table.add_row(shortcut, *(f"{reached[name]:.3g}" if name in reached else "" for name in names))
    return Group(Text(evaluation.shown), Text(""), table, *_routing(evaluation.routing))


def _routing(routing: dict[str, Any] | None) -> list[Text]:
    return [
        Text(
            f"layer {number}: largest load {layer['largest_load']:.3g} times the even one, router entropy "
            f"{layer['router_entropy']:.3g}, dropped {layer['dropped']:.1%}, dead experts {layer['dead']:.0f}"
        )
        for number, layer in enumerate((routing or {"layers": []})["layers"], 1)
    ]
