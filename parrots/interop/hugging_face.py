"""Decoders as folders that ``transformers.AutoModelForCausalLM.from_pretrained`` loads, and back.

Nothing here needs transformers: a folder is ``config.json`` and safetensors files, and reading one runs no code of it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from parrots.decoder.config import DecoderConfig
from parrots.decoder.model import Decoder
from parrots.interop.config_fields import CONFIG, read_object
from parrots.interop.hugging_face_arrays import Place, places
from parrots.interop.hugging_face_config import from_hugging_face, to_hugging_face
from parrots.interop.hugging_face_tokenizer import tokenizer_files
from theory.errors import InputError

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
_TYPES = {torch.float32: "float32", torch.float64: "float64", torch.bfloat16: "bfloat16", torch.float16: "float16"}
_READ = {"F32", "F64", "BF16", "F16"}


def export_hugging_face(model: Decoder, folder: Path, vocabulary: Sequence[str] | None = None) -> None:
    """Write ``model`` as a checkpoint of Mistral (dense) or Mixtral (token choice), in the weights' own type.

    ``folder`` is new, or empty; it appears whole, by renaming.  With the ``vocabulary`` of its task, the text of every
    token by id, a tokeniser of words is in it too.

    Raises:
        InputError: for a decoder that those classes cannot express (the line says which feature), a folder that holds
            something, weights that are not finite, and a vocabulary that is none or larger than the model's.
        OSError: where nothing can be written.
    """
    if vocabulary is not None and len(vocabulary) > model.config.vocabulary:
        raise InputError(
            f"{len(vocabulary)} tokens, the model knows {model.config.vocabulary}: give the vocabulary of its task."
        )
    more = {} if vocabulary is None else tokenizer_files(vocabulary, model.config.positions)
    dtype = model.embedding.weight.dtype
    plain = to_hugging_face(model.config, _TYPES[dtype])
    state = {name: value.detach().cpu() for name, value in model.named_parameters()}
    if not all(bool(value.isfinite().all()) for value in state.values()):
        raise InputError("the model holds weights that are not finite numbers: export one that was trained well.")
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{str(folder)[:200]!r} is there already: give the name of a new folder.")
    arrays = {
        name: part.contiguous().clone()
        for place in places(model.config)
        for name, part in zip(place.theirs, place.split(state[place.ours]), strict=True)
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as temporary:
        new = Path(temporary) / "folder"
        new.mkdir()
        save_file(arrays, new / WEIGHTS, {"format": "pt"})
        (new / CONFIG).write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
        for name, content in more.items():
            (new / name).write_bytes(content)
        new.replace(folder)


def load_hugging_face(folder: Path) -> Decoder:
    """The decoder in a checkpoint of Mistral, Mixtral or Llama, in one file or in shards.

    Weights in bfloat16 or float16 become float32, which holds them exactly; float64 stays.

    Raises:
        InputError: for a folder that is no whole checkpoint of those classes, and for a setting that decoders here do
            not have (the line says which).
    """
    shown = repr(str(folder)[:200])
    try:
        config = from_hugging_face(read_object(folder / CONFIG))
        with _Arrays(folder) as arrays:
            return _filled(config, arrays)
    except InputError as error:
        raise InputError(f"{shown}: {error}") from error
    except (SafetensorError, OSError) as error:
        raise InputError(f"{shown} is no whole checkpoint ({str(error)[:200]!r}): fetch it again.") from error


def _filled(config: DecoderConfig, arrays: _Arrays) -> Decoder:
    fused = "model.layers.0.mlp.experts.gate_up_proj" in arrays.files
    # Bounds the work that a false number of layers or experts makes.
    if max(config.layers, 0 if config.router is None or fused else config.router.experts) > len(arrays.files):
        raise InputError("the arrays are fewer than its configuration says: fetch it again.")
    wanted = places(config, fused=fused)
    arrays.check_names({name for place in wanted for name in place.theirs}, config.tied)
    try:
        with torch.device("meta"):
            shapes = dict(Decoder(config).named_parameters())
    except (RuntimeError, OverflowError, TypeError) as error:
        raise InputError("its configuration has sizes that no array can have: fetch it again.") from error
    for place in wanted:
        arrays.check_shapes(place, shapes[place.ours])
    model = Decoder(config)
    if "F64" in {arrays.type(name) for place in wanted for name in place.theirs}:
        model = model.double()
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for place in wanted:
            joined = place.join([arrays.read(name) for name in place.theirs])
            if not joined.isfinite().all():
                raise InputError(f"{place.theirs[0]} holds what are not finite numbers: fetch it again.")
            parameters[place.ours].copy_(joined)
    return model


class _Arrays:
    """The arrays of all files of a folder, read one at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._stack = folder, ExitStack()
        self.files: dict[str, Any] = {}
        """Name of an array -> open file."""

    def __enter__(self) -> _Arrays:
        with ExitStack() as stack:
            for path in self._paths():
                file = stack.enter_context(safe_open(path, framework="pt"))
                self.files |= dict.fromkeys(file.keys(), file)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _paths(self) -> Iterator[Path]:
        if (self.folder / WEIGHTS).is_file():
            yield self.folder / WEIGHTS
            return
        if not (self.folder / INDEX).is_file():
            raise InputError(
                f"neither {WEIGHTS} nor {INDEX}: give a folder with safetensors; pickled weights are not read."
            )
        shards = read_object(self.folder / INDEX).get("weight_map")
        if not isinstance(shards, Mapping) or not all(isinstance(name, str) for name in shards.values()):
            raise InputError(f"{INDEX} has no weight_map: fetch it again.")
        for name in sorted(set(shards.values())):
            if Path(name).name != name:
                raise InputError(f"{INDEX} names {name[:100]!r}, which is not in the folder: fetch it again.")
            yield self.folder / name

    def type(self, name: str) -> str:
        return str(self.files[name].get_slice(name).get_dtype())

    def read(self, name: str) -> Tensor:
        tensor: Tensor = self.files[name].get_tensor(name)
        return tensor if tensor.dtype == torch.float64 else tensor.float()

    def check_names(self, wanted: set[str], tied: bool) -> None:
        missing = sorted(wanted - self.files.keys())
        if missing:
            raise InputError(f"{len(missing)} arrays are missing, {missing[0]} among them: fetch it again.")
        spare = {name for name in self.files.keys() - wanted if not name.endswith("rotary_emb.inv_freq")}
        if tied and "lm_head.weight" in spare:
            if not torch.equal(self.read("lm_head.weight"), self.read("model.embed_tokens.weight")):
                raise InputError("lm_head.weight is not the embedding, though tie_word_embeddings says so.")
            spare.remove("lm_head.weight")
        if spare:
            raise InputError(f"{min(spare)[:100]} is an array that decoders here do not have: give a plain model.")

    def check_shapes(self, place: Place, ours: Tensor) -> None:
        for name, part in zip(place.theirs, place.split(ours), strict=True):
            shape = tuple(self.files[name].get_slice(name).get_shape())
            if shape != tuple(part.shape):
                raise InputError(f"{name} is {shape}, its configuration says {tuple(part.shape)}: fetch it again.")
            if self.type(name) not in _READ:
                raise InputError(
                    f"{name} is of type {self.type(name)}: allowed are {', '.join(sorted(_READ))}, nothing quantised."
                )
