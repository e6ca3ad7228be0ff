"""``parrots train``: train one decoder on a task."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text
from tyro.conf import OmitArgPrefixes, Positional

from experiments.cli.outcome import INTERRUPTED, Outcome
from experiments.training.choices import ModelFlags, by_owner, plan_of, router_of, task_of
from experiments.training.recipe import Recipe

if TYPE_CHECKING:
    from experiments.training.plan import Plan
    from experiments.training.run import Result
    from experiments.training.world import World


@dataclass(frozen=True)
class Train:
    """Train one decoder, dense or a mixture of experts, on a task.

    An example and what shortcuts reach are shown first. Killed or stopped, a run goes on by the same command, from its
    last checkpoint. On several GPUs: torchrun --nproc-per-node N -m experiments.cli train TASK ...
    """

    task: Positional[str]
    """Name of the task; the tasks and their fields are listed above."""

    out: Path | None = None
    """Folder of the run; made if it does not exist. Default: results/train-TASK."""

    set: tuple[str, ...] = ()
    """Fields of the task and of the router: task.field=value, router.field=value."""

    model: OmitArgPrefixes[ModelFlags] = field(default_factory=ModelFlags)

    recipe: OmitArgPrefixes[Recipe] = field(default_factory=Recipe)

    tensorboard: bool = False
    """Also write the metrics for TensorBoard, to OUT/tensorboard."""

    dry_run: bool = False
    """Print parameters, FLOPs and memory, and train nothing."""

    @staticmethod
    def more_help() -> str:
        """The tasks and routers that there are, with their fields."""
        from experiments.cli.fields import described
        from experiments.tasks import TASKS
        from parrots.decoder.routers import ROUTERS

        lines: list[str] = []
        for owner, kinds in (("task", TASKS), ("router", ROUTERS)):
            for name, kind in sorted(kinds.items()):
                lines.append(f"{owner.capitalize()} {name}, --set {owner}.FIELD=VALUE:")
                for setting, default, text in described(kind):
                    shown = f"{setting} (default {default})" if default else setting
                    lines.append(f"  {shown}{text and f': {text}'}")
                lines.append("")
        return "\n".join(lines) + "\n"

    def run(self, console: Console) -> Outcome:
        """Exit code 130 if stopped before the last step.

        Raises:
            InputError: what cannot be built or does not fit, a folder in use or of another run, a damaged checkpoint,
                a loss that is not finite, too little memory, a missing extra.
        """
        from experiments.training.world import world

        owned = by_owner(self.set, ("task", "router"))
        task = task_of(self.task, owned["task"])
        plan = plan_of(task, self.model, router_of(self.model, owned["router"]), self.recipe)
        if self.dry_run:
            return _estimate(plan)
        with world() as processes:
            if not processes.first:
                _say_nothing(console)
            return self._train(plan, processes, console)

    def _train(self, plan: Plan, processes: World, console: Console) -> Outcome:
        from experiments.training.folder import RunFolder
        from experiments.training.run import train

        folder = RunFolder(self.out or Path("results") / f"train-{self.task}")
        result = train(plan, folder, processes, console, self.tensorboard)
        payload = _payload(plan, folder.path, result)
        if result.stopped:
            text = f"stopped after step {result.position.step:,}, which is saved: the same command goes on from there"
            return Outcome(payload, text, INTERRUPTED)
        return Outcome(payload, _view(payload))


def _say_nothing(console: Console) -> None:
    """Only the first of several processes reports."""
    console.quiet = True
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _counts(plan: Plan) -> dict[str, Any]:
    from theory.accounting.decoder import decoder_parameters, decoder_training_flops

    parameters = decoder_parameters(plan.config)
    flops = decoder_training_flops(plan.config, plan.reads, plan.recipe.batch, plan.answer, plan.recipe.steps)
    tokens = plan.recipe.steps * plan.recipe.batch * plan.reads
    return {"parameters": parameters.total, "active_parameters": parameters.active, "flops": flops, "tokens": tokens}


def _estimate(plan: Plan) -> Outcome:
    from experiments.training.memory import GIB, need
    from experiments.training.world import World

    needed = need(plan, World())
    memory = {"memory_bytes": needed.weights + needed.activations, "weights_bytes": needed.weights}
    payload = {**plan.to_json(), **_counts(plan), **memory}
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_row("parameters", f"{payload['parameters']:,}, of which a token uses {payload['active_parameters']:,}")
    table.add_row("training", f"{payload['flops']:.3g} FLOPs on {payload['tokens']:,} tokens")
    table.add_row(
        "memory",
        f"{needed.weights / GIB:,.3g} GiB for weights, gradients and AdamW, "
        f"at most {needed.activations / GIB:,.3g} GiB for activations",
    )
    table.add_row("sequences", f"{plan.task.length} tokens, of which {plan.answer} are to be written")
    return Outcome(payload, table)


def _payload(plan: Plan, path: Path, result: Result) -> dict[str, Any]:
    return {
        "out": path,
        **_counts(plan),
        "steps": plan.recipe.steps,
        "step": result.position.step,
        "seconds": result.position.seconds,
        "best": asdict(result.position.best) if result.position.best else None,
        "last": result.last,
    }


def _view(payload: dict[str, Any]) -> Group:
    from experiments.progress import in_words

    best, last = payload["best"], payload["last"]
    done = f"{payload['steps']:,} steps in {in_words(payload['seconds'])}, {payload['parameters']:,} parameters"
    lines = [done if last else f"nothing was left to do: {done}"]
    if last:
        exact = last["validation_exact"]
        lines.append(f"validation loss {last['validation_loss']:.4g} nats a token, answers exactly right {exact:.1%}")
    if best:
        lines.append(
            f"best validation loss {best['loss']:.4g} at step {best['step']:,}: {payload['out']}/best.safetensors"
        )
    lines.append(f"`parrots evaluate {payload['out']}` grades what it writes on test examples")
    return Group(*(Text(line) for line in lines))
