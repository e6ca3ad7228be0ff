"""``parrots export`` and ``parrots import``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from experiments.cli import main
from experiments.training import checkpoint
from experiments.training.folder import RunFolder
from experiments.training.plan import Plan
from experiments.training.recipe import Recipe
from experiments.training.world import World
from parrots.decoder import Decoder, DecoderConfig
from parrots.decoder.checkpoint import load_decoder, save_decoder
from parrots.decoder.routers.token_choice import TokenChoice
from parrots.interop.hugging_face_check import Agreement

MIXTURE = DecoderConfig(
    vocabulary=50, width=16, layers=2, heads=2, positions=40, kv_heads=1, router=TokenChoice(4, 2), tied=True
)


def saved(path: Path, config: DecoderConfig = MIXTURE, seed: int = 0) -> Decoder:
    model = Decoder(config, torch.Generator().manual_seed(seed))
    save_decoder(model, path)
    return model


def ran(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, object]]:
    code = main([*map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


def same(one: Decoder, other: Decoder) -> bool:
    return all(torch.equal(x, y) for x, y in zip(one.parameters(), other.parameters(), strict=True))


def test_out_and_back(tmp_path, capsys):
    model = saved(tmp_path / "m.safetensors")
    code, told = ran(capsys, "export", tmp_path / "m.safetensors", "--out", tmp_path / "hf")
    assert (code, told["architecture"], told["agrees"]) == (0, "MixtralForCausalLM", None)
    assert told["tokenizer"] is False and not (tmp_path / "hf" / "tokenizer.json").exists()
    assert told["parameters"] == sum(weight.numel() for weight in model.parameters())
    code, told = ran(capsys, "import", tmp_path / "hf", "--out", tmp_path / "again.safetensors")
    again = load_decoder(tmp_path / "again.safetensors")
    assert code == 0 and told["config"] == again.config.to_json()
    assert same(model, again)


def test_the_check_compares_with_transformers(tmp_path, capsys, monkeypatch):
    pytest.importorskip("transformers")
    saved(tmp_path / "m.safetensors")
    code, told = ran(capsys, "export", tmp_path / "m.safetensors", "--out", tmp_path / "hf", "--check")
    assert code == 0 and told["agrees"] and 0 < told["largest_difference"] < 1e-5
    monkeypatch.setattr("parrots.interop.hugging_face_check.agreement", lambda *_: Agreement(0.1, 3.0))
    assert main(["export", str(tmp_path / "m.safetensors"), "--out", str(tmp_path / "other"), "--check"]) == 1
    assert "does NOT agree" in capsys.readouterr().out


def test_without_transformers_the_check_says_what_to_install(tmp_path, capsys, monkeypatch):
    saved(tmp_path / "m.safetensors")
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert main(["export", str(tmp_path / "m.safetensors"), "--out", str(tmp_path / "hf"), "--check"]) == 2
    assert "pip install 'mixture-of-parrots[hf]'" in capsys.readouterr().err
    assert not (tmp_path / "hf").exists()


def a_run(folder: Path) -> RunFolder:
    from experiments.tasks import TASKS

    task = TASKS["phone-book"]()
    config = DecoderConfig(
        vocabulary=len(task.vocabulary), width=8, layers=1, heads=2, positions=task.length, router=TokenChoice(2, 2)
    )
    run = RunFolder(folder)
    with run.locked():
        run.settle(Plan(task, config, Recipe()))
    return run


def test_a_run_gives_its_best_model_or_its_newest_checkpoint(tmp_path, capsys):
    run = a_run(tmp_path / "run")
    config = run.plan().config
    assert main(["export", str(run.path), "--out", str(tmp_path / "none")]) == 2
    assert "has no checkpoint yet" in capsys.readouterr().err
    newest = Decoder(config, torch.Generator().manual_seed(1))
    optimiser = torch.optim.AdamW(newest.parameters())
    sum(weight.sum() for weight in newest.parameters()).backward()
    optimiser.step()
    checkpoint.write(run.checkpoints, newest, optimiser, checkpoint.Position(5), World())
    for seed, file in ((1, None), (2, run.last), (3, run.best)):
        model = saved(file, config, seed) if file else newest
        out = tmp_path / f"hf{seed}"
        assert ran(capsys, "export", run.path, "--out", out)[1]["tokenizer"] is True
        ran(capsys, "import", out, "--out", tmp_path / "back.safetensors")
        assert same(model, load_decoder(tmp_path / "back.safetensors"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["export", "none.safetensors", "--out", "hf"], "no checkpoint 'none.safetensors'"),
        (["export", ".", "--out", "hf"], "holds no run"),
        (["export", "top1.safetensors", "--out", "hf"], "cannot be exported, because Mixtral"),
        (["export", "m.safetensors", "--out", "."], "is there already"),
        (["export", "m.safetensors", "--out", "m.safetensors/hf"], "m.safetensors"),
        (["export", "m.safetensors", "--out", "hf", "--format", "gguf"], "--format takes"),
        (["export", "m.safetensors"], "--out"),
        (["import", ".", "--out", "x"], "no readable config.json"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    saved(Path("m.safetensors"))
    saved(Path("top1.safetensors"), DecoderConfig(50, 16, 2, 2, 40, router=TokenChoice(4, 1)))
    before = sorted(tmp_path.iterdir())
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert sorted(tmp_path.iterdir()) == before
