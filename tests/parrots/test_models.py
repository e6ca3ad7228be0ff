"""What the command line calls MODEL: a checkpoint or a construction, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from one_layer_cases import FLOAT_KINDS, random_model

from parrots.checkpoint import save_model
from parrots.constructions import build
from parrots.model import OneLayerModel
from parrots.models import PREFIX, resolve
from theory.errors import InputError


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("construction:dense?vertices=5", "dense", {"vertices": 5}),
        ("construction:packed?vertices=10&digits=2", "packed", {"vertices": 10, "digits": 2}),
        ("construction:packed?digits=003&vertices=10", "packed", {"vertices": 10, "digits": 3}),
        ("construction:packed?vertices=52&width=18", "packed", {"vertices": 52, "digits": 3}),
        ("construction:packed?vertices=52&width=51", "packed", {"vertices": 52, "digits": 1}),
        ("construction:packed?vertices=52&width=18&direct=1", "packed", {"vertices": 52, "digits": 3, "direct": 1}),
        ("construction:dense?vertices=5&direct=1", "dense", {"vertices": 5, "direct": 1}),
    ],
)
def test_a_construction_by_its_name_and_size(text: str, name: str, options: dict[str, int]) -> None:
    found, expected = resolve(text), build(name, **options).model
    assert found.config == expected.config
    assert all(torch.equal(a, b) for a, b in zip(found.parameters(), expected.parameters(), strict=True))


def test_a_checkpoint_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_model(random_model(FLOAT_KINDS[0]), Path("ünï m.safetensors"))
    for text in ("ünï m.safetensors", str(tmp_path / "ünï m.safetensors")):
        assert resolve(text).config == FLOAT_KINDS[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no checkpoint"),
        (".", "no checkpoint"),
        ("nowhere.safetensors", "no checkpoint 'nowhere.safetensors'"),
        ("two\nlines", "no checkpoint 'two\\nlines'"),
        ("\0", "no checkpoint"),
        ("x" * 100_000, "no checkpoint"),
        ("Construction:dense?vertices=5", "no checkpoint"),
        ("construction:", "names no size"),
        ("construction:dense", "names no size"),
        ("construction:dense?", "names no size"),
        ("construction:packed?digits=2", "names no size"),
        ("construction:dnese?vertices=5", "did you mean dense?"),
        ("construction:?vertices=5", "unknown construction ''"),
        ("construction:\n?vertices=5", "unknown construction"),
        ("construction:dense?vertices", "name=value"),
        ("construction:dense?vertices=5&&", "name=value"),
        ("construction:dense?5", "name=value"),
        ("construction:dense?vertices=", "vertices='' is not a whole number"),
        ("construction:dense?vertices=-5", "vertices='-5'"),
        ("construction:dense?vertices=5.0", "vertices='5.0'"),
        ("construction:dense?vertices=five", "vertices='five'"),
        ("construction:dense?vertices=٥", "vertices='٥'"),
        ("construction:dense?vertices=²", "vertices='²'"),
        ("construction:dense?vertices= 5", "vertices=' 5'"),
        ("construction:dense?vertices=5#x", "vertices='5#x'"),
        ("construction:dense?vertices=5?digits=1", "vertices='5?digits=1'"),
        ("construction:dense?vertices=1" + "0" * 50, "at most 9"),
        ("construction:dense?vertices=2", "2 vertices"),
        ("construction:dense?vertices=0", "0 vertices"),
        ("construction:dense?vertices=999999999", "GiB"),
        ("construction:packed?vertices=999999999", "give a smaller graph"),
        ("construction:dense?vertices=5&vertices=6", "vertices is given twice"),
        ("construction:dense?vertices=5&digits=2", "leave digits out"),
        ("construction:dense?vertices=5&name=3", "leave name out"),
        ("construction:dense?vertices=5&self=3", "leave self out"),
        ("construction:packed?vertices=5&digits=0", "give 1 to 3"),
        ("construction:packed?vertices=52&width=12", "give 11 (digits 5) or 14 (digits 4)"),
        ("construction:packed?vertices=52&width=3", "no number of digits gives it"),
        ("construction:packed?vertices=52&width=18&digits=3", "both given"),
        ("construction:packed?vertices=2&width=3", "2 vertices"),
        ("construction:dense?vertices=5&width=5", "leave width out"),
        ("construction:two-layer?vertices=5", "(two or more layers) is not covered by the width bounds, because edges"),
        ("construction:three-layer?vertices=5", "two or more layers"),
        ("construction:soft-moe?vertices=5", "not covered by the width bounds, because every slot"),
        ("construction:cross-token-soft?vertices=5", "because once edges have attended to edges"),
        ("construction:cross-token-capacity?vertices=5", "whether the query is dropped"),
        ("construction:cross-token-expert-choice?vertices=5", "whether the expert takes the query"),
        ("construction:packed?vertices=5&a%0Ab=1", "'a\\nb' is no option"),
        ("construction:packed?vertices=5&=1", "'' is no option"),
    ],
)
def test_anything_else_is_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(InputError) as refused:
        resolve(text)
    message = str(refused.value)
    assert says in message and "\n" not in message


WORDS = st.lists(
    st.sampled_from([PREFIX, "dense", "packed", "?", "&", "=", "vertices", "digits", "name", "3", "5", "12", "-1", "%"])
    | st.text(max_size=3),
    max_size=9,
).map("".join)


@given(WORDS | WORDS.map(lambda words: f"{PREFIX}packed?vertices=7&{words}") | st.text())
def test_no_text_gives_anything_but_a_model_or_a_refusal(text: str) -> None:
    try:
        model = resolve(text)
    except InputError as refused:
        assert len(str(refused).splitlines()) == 1
    else:
        assert isinstance(model, OneLayerModel) and model.config.vertices <= 999


@given(st.integers(3, 12), st.integers(1, 4))
def test_sizes_arrive(vertices: int, digits: int) -> None:
    text = f"construction:packed?vertices={vertices}&digits={digits}"
    if digits > vertices - 2:
        with pytest.raises(InputError, match=f"digits {digits}"):
            resolve(text)
        return
    config = resolve(text).config
    assert (config.vertices, config.width) == (vertices, -(-(vertices - 2) // digits) + 1)
