"""Models on disk: bit for bit, or refused in one line and left as they are."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from one_layer_cases import FLOAT_KINDS, ROUNDED_KINDS, name_of, random_model
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from parrots.checkpoint import FORMAT, VERSION, load_model, save_model, to_bytes
from parrots.model import OneLayerModel
from theory.errors import InputError

CONFIG = FLOAT_KINDS[6]
MODEL = random_model(CONFIG)


@pytest.mark.parametrize("config", [*FLOAT_KINDS[::7], *ROUNDED_KINDS], ids=name_of)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_model_comes_back_bit_for_bit(tmp_path: Path, config: object, dtype: torch.dtype) -> None:
    model = random_model(config).to(dtype)  # type: ignore[arg-type]
    model.query.data[0] = -0.0
    save_model(model, tmp_path / "new" / "folder" / "m.safetensors")
    again = load_model(tmp_path / "new" / "folder" / "m.safetensors")
    assert isinstance(again, OneLayerModel) and again.config == model.config
    for (name, one), other in zip(model.named_parameters(), again.parameters(), strict=True):
        assert one.detach().numpy().tobytes() == other.detach().numpy().tobytes(), name
        assert other.requires_grad and other.dtype == dtype


def test_the_header_says_what_it_is(tmp_path: Path) -> None:
    save_model(MODEL, tmp_path / "m.safetensors")
    with safe_open(tmp_path / "m.safetensors", framework="pt") as file:
        header = file.metadata()
    assert (header["format"], header["version"]) == (FORMAT, str(VERSION))
    assert json.loads(header["config"]) == CONFIG.to_json()


def test_only_the_model_s_file_is_left(tmp_path: Path) -> None:
    save_model(MODEL, tmp_path / "m.safetensors")
    save_model(MODEL, tmp_path / "m.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.safetensors"
    save_model(MODEL, path)
    before = path.read_bytes()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("pathlib.Path.replace", "os.fsync"):
        with monkeypatch.context() as patched:
            patched.setattr(step, killed)
            with pytest.raises(KeyboardInterrupt):
                save_model(random_model(CONFIG, seed=1), path)
        assert path.read_bytes() == before
        assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


WEIGHTS = {name: value.detach() for name, value in MODEL.named_parameters()}
HEADER = {"format": FORMAT, "version": str(VERSION), "config": json.dumps(CONFIG.to_json())}


def without(mapping: dict[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in mapping.items() if key != name}


def with_config(**fields: object) -> bytes:
    return save(WEIGHTS, HEADER | {"config": json.dumps({**CONFIG.to_json(), **fields})})


def poisoned(value: float) -> dict[str, Tensor]:
    inner = WEIGHTS["inner"].clone()
    inner[0, 0, 0] = value
    return WEIGHTS | {"inner": inner}


class _Runs:
    """A pickle that would create a file when loaded."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (Path("was-run"),)


GOOD = to_bytes(MODEL)
BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not a whole safetensors file"),
    "truncated": (GOOD[:-1], "not a whole safetensors file"),
    "half": (GOOD[: len(GOOD) // 2], "not a whole safetensors file"),
    "longer": (GOOD + b"x", "not a whole safetensors file"),
    "garbage": (bytes(range(256)) * 40, "not a whole safetensors file"),
    "header too long": (b"\xff" * 8 + GOOD[8:], "not a whole safetensors file"),
    "pickle": (pickle.dumps(_Runs()), "not a whole safetensors file"),
    "text": (b"id,accuracy\n1,0.5\n", "not a whole safetensors file"),
    "foreign": (save(WEIGHTS, {"format": "pt"}), "no one-layer model of this package"),
    "no header": (save(WEIGHTS), "no one-layer model of this package"),
    "newer": (save(WEIGHTS, HEADER | {"version": "2"}), "version '2', this program reads 1: use the newer program"),
    "version of lines": (save(WEIGHTS, HEADER | {"version": "2\n" * 1000}), "version '2"),
    "no version": (save(WEIGHTS, without(HEADER, "version")), "version ''"),
    "no config": (save(WEIGHTS, without(HEADER, "config")), "no readable configuration"),
    "no JSON": (save(WEIGHTS, HEADER | {"config": "{"}), "no readable configuration"),
    "deep JSON": (save(WEIGHTS, HEADER | {"config": "[" * 100_000}), "no readable configuration"),
    "a list": (save(WEIGHTS, HEADER | {"config": "[1, 2]"}), "no readable configuration"),
    "null": (save(WEIGHTS, HEADER | {"config": "null"}), "no readable configuration"),
    "a field missing": (
        save(WEIGHTS, HEADER | {"config": json.dumps(without(CONFIG.to_json(), "width"))}),
        "'width'",
    ),
    "a field too many": (with_config(depth=2), "'depth'"),
    "a name of lines": (with_config(**{"a\nb": 2}), "no readable configuration"),
    "a bad field": (with_config(width=0), "width 0 is not allowed"),
    "a huge field": (with_config(hidden=10**30), "inner"),
    "other shape": (with_config(hidden=7), "inner, inner_bias, outer"),
    "an array missing": (save(without(WEIGHTS, "null"), HEADER), "null"),
    "an array too many": (save(WEIGHTS | {"bias": torch.zeros(1)}, HEADER), "bias"),
    "not a number": (save(poisoned(float("nan")), HEADER), "not finite numbers"),
    "infinite": (save(poisoned(float("-inf")), HEADER), "not finite numbers"),
    "integers": (save({name: value.int() for name, value in WEIGHTS.items()}, HEADER), "torch.int32"),
    "half precision": (save({name: value.half() for name, value in WEIGHTS.items()}, HEADER), "torch.float16"),
    "two precisions": (save(WEIGHTS | {"null": WEIGHTS["null"].double()}, HEADER), "torch.float32, torch.float64"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_and_left_as_it_is(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, says = BAD[case]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        load_model(path)
    message = str(refused.value)
    assert says.replace("inner, inner_bias, outer", "'inner', 'inner_bias', 'outer'") in message
    assert "bad.safetensors" in message and "\n" not in message and len(message) < 800
    assert path.read_bytes() == content
    assert [one.name for one in tmp_path.iterdir()] == ["bad.safetensors"]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none", Path("x" * 5000), Path("a\0b"), Path("two\nlines")):
        with pytest.raises(InputError, match="no checkpoint") as refused:
            load_model(path)
        assert "\n" not in str(refused.value)


def test_the_good_file_of_these_tests_is_good(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(save(WEIGHTS, HEADER))
    assert load_model(tmp_path / "m.safetensors").config == replace(CONFIG)
