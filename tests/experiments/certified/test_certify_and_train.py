"""The loop: mined errors against brute force, what each way of training is fed, and that a cell depends on itself."""

from __future__ import annotations

import copy
from dataclasses import asdict, replace
from itertools import product

import networkx as nx
import pytest
import safetensors.torch
import torch
from torch import Tensor

from experiments.engine import DIVERGED, Recipe, Training
from experiments.studies.certified import cells
from experiments.studies.certified.cells import CONTROL, FED, LAW, Setup
from experiments.studies.certified.loop import AllInputs, Candidate, certify_and_train
from experiments.studies.certified.preset import CertifiedPreset
from experiments.studies.types import Cell, Finished
from parrots.config import OneLayerConfig
from parrots.initialise import initial_parameters
from parrots.model import OneLayerModel

R = 4
TINY = CertifiedPreset(
    seeds=2, sizes=(R,), shares=(0.5, 1.0), experts=(1, 4), steps=20, rounds=2, round_steps=10, batch=32
)
JOBS = cells.jobs(TINY)


def untrained(r: int = R, width: int = 3, experts: int = 1, seed: int = 0) -> OneLayerModel:
    config = OneLayerConfig(vertices=r + 2, width=width, hidden=4 * r, experts=experts)
    return OneLayerModel(config, initial_parameters(config, seed, LAW.density))


def candidate(feeds: bool = True, seed: int = 0, **shape: int) -> Candidate:
    return Candidate(untrained(seed=seed, **shape), seed, 0.03, feeds)


def subset(number: int, r: int) -> list[int]:
    return [vertex for vertex in range(1, r + 1) if number >> (vertex - 1) & 1]


def wrong_by_brute_force(model: OneLayerModel, r: int) -> list[int]:
    """Token by token, in float64, one graph after the other, against networkx."""
    model, found = copy.deepcopy(model).double(), []
    for row, (alice, bob) in enumerate(product(range(2**r), repeat=2)):
        edges = [(0, v) for v in subset(alice, r)] + [(v, r + 1) for v in subset(bob, r)]
        graph = nx.DiGraph(edges)
        graph.add_nodes_from((0, r + 1))
        slots = torch.tensor(edges + [(-1, -1)] * (model.config.edge_slots - len(edges)))
        with torch.no_grad():
            answer = float(model(slots[None])) >= 0
        if answer != nx.has_path(graph, 0, r + 1):
            found.append(row)
    return found


# Errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("experts", [1, 4])
def test_the_errors_found_are_all_wrong_inputs_and_no_others(experts: int) -> None:
    one = candidate(experts=experts)
    AllInputs(R, torch.device("cpu")).judge(one)
    wrong = wrong_by_brute_force(one.model, R)
    assert 0 < len(wrong) < 4**R
    assert one.errors.tolist() == wrong
    assert one.certificates[-1].wrong == len(wrong)


def test_a_counterexample_that_float32_gets_right_is_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, one = AllInputs(R, torch.device("cpu")), candidate()
    monkeypatch.setattr(AllInputs, "_wrong", lambda self, model: torch.zeros(0, dtype=torch.long))
    inputs.judge(one)
    (row,) = one.errors.tolist()
    assert (tuple(subset(row >> R, R)), tuple(subset(row % 2**R, R))) == one.certificates[0].counterexample
    assert row in wrong_by_brute_force(one.model, R)


@pytest.mark.parametrize(("alice", "bob"), [((1, 3), (2,)), ((), (4,)), ((1, 2, 3, 4), ())])
def test_sets_are_found_among_the_graphs(alice: tuple[int, ...], bob: tuple[int, ...]) -> None:
    inputs = AllInputs(R, torch.device("cpu"))
    present = inputs.graphs.present[inputs._row(alice, bob)][0].bool().tolist()
    assert tuple(v for v in range(1, R + 1) if present[v - 1]) == alice
    assert tuple(v for v in range(1, R + 1) if present[R + v - 1]) == bob


def test_errors_are_kept_when_they_are_mended() -> None:
    inputs, one = AllInputs(R, torch.device("cpu")), candidate()
    inputs.judge(one)
    before = set(one.errors.tolist())
    one.model = untrained(seed=7)
    inputs.judge(one)
    now = set(wrong_by_brute_force(one.model, R))
    assert now - before and before - now
    assert set(one.errors.tolist()) == before | now
    assert one.errors.unique().numel() == one.errors.numel()


# Rounds ------------------------------------------------------------------------------------------------------------


def spied_round(monkeypatch: pytest.MonkeyPatch, fed_back: float) -> tuple[AllInputs, Candidate, list, list[Candidate]]:
    steps: list[tuple[Tensor, Tensor, Tensor]] = []
    plain = Training.step

    def spy(self: Training, present: Tensor, labels: Tensor, rates: Tensor) -> None:
        steps.append((present.clone(), labels.clone(), rates.clone()))
        plain(self, present, labels, rates)

    monkeypatch.setattr(Training, "step", spy)
    inputs = AllInputs(R, torch.device("cpu"))
    pair = [candidate(feeds=True), candidate(feeds=False)]
    pair[1].model = pair[0].model
    judged = copy.deepcopy(pair[0])
    inputs.judge(judged)
    finished = list(certify_and_train(pair, inputs, LAW, Recipe(steps=30, batch=32), 1, fed_back))
    assert {id(one) for one in finished} == {id(one) for one in pair}
    return inputs, judged, steps, pair


