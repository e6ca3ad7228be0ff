"""``parrots import FOLDER``: a decoder from another program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from experiments.cli.outcome import Outcome


@dataclass(frozen=True)
class Import:
    """Read a Hugging Face checkpoint of Mistral, Mixtral or Llama as a decoder; the opposite of `parrots export`.
    What decoders here do not have (sliding windows, scaled rotary positions, biases, …) is refused."""

    folder: Annotated[Path, tyro.conf.Positional]
    """With config.json and safetensors, in one file or in shards."""
    out: Path
    """The .safetensors file to write."""

    def run(self, console: Console) -> Outcome:
        """Raises:
        InputError: a folder that is no whole checkpoint of those classes, or a setting that is not supported.
        """
        from parrots.decoder.checkpoint import save_decoder
        from parrots.interop.hugging_face import load_hugging_face

        with console.status("reading"):
            model = load_hugging_face(self.folder)
        with console.status("writing"):
            save_decoder(model, self.out)
        parameters = sum(weight.numel() for weight in model.parameters())
        payload = {
            "folder": str(self.folder),
            "out": str(self.out),
            "parameters": parameters,
            "config": model.config.to_json(),
        }
        kind = "dense" if model.config.router is None else f"{model.config.router.experts} experts a layer"
        return Outcome(payload, f"{self.out}: {model.config.layers} layers, {kind}, {parameters:,} parameters")
