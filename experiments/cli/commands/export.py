"""``parrots export CKPT``: a decoder for other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.console import Console

from experiments.cli.outcome import FALSE_OR_FAILED, FINE, Outcome

if TYPE_CHECKING:
    from parrots.decoder import Decoder
    from parrots.interop.hugging_face_check import Agreement


@dataclass(frozen=True)
class Export:
    """Write a trained decoder as a folder that transformers loads: a dense one as Mistral, token choice as Mixtral.
    Of a run, the tokens of its task are written too, as a tokenizer. `parrots import` reads such a folder back."""

    checkpoint: Annotated[Path, tyro.conf.Positional]
    """A decoder's .safetensors file, or the folder of a run of `parrots train` (its best model)."""
    out: Path
    """The folder to write, new or empty."""
    format: Literal["hf"] = "hf"
    """Hugging Face: config.json and model.safetensors, for AutoModelForCausalLM.from_pretrained."""
    check: bool = False
    """Load the folder with transformers (extra [hf]) and compare logits on random tokens."""

    def run(self, console: Console) -> Outcome:
        """Exit code 1 if the logits differ by more than rounding.

        Raises:
            InputError: no such checkpoint, a damaged one, a decoder that transformers cannot express, a folder that
                holds something already, or --check without transformers.
        """
        from experiments.decoder_files import open_decoder, vocabulary_of
        from parrots.interop.hugging_face import export_hugging_face
        from parrots.interop.hugging_face_check import agreement, transformers

        if self.check:
            transformers()  # before anything is written
        model = open_decoder(self.checkpoint)
        vocabulary = vocabulary_of(self.checkpoint)
        with console.status("writing"):
            export_hugging_face(model, self.out, vocabulary)
        found = None
        if self.check:
            with console.status("comparing with transformers"):
                found = agreement(model, self.out)
        payload = _payload(self, model, found) | {"tokenizer": vocabulary is not None}
        failed = found is not None and not found.holds
        return Outcome(payload, _view(payload), FALSE_OR_FAILED if failed else FINE)


def _payload(asked: Export, model: Decoder, agreement: Agreement | None) -> dict[str, Any]:
    return {
        "checkpoint": str(asked.checkpoint),
        "format": asked.format,
        "out": str(asked.out),
        "architecture": "MistralForCausalLM" if model.config.router is None else "MixtralForCausalLM",
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "largest_difference": None if agreement is None else agreement.difference,
        "largest_logit": None if agreement is None else agreement.largest,
        "agrees": None if agreement is None else agreement.holds,
    }


def _view(payload: dict[str, Any]) -> str:
    tokenizer = ", tokenizer" if payload["tokenizer"] else ""
    lines = [f"{payload['out']}: {payload['architecture']}, {payload['parameters']:,} parameters{tokenizer}"]
    if payload["agrees"] is not None:
        lines.append(
            f"transformers {'agrees' if payload['agrees'] else 'does NOT agree'}: logits differ by at most "
            f"{payload['largest_difference']:.1e}, the largest is {payload['largest_logit']:.3g}"
        )
    return "\n".join(lines)
