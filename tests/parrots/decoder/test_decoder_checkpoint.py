"""Decoders on disk: bit for bit, or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from parrots.checkpoint import VERSION
from parrots.decoder import Decoder, DecoderConfig
from parrots.decoder.checkpoint import FORMAT, _digest, load_decoder, save_decoder, to_bytes
from parrots.decoder.routers import ROUTERS
from parrots.decoder.routers.token_choice import TokenChoice
from theory.errors import InputError


def decoder(**changes: object) -> Decoder:
    shape = {"vocabulary": 30, "width": 8, "layers": 2, "heads": 2, "positions": 9, "kv_heads": 1} | changes
    return Decoder(DecoderConfig(**shape), torch.Generator().manual_seed(0))


ROUTED = [ROUTERS[name](experts=4) for name in ROUTERS]
CONFIGS = [{}, {"tied": True}, {"router": TokenChoice(4, 2), "shared": 6}, *({"router": router} for router in ROUTED)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("changes", CONFIGS, ids=str)
def test_a_model_comes_back_bit_for_bit(tmp_path, changes, dtype):
    model = decoder(**changes).to(dtype)
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.copy_(torch.randn_like(buffer))
    path = tmp_path / "a" / "model.safetensors"
    save_decoder(model, path)
    again = load_decoder(path)
    assert again.config == model.config
    state, restored = model.state_dict(), again.state_dict()
    assert state.keys() == restored.keys()
    assert all(torch.equal(value, restored[name]) and value.dtype == restored[name].dtype
               for name, value in state.items())  # fmt: skip
    assert all(parameter.requires_grad for parameter in again.parameters())
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    tokens = torch.randint(0, 30, (2, 7))
    assert torch.equal(again.eval()(tokens).logits, model.eval()(tokens).logits)


MODEL = decoder(router=TokenChoice(4, 2))
GOOD = to_bytes(MODEL)
ARRAYS = load(GOOD)
CONFIG = MODEL.config.to_json()
DIGEST = _digest(CONFIG, ARRAYS)


def written(
    decoder: object = CONFIG, arrays: dict[str, torch.Tensor] = ARRAYS, digest: str = DIGEST, **changes: str
) -> bytes:
    header = {"format": FORMAT, "version": str(VERSION), "config": json.dumps({"decoder": decoder, "digest": digest})}
    return save(arrays, header | changes)


def signed(decoder: dict[str, object], arrays: dict[str, torch.Tensor] = ARRAYS) -> bytes:
    """With the digest of what is wrong."""
    return written(decoder, arrays, _digest(decoder, arrays))


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


BAD = {
    "truncated": (GOOD[:-1], "not a whole safetensors file"),
    "empty": (b"", "not a whole safetensors file"),
    "one bit of a weight": (flipped(GOOD, len(GOOD) - 3), "was edited or damaged"),
    "one bit of the first weight": (flipped(GOOD, 8 + int.from_bytes(GOOD[:8], "little")), "was edited or damaged"),
    "another number of heads": (written({**CONFIG, "heads": 1}), "was edited or damaged"),
    "another router": (written({**CONFIG, "router": {"name": "x"}}), "was edited or damaged"),
    "a weight renamed": (
        written(arrays={name.replace("head.", "tail."): value for name, value in ARRAYS.items()}),
        "was edited or damaged",
    ),
    "a weight's shape": (written(arrays=ARRAYS | {"norm.weight": torch.ones(8, 1)}), "was edited or damaged"),
    "another format": (written(format="mixture-of-parrots one-layer"), "no decoder of this package"),
    "newer": (written(version="2"), "use the newer program"),
    "no digest": (written(config=json.dumps({"decoder": CONFIG})), "no readable configuration"),
    "a field too many": (signed({**CONFIG, "depth": 2}), "unknown fields"),
    "a field missing": (signed({name: CONFIG[name] for name in CONFIG if name != "width"}), "no readable config"),
    "arrays of another configuration": (signed({**CONFIG, "layers": 1}), "do not fit its configuration"),
    "a weight that is no number": (
        signed(CONFIG, ARRAYS | {"norm.weight": torch.full((8,), float("nan"))}),
        "not finite",
    ),
    "half precision": (signed(CONFIG, {name: value.half() for name, value in ARRAYS.items()}), "all float32 or all"),
    "a list": (written(config="[]"), "no readable configuration"),
}


def test_the_untouched_file_is_read(tmp_path):
    (tmp_path / "m").write_bytes(written())
    load_decoder(tmp_path / "m")


@pytest.mark.parametrize("name", BAD)
def test_a_damaged_file_is_refused_in_one_line(tmp_path, name):
    content, said = BAD[name]
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(InputError, match=said) as raised:
        load_decoder(tmp_path / "m")
    assert len(str(raised.value).splitlines()) == 1


def test_no_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="no checkpoint"):
        load_decoder(tmp_path / "none")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path, value: float) -> None:
    model = decoder()
    model.norm.weight.data[0] = value
    with pytest.raises(InputError, match="not finite"):
        save_decoder(model, tmp_path / "m")
    with pytest.raises(InputError, match="all float32 or all float64"):
        save_decoder(decoder().bfloat16(), tmp_path / "m")
    assert not (tmp_path / "m").exists()
