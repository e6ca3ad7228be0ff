"""What is said of a run: the same facts for JSON, for the terminal and for the page."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from math import ceil, isnan

from parrots.config import OneLayerConfig
from theory.bounds import message_bits
from theory.protocol import Transcript
from theory.protocol.steps import Step, steps

STATEMENT = "own-message-bound"


@dataclass(frozen=True)
class Report:
    """One model, one graph, one run."""

    model: str
    """As the user named it; so is ``graph``."""
    graph: str
    config: OneLayerConfig
    rounded_to: int | None
    """p, if a float model was rounded for this run."""
    labels: tuple[str, ...]
    """Names of the vertices 0..V-1, the source first and the target last."""
    transcript: Transcript

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return steps(self.transcript, self.labels)

    @property
    def agrees(self) -> bool:
        """Bob answers as the model does; where nothing but exact numbers is sent, with the same logit."""
        exact = self.transcript.error is not None or self.transcript.residual == 0
        return self.transcript.answer == self.transcript.own_answer and (exact or self._reordered)

    @property
    def _reordered(self) -> bool:
        """The model's own execution adds Bob's floats in another order."""
        return self.config.message_bits is not None

    @property
    def subject(self) -> str:
        """The model in words, with what was done to it."""
        if self.rounded_to is None:
            return self.model
        return f"{self.model} with its values as {self.rounded_to}-bit integers: what follows is of that model"

    def facts(self) -> list[tuple[str, str]]:
        """Name and text of what the run shows."""
        return [
            ("sent", self._sent()),
            ("bound", self._bound()),
            ("experts", self._experts()),
            ("answers", self._answers()),
            ("logits", self._logits()),
        ]

    def payload(self) -> dict[str, object]:
        """For ``--json``."""
        run, config = self.transcript, self.config
        return {
            "model": self.model,
            "graph": self.graph,
            "source": self.labels[0],
            "target": self.labels[-1],
            "vertices": run.vertices,
            "r": run.r,
            "heads": config.heads,
            "width": config.width,
            "experts": config.experts,
            "top_k": config.top_k,
            "value_bits": config.value_bits,
            "rounded": self.rounded_to is not None,
            "bits": run.bits,
            "message": run.message.hex(),
            "bound": {
                "statement": STATEMENT,
                "needed": run.r,
                "message_bits": self.counted_bits,
                "entropy_bits": None if run.entropy is None else ceil(run.entropy * 1000) / 1000,
                "rules_out": run.rules_out,
            },
            "steps": [
                {**dataclasses.asdict(step), "numbers": [[name, list(numbers)] for name, numbers in step.numbers]}
                for step in self.steps
            ],
            "answer": run.answer,
            "logit": run.reading.logit,
            "model_answer": run.own_answer,
            "model_logit": run.own_logit,
            "oracle": run.oracle,
            "residual": run.residual,
            "error_bound": run.error,
            "agrees": self.agrees,
        }

    @property
    def counted_bits(self) -> int | None:
        """M of `own-message-bound` for this size; None for a model without p-bit weights and values."""
        config = self.config
        if config.value_bits is None:
            return None
        return message_bits(config.intermediates, config.heads, config.value_bits, config.width, config.attention)

    def _sent(self) -> str:
        run = self.transcript
        text = f"{run.bits} bits, whatever the graph"
        if run.entropy is not None:
            return f"{text}; own-entropy-bound: these weights can carry {ceil(run.entropy * 10) / 10} of them at most"
        return text

    def _bound(self) -> str:
        run, r = self.transcript, self.transcript.r
        if run.rules_out:
            short = "" if run.bits < r else " of information (own-entropy-bound)"
            return f"being right on every graph takes r = {r} bits{short}: this model errs on some graph"
        if self.config.value_bits is not None:
            return f"being right on every graph takes r = {r} bits; {STATEMENT} allows this size {self.counted_bits}"
        if self.config.message_bits is not None:
            return f"being right on every graph takes r = {r} bits, by the proof of {STATEMENT}"
        return (
            f"being right on every graph takes r = {r} bits of any execution from left to right; --bits p makes "
            f"integers, which {STATEMENT} counts"
        )

    def _experts(self) -> str:
        return f"K = {self.config.experts}: the length of the message is a function of r, H, D and the precision alone"

    def _answers(self) -> str:
        run = self.transcript
        bob, own, oracle = (_word(answer) for answer in (run.answer, run.own_answer, run.oracle))
        errs = "" if run.own_answer == run.oracle else ": the model errs on this graph"
        differs = "" if self.agrees else "; BOB DIFFERS from the model"
        return f"Bob {bob}, the model itself {own}, networkx {oracle}{errs}{differs}"

    def _logits(self) -> str:
        run = self.transcript
        if isnan(run.reading.logit) and isnan(run.own_logit):
            return "neither Bob's nor the model's own is a number, which reads as no"
        if run.residual == 0:
            return f"Bob's and the model's own are the same number, {run.reading.logit!r}"
        bound = "" if run.error is None else f"; rounding moves Bob's by at most {run.error:.1e}"
        return f"Bob's {run.reading.logit:.9g}, the model's own {run.own_logit:.9g}{bound}"


def _word(answer: bool) -> str:
    return "yes" if answer else "no"
