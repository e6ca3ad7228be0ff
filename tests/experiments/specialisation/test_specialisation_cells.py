"""The study `specialisation`: stored models re-measured by plain loops, a run killed and gone on with, bad settings."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from image_files import write_mnist

from experiments.cli import main
from experiments.engine import DIVERGED, TUNING_SEED
from experiments.images import load, patches
from experiments.store import Row, model_path, read_rows
from experiments.studies import with_settings
from experiments.studies.specialisation import STUDY, cells
from experiments.studies.specialisation.measure import wrong_labels
from experiments.studies.specialisation.preset import PRESETS
from experiments.studies.specialisation.setup import Setup
from experiments.studies.specialisation.training import Member, Tokens, train
from parrots.soft_moe.checkpoint import load_model
from theory.accounting import soft_moe_parameters
from theory.errors import InputError

TINY = ["seeds=2", "tuning_seeds=1", "experts=2,8", "total_hidden=32", "epochs=2", "learning_rates=1e-2,1e-4",
        "draws=2", "exhaustive=4", "greedy=8"]  # fmt: skip


def run(out: Path, *settings: str) -> int:
    return main(["run", "specialisation", "--out", str(out), "--workers", "1", "--json", "--set", *settings])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("specialisation") / "results"
    assert run(out, *TINY) == 0
    return out


@pytest.fixture(scope="module")
def rows(store: Path) -> tuple[Row, ...]:
    return read_rows(store)


def test_every_cell_is_there_and_the_better_rate_was_chosen(rows: tuple[Row, ...]) -> None:
    expected = {cell.key for job in STUDY.jobs(with_settings(PRESETS["quick"], TINY)) for cell in job.cells}
    assert {row.cell.key for row in rows} == expected
    assert {row.stopped for row in rows} == {cells.TRAINED}
    for row in rows:
        tuning = {float(rate): scores for rate, scores in row.metrics["tuning"].items()}
        assert set(tuning) == {1e-2, 1e-4}
        assert row.metrics["learning_rate"] == max(tuning, key=lambda rate: tuning[rate]["accuracy"][0]) == 1e-2
        assert row.metrics["right"] > 0.3 * row.metrics["tests"]


def test_a_stored_model_gives_the_counts_of_its_row(store: Path, rows: tuple[Row, ...]) -> None:
    """Selection written out once more, by numpy, from the file alone."""
    test = load("digits", Path()).test
    x = patches(test.pixels, 2).astype(np.float64)
    for row in rows:
        model = load_model(model_path(store, row.cell.key))
        p = {name: value.detach().numpy().astype(np.float64) for name, value in model.named_parameters()}
        n = model.config.experts
        assert row.metrics["parameters"] == soft_moe_parameters(model.config) == sum(v.size for v in p.values())

        def unit(v: np.ndarray, axis: int) -> np.ndarray:
            return v / np.sqrt((v**2).sum(axis, keepdims=True) + 1e-6)

        logits = p["scale"] * unit(x, -1) @ unit(p["slot_vectors"], 0)
        weights = np.exp(logits - logits.max())
        dispatch, combine = weights / weights.sum(1, keepdims=True), weights / weights.sum(2, keepdims=True)
        slots = np.einsum("bts,btd->bsd", dispatch, x)
        outputs = np.stack([np.maximum(slots[:, j] @ p["inner"][j], 0) @ p["outer"][j] for j in range(n)], 1)

        def right(kept: np.ndarray, combine=combine, outputs=outputs, p=p) -> int:
            """Images labelled right by the experts in ``kept`` ``[images, n]``."""
            tokens = np.einsum("bts,bsd->btd", combine * kept[:, None], outputs)
            answers = tokens.reshape(len(tokens), -1) @ p["readout"] + p["readout_bias"]
            return int((answers.argmax(1) == test.labels).sum())

        assert right(np.ones((len(x), n))) == row.metrics["right"]
        ranks = (-combine.sum(1)).argsort(1, kind="stable").argsort(1)
        assert [right(ranks < k) for k in row.metrics["sizes"]] == row.metrics["chosen"]
        shares = [np.sort(combine.sum(1), 1)[:, n - k :].sum(1).mean() / 4 for k in row.metrics["sizes"]]
        np.testing.assert_allclose(row.metrics["weight"], shares)
        if n == 2:  # one expert: the best is found by trying both
            single = [np.tile(np.arange(2) == j, (len(x), 1)) for j in range(2)]
            answers = [
                (np.einsum("bts,bsd->btd", combine * one[:, None], outputs).reshape(len(x), -1) @ p["readout"]
                 + p["readout_bias"]).argmax(1)
                for one in single
            ]  # fmt: skip
            some = (answers[0] == test.labels) | (answers[1] == test.labels)
            assert row.metrics["exhaustive_oracle"][0] == int(some.sum())
            assert row.metrics["exhaustive_labels"][0] == pytest.approx(1 + (answers[0] != answers[1]).mean())
            assert row.metrics["exhaustive_fixed"][0] in [right(one) for one in single]


def test_what_must_hold_between_the_methods(rows: tuple[Row, ...]) -> None:
    for row in rows:
        metrics, n = row.metrics, row.config["experts"]
        whole = metrics["right"]
        assert metrics["sizes"] == [2**e for e in range(n.bit_length())]
        for method in ("chosen", "typical", "greedy_fixed", "merged", "merged_slots", "greedy_oracle"):
            assert metrics[method][-1] == whole, method
        assert [draw[-1] for draw in metrics["random"]] == [whole] * 2
        assert metrics["random"][0] != metrics["random"][1]
        assert metrics["weight"] == sorted(metrics["weight"])
        assert ("exhaustive_oracle" in metrics) == (n <= 4)
        if n <= 4:
            assert set(metrics["unreached"]) == {0}
            for method in ("chosen", "typical", "greedy_oracle", "exhaustive_fixed"):
                assert all(
                    some >= one for some, one in zip(metrics["exhaustive_oracle"], metrics[method], strict=True)
                ), method
            assert metrics["exhaustive_labels"][-1] == 1


def test_a_run_goes_on_where_it_was_killed_and_gives_the_same(
    store: Path, rows: tuple[Row, ...], tmp_path: Path
) -> None:
    """Seed 1 of every n is left to do: it trains alone, and equals what it was beside seed 0."""
    from experiments.store import Store

    again = Store(tmp_path)
    again.append([row for row in rows if row.cell.seed == 0])
    again.close()
    assert run(tmp_path, *TINY) == 0
    other = {row.cell.key: row for row in read_rows(tmp_path)}
    assert set(other) == {row.cell.key for row in rows}
    for row in rows:
        assert other[row.cell.key].metrics == row.metrics
        if row.cell.seed == 1:
            one, two = (load_model(model_path(folder, row.cell.key)).weights() for folder in (store, tmp_path))
            assert all(one[name].equal(two[name]) for name in one)


def test_a_stack_trains_as_torch_trains_one_model() -> None:
    """Adam at a constant rate on the same batches; what torch's own optimiser makes of them."""
    from experiments.engine import stream
    from parrots.soft_moe import SoftMoe, SoftMoeConfig, initial_parameters

    images = load("digits", Path())
    data = Tokens.of(images.train, 2, torch.device("cpu"))
    data = Tokens(data.x[:100].double(), data.labels[:100])
    config = SoftMoeConfig(4, 16, 4, 3, outputs=10, bias=False)
    torch.set_default_dtype(torch.float64)
    try:
        found = train(config, data, [Member(3, 1e-2), Member(5, 3e-2)], epochs=2, batch=32)
        for member, parameters in zip([Member(3, 1e-2), Member(5, 3e-2)], found, strict=True):
            model = SoftMoe(config, initial_parameters(config, member.seed)).double()
            adam, rng = torch.optim.Adam(model.parameters(), lr=member.learning_rate), stream("train", member.seed)
            for _ in range(2):
                order = rng.permutation(100)
                for batch in (order[:32], order[32:64], order[64:96]):
                    adam.zero_grad()
                    torch.nn.functional.cross_entropy(model(data.x[batch]), data.labels[batch]).backward()
                    adam.step()
            for name, value in model.named_parameters():
                torch.testing.assert_close(parameters[name].double(), value.detach(), rtol=1e-4, atol=1e-5)
    finally:
        torch.set_default_dtype(torch.float32)