def test_fed_graphs_are_errors_and_the_others_those_of_the_control(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, judged, steps, _ = spied_round(monkeypatch, 0.25)
    assert len(steps) == 30
    errors = {tuple(row) for row in inputs.graphs.present[judged.errors].tolist()}
    seen: set[tuple[float, ...]] = set()
    for present, labels, _ in steps:
        fed = [tuple(row) for row in present[0, :8].tolist()]
        assert set(fed) <= errors
        seen |= set(fed)
        assert torch.equal(present[0, 8:], present[1, 8:])
        assert torch.equal(labels[0, 8:], labels[1, 8:])
        meets = (present[..., :R].bool() & present[..., R:].bool()).any(-1)
        assert torch.equal(labels.bool(), meets)
    assert len(seen) > len(errors) / 2
    drawn = torch.cat([present[1] for present, _, _ in steps])
    assert len(drawn.unique(dim=0)) > 100  # chunks go on from one another


def test_both_ways_go_on_from_the_same_weights_at_the_same_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    start = untrained().weights()
    _, _, steps, pair = spied_round(monkeypatch, 0.5)
    assert all(rates[0] == rates[1] > 0 for *_, rates in steps)
    assert pair[0].certificates[0] == pair[1].certificates[0]
    for one in pair:
        assert not torch.equal(one.model.inner, start["inner"])
    assert not torch.equal(pair[0].model.inner, pair[1].model.inner)


def test_setups_that_differ_in_how_they_go_on_share_one_trained_model() -> None:
    setups = [Setup.of(cell) for cell in JOBS[0].cells]
    found = cells._plainly_trained(setups, torch.device("cpu"))
    by_start = {}
    for setup, one in zip(setups, found, strict=True):
        assert one.feeds == (setup.training == FED)
        assert one.model.config == setup.config
        assert by_start.setdefault((setup.width, setup.seed), one.model) is one.model
    assert len({id(model) for model in by_start.values()}) == len(by_start) == 4
    kept = {start: {k: v.detach().clone() for k, v in model.weights().items()} for start, model in by_start.items()}
    recipe = Recipe(steps=2, batch=8)
    assert len(list(certify_and_train(found, AllInputs(R, torch.device("cpu")), LAW, recipe, 1, 0.5))) == len(found)
    for start, model in by_start.items():
        assert all(torch.equal(value, kept[start][name]) for name, value in model.weights().items())


def test_a_certified_model_ends_at_once_and_another_when_its_rounds_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [False, False, True, False, False]
    judge = AllInputs.judge

    def told(inputs: AllInputs, one: Candidate) -> None:
        judge(inputs, one)
        assert not one.certificates[-1].holds
        if calls.pop(0):
            one.certificates[-1] = replace(one.certificates[-1], wrong=0)

    monkeypatch.setattr(AllInputs, "judge", told)
    inputs, pair = AllInputs(R, torch.device("cpu")), [candidate(seed=1), candidate(seed=2)]
    ended = [
        (one.seed, len(one.certificates), one.certified)
        for one in certify_and_train(pair, inputs, LAW, Recipe(steps=1, batch=4), 2, 0.5)
    ]
    assert ended == [(1, 2, True), (2, 3, False)]
    assert calls == []


# A cell depends on itself alone ------------------------------------------------------------------------------------


def result(finished: Finished) -> tuple[object, ...]:
    assert finished.checkpoint is not None
    weights = safetensors.torch.load(finished.checkpoint)
    return finished.metrics, finished.stopped, {name: value.tolist() for name, value in weights.items()}


def results(some: tuple[Cell, ...]) -> dict[str, tuple[object, ...]]:
    return {finished.cell.key: result(finished) for finished in cells.run(some)}


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_alone_together_and_after_an_interruption_give_the_same_bits(job) -> None:
    together = results(job.cells)
    assert set(together) == {cell.key for cell in job.cells}
    first = [finished.cell for finished, _ in zip(cells.run(job.cells), range(3), strict=False)]  # killed after three
    left = tuple(cell for cell in job.cells if cell not in first)
    assert len(left) == len(job.cells) - 3
    for some in (left, job.cells[:1], job.cells[2:8:3]):
        for key, found in results(some).items():
            assert found == together[key]


def test_a_model_that_diverges_is_a_row_and_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    ordinary = results(JOBS[0].cells)
    rate = Setup.learning_rate.fget
    monkeypatch.setattr(Setup, "learning_rate", property(lambda self: 1e38 if self.seed == 1 else rate(self)))
    finished = {one.cell: one for one in cells.run(JOBS[0].cells)}
    assert set(finished) == set(JOBS[0].cells)
    for cell, one in finished.items():
        if cell.seed == 1:
            assert one.stopped == DIVERGED
            assert (one.metrics["wrong"], one.metrics["certified"]) == ([4**R], False)
        else:
            assert result(one) == ordinary[cell.key]


def test_the_control_depends_on_the_seed_and_not_on_the_share_fed_back() -> None:
    inputs = AllInputs(R, torch.device("cpu"))
    found = []
    for seed, fed_back in ((0, 0.5), (0, 0.9), (1, 0.5)):
        one = candidate(feeds=False)
        one.seed = seed
        list(certify_and_train([one], inputs, LAW, Recipe(steps=3, batch=8), 1, fed_back))
        found.append(one.model.inner)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_cells_hold_what_their_result_depends_on() -> None:
    for job in JOBS:
        for cell in job.cells:
            setup = Setup.of(cell)
            assert asdict(setup) == dict(cell.config)
            assert setup.training in (FED, CONTROL)
        assert len({cell.key for cell in job.cells}) == len(job.cells) == 8
