"""Models with cross-token routing survive the disk, and are not taken for models that the bounds cover."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from parrots import checkpoint
from parrots.constructions.cross_token import cross_token_capacity
from parrots.initialise import initial_parameters
from parrots.mixing.checkpoint import load_model, save_model
from parrots.model import OneLayerModel
from theory.errors import InputError


def test_a_model_comes_back_with_the_same_answers(tmp_path: Path) -> None:
    model = cross_token_capacity(5, causal=1, capacity=2).build()
    save_model(model, tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors")
    edges = torch.tensor([[[0, 1], [2, 4], [1, 4]], [[0, 1], [2, 4], [3, 4]]])
    assert again.config == model.config
    assert torch.equal(again(edges), model(edges))


def test_it_is_refused_where_the_bounds_are_applied(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_model(cross_token_capacity(5).build(), path)
    with pytest.raises(InputError, match="routes across tokens") as refused:
        checkpoint.load_model(path)
    assert "own-coverage" in str(refused.value) and "\n" not in str(refused.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(InputError, match="no checkpoint"):
        load_model(path)
    config = cross_token_capacity(5).config.edge_reader
    checkpoint.save_model(OneLayerModel(config, initial_parameters(config, 0)), path)
    with pytest.raises(InputError, match="no model with cross-token routing"):
        load_model(path)
    model = cross_token_capacity(5).build()
    with torch.no_grad():
        model.weights()["query"][0] = float("nan")
    save_model(model, path)
    with pytest.raises(InputError, match="not finite"):
        load_model(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="not a whole safetensors file"):
        load_model(path)