def test_wrong_labels_are_wrong_and_even() -> None:
    labels = torch.randint(0, 10, (900,), generator=torch.Generator().manual_seed(0))
    wrong = wrong_labels(labels, 10)
    assert bool((wrong != labels).all())
    assert bool(((wrong - labels) % 10).bincount(minlength=10).eq(torch.tensor([0, *[100] * 9])).all())


def test_a_model_that_diverges_is_a_row_and_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = cells.train

    def broken(config, data, members, epochs, batch):
        found = plain(config, data, members, epochs, batch)
        for member, parameters in zip(members, found, strict=True):
            if member.learning_rate == 1e-2 and member.seed in (0, TUNING_SEED):
                parameters["inner"] = parameters["inner"] * torch.nan
        return found

    monkeypatch.setattr(cells, "train", broken)
    preset = with_settings(PRESETS["quick"], TINY)
    (job, *_) = STUDY.jobs(preset)
    finished = list(job.function(job.cells))
    assert {one.metrics["learning_rate"] for one in finished} == {1e-4}
    assert finished[0].metrics["tuning"]["0.01"]["accuracy"] == [0]
    (job, *_) = STUDY.jobs(dataclasses.replace(preset, learning_rates=(1e-2,)))
    finished = list(job.function(job.cells))
    assert [one.stopped for one in finished] == [DIVERGED, cells.TRAINED]
    assert finished[0].checkpoint is None
    assert "right" not in finished[0].metrics


