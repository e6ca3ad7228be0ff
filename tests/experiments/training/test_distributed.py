"""One model over two processes (gloo, on the CPU) against one process; its sharded checkpoint in one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch
from rich.console import Console
from tiny_plan import FLAGS, tiny_plan

from experiments.cli import main
from experiments.training import checkpoint
from experiments.training.folder import RunFolder
from experiments.training.run import train
from experiments.training.trainer import Trainer
from experiments.training.world import World
from parrots.decoder.checkpoint import load_decoder

NUMBERS = ("loss", "cross_entropy", "balance", "gradient_norm", "update_ratio", "largest_logit")


def rows(folder: RunFolder) -> list[dict]:
    return [json.loads(line) for line in folder.metrics_file.read_text().splitlines()]


def test_two_processes_train_as_one_and_one_reads_what_they_wrote(tmp_path):
    sharded, alone = RunFolder(tmp_path / "sharded"), RunFolder(tmp_path / "alone")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = ["-m", "experiments.cli", "train", *FLAGS, "--steps", "6", "--out", str(sharded.path), "--json"]
    done = subprocess.run(
        [*launch, *words], env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["step"] == 6  # one object, of the first process

    train(tiny_plan(steps=6, accumulate=2), alone, World(), Console(quiet=True))
    for ours, theirs in zip(rows(sharded), rows(alone), strict=True):
        assert [ours[name] for name in NUMBERS] == pytest.approx([theirs[name] for name in NUMBERS], rel=1e-4)
        for layer, same in zip(ours["routers"], theirs["routers"], strict=True):
            assert layer == pytest.approx(same, rel=1e-4)

    trainer = Trainer(tiny_plan(steps=6), World())
    newest = sharded.newest()
    assert len(list(newest.glob("*.safetensors"))) == 2
    position = checkpoint.read(newest, trainer.model, trainer.optimiser, World())
    assert position.step == 6
    tokens = trainer.batches.of(0).tokens[:, :-1]
    trainer.model.eval()
    with torch.no_grad():
        assert torch.equal(trainer.model(tokens).logits, load_decoder(sharded.last)(tokens).logits)
        theirs = load_decoder(alone.last)(tokens).logits
        torch.testing.assert_close(trainer.model(tokens).logits, theirs, atol=1e-4, rtol=1e-4)
    assert main(["evaluate", str(sharded.path), "--examples", "8"]) == 0