def test_files_that_are_not_there_are_one_line_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for preset in ("gpu", "paper"):
        out = tmp_path / preset
        assert (
            main(["run", "specialisation", "--preset", preset, "--out", str(out), "--set", f"folder={tmp_path}"]) == 2
        )
        err = capsys.readouterr().err
        assert "images=mnist: no file" in err
        assert err.count("\n") == 1
        assert not out.exists()


def test_mnist_files_train_where_they_are(tmp_path: Path) -> None:
    """The whole way from the files: a small set in the real format, blank but for a bright corner that is the label."""
    rng = np.random.default_rng(0)
    arrays = []
    for count in (240, 60):
        labels = np.arange(count) % 10
        pixels = rng.integers(0, 60, (count, 28, 28))
        pixels[np.arange(count), 0, labels] = 255
        arrays += [pixels, labels]
    write_mnist(tmp_path, arrays, packed=True)
    settings = ["images=mnist", f"folder={tmp_path}", "seeds=1", "experts=4", "learning_rates=1e-2", "epochs=20"]
    assert run(tmp_path / "out", *settings, "total_hidden=64", "draws=1", "exhaustive=2", "greedy=2") == 0
    (row,) = read_rows(tmp_path / "out")
    assert row.metrics["tests"] == 60
    assert row.metrics["right"] > 30
    assert row.metrics["tuning"] == {}


@pytest.mark.parametrize("name", PRESETS)
def test_dry_run_needs_no_files_and_counts_what_is_planned(name: str) -> None:
    preset = PRESETS[name]
    for job, line in zip(cells.jobs(preset), STUDY.dry_run(preset), strict=True):
        config = Setup.of(job.cells[0]).config
        assert line.parameters == soft_moe_parameters(config)
        assert line.cells == preset.seeds
        assert config.hidden * config.experts <= preset.total_hidden < (config.hidden + 1) * config.experts
        assert line.memory_bytes > 4 * line.parameters


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("seeds=0", "every number must be positive"),
        ("experts=2,2", "each once"),
        ("experts=3", "give powers of two"),
        ("experts=1,2", "give powers of two"),
        ("experts=1024", "1024 experts for 512 hidden units"),
        ("images=mnits", "did you mean mnist"),
        ("patches=3", "8 x 8 pixels"),
        ("batch=2000", "898 training images"),
        ("activation=tanh", "activation"),
    ],
)
def test_settings_that_make_no_sense(setting: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        with_settings(PRESETS["quick"], [setting])
