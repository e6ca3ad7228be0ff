"""The refuter against brute force in exact arithmetic: what it finds is wrong, what is right it never refutes."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.certify import certify
from theory.errors import InputError
from theory.refute import METHODS, Candidate, Search, refute
from theory.refute.exactly import exact_sign
from theory.refute.problem import Problem, margins_of
from theory.table import Block, ForeignBlock, OneLayerTable

FAST = {"seconds": 20.0, "workers": 1}


def table_of(
    edges_2rD: np.ndarray, hidden: int, rng: np.random.Generator, *, slots: int | None = None, softmax: bool = False
) -> OneLayerTable:
    """Small integers everywhere, so that fractions decide every logit; a random dense block reads them."""
    rows, D = edges_2rD.shape
    r, slots = rows // 2, rows if slots is None else slots
    weights = rng.integers(1, 4, size=(rows, 1)) if softmax else np.zeros((rows, 0))
    null = np.concatenate((np.zeros(D), np.ones(1))) if softmax else np.zeros(D)
    columns = np.concatenate((edges_2rD * weights, weights - 1), axis=1) if softmax else edges_2rD
    return (
        OneLayerTable(
            edges_2rC=columns.astype(float),
            null_C=null,
            query_C=null.copy(),
            edge_slots=slots,
            heads=1,
            uniform=not softmax,
            offset_D=np.zeros(D),
            scale_D=np.ones(D),
            mix_DM=(slots + 1) * np.eye(D),
            residual_M=np.zeros(D),
            block=Block(
                inner_KMF=rng.integers(-3, 4, size=(1, D, hidden)).astype(float),
                inner_bias_KF=rng.integers(-3, 4, size=(1, hidden)).astype(float),
                folded_KF=rng.integers(-3, 4, size=(1, hidden)).astype(float),
                constant_K=np.array([-0.5]),
                readout_M=rng.integers(-2, 3, size=D).astype(float),
                router_MK=None,
                router_bias_K=None,
            ),
        )
        if r
        else pytest.fail("no vertices")
    )


def one_hot_table(r: int) -> OneLayerTable:
    """The dense construction: counts of every vertex, and a unit for each that fires at 2."""
    rng = np.random.default_rng(0)
    table = table_of(np.concatenate((np.eye(r), np.eye(r))), r, rng)
    block = replace(
        table.block,
        inner_KMF=np.eye(r)[None],
        inner_bias_KF=-np.ones((1, r)),
        folded_KF=np.ones((1, r)),
        readout_M=np.zeros(r),
    )
    return replace(table, block=block)


def exact_answer(table: OneLayerTable, alice: tuple[int, ...], bob: tuple[int, ...]) -> bool:
    """By the definition, in fractions: the sums, the means, the block."""
    r, D = table.r, len(table.offset_D)
    chosen = [table.edges_2rC[i - 1] for i in alice] + [table.edges_2rC[r + i - 1] for i in bob]
    total = [
        sum((Fraction(float(row[c])) for row in chosen), Fraction(0))
        + table.edge_slots * Fraction(float(table.null_C[c]))
        + Fraction(float(table.query_C[c]))
        for c in range(table.edges_2rC.shape[1])
    ]
    denominator = Fraction(table.tokens) if table.uniform else total[D]
    x = [sum(total[d] / denominator * Fraction(float(table.mix_DM[d, m])) for d in range(D)) for m in range(D)]
    block = table.block
    assert isinstance(block, Block)
    logit = Fraction(float(block.constant_K[0])) + sum(
        a * Fraction(float(b)) for a, b in zip(x, block.readout_M, strict=True)
    )
    for unit in range(block.inner_KMF.shape[2]):
        before = sum(a * Fraction(float(b)) for a, b in zip(x, block.inner_KMF[0, :, unit], strict=True))
        before += Fraction(float(block.inner_bias_KF[0, unit]))
        logit += max(before, Fraction(0)) * Fraction(float(block.folded_KF[0, unit]))
    return logit >= 0


def is_wrong(table: OneLayerTable, candidate: Candidate) -> bool:
    return exact_answer(table, candidate.alice, candidate.bob) != bool(set(candidate.alice) & set(candidate.bob))


def wrong_inputs(table: OneLayerTable) -> int:
    subsets = [tuple(i + 1 for i in range(table.r) if a >> i & 1) for a in range(2**table.r)]
    return sum(
        is_wrong(table, Candidate(a, b, 0.0))
        for a, b in product(subsets, repeat=2)
        if len(a) + len(b) <= table.edge_slots
    )


@given(seed=st.integers(0, 10**6), r=st.integers(2, 3), softmax=st.booleans(), slots=st.sampled_from(("few", "all")))
def test_refuted_iff_brute_force_finds_an_error(seed: int, r: int, softmax: bool, slots: str) -> None:
    rng = np.random.default_rng(seed)
    edges = rng.integers(-2, 3, size=(2 * r, 2)).astype(float)
    if rng.random() < 0.5:  # half of the tables start from one that is right
        table = one_hot_table(r)
        if rng.random() < 0.5:
            folded = table.block.folded_KF.copy()
            folded[0, int(rng.integers(r))] = rng.choice([0.25, 0.5, 1.0])  # 0.5 leaves the logit at 0, which is "yes"
            table = replace(table, block=replace(table.block, folded_KF=folded))
    else:
        table = table_of(edges, 3, rng, softmax=softmax)
    if slots == "few":
        table = replace(table, edge_slots=r + 1, mix_DM=(r + 2) * np.eye(len(table.offset_D)))
    result = refute(table, Search(**FAST, seed=seed))
    assert (result.found is not None) == (wrong_inputs(table) > 0)
    if result.found is not None:
        assert is_wrong(table, result.found)
        assert len(result.found.alice) + len(result.found.bob) <= table.edge_slots


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_an_error_of_a_model_that_errs_often(method: str) -> None:
    rng = np.random.default_rng(3)
    table = table_of(rng.integers(-2, 3, size=(16, 2)).astype(float), 3, rng)
    result = refute(table, Search(**FAST, methods=(method,)))
    assert result.found is not None and result.method == method and is_wrong(table, result.found)
    assert result.attempts[0].ended == "found" and result.evaluations > 0


@pytest.mark.parametrize("method", METHODS)
def test_no_method_refutes_a_right_table(method: str) -> None:
    table = one_hot_table(6)
    assert certify(table).holds
    result = refute(table, Search(**FAST, methods=(method,), evaluations=3000))
    assert (result.found, result.method, result.undecided, result.answered_rightly) == (None, None, 0, 0)
    assert result.attempts[0].margin is None or result.attempts[0].margin == 0.5


def test_all_inputs_ends_the_search() -> None:
    result = refute(one_hot_table(5), Search(seconds=600, workers=2))
    assert result.seconds < 60
    assert any(attempt.method == "all-inputs" and attempt.evaluations == 4**5 for attempt in result.attempts)


def test_a_logit_of_zero_is_yes() -> None:
    margins = margins_of(np.array([0.0, 0.0, 1.0, 1.0, -1.0]), np.array([True, False, True, False, False]))
    assert (margins < 0).tolist() == [False, True, False, True, False]
    table = one_hot_table(4)
    table = replace(table, block=replace(table.block, constant_K=np.array([0.0])))
    result = refute(table, Search(**FAST))
    assert result.found is not None and is_wrong(table, result.found)


def test_exact_sign_sees_what_float64_rounds_away() -> None:
    """Edges 1 and 2^-80 sum to 1 in float64; the unit that looks for more than 1 sees the rest in exact arithmetic."""
    table = one_hot_table(2)
    edges = table.edges_2rC.copy()
    edges[:, 0] = (1.0, 2.0**-80, 0.0, 0.0)
    block = replace(table.block, folded_KF=np.array([[2.0**70, 0.0]]), constant_K=np.array([0.0]))
    table = replace(table, edges_2rC=edges, block=block, mix_DM=5 * np.eye(2))
    both, none = np.array([True, True]), np.array([False, False])
    problem = Problem(table)
    assert problem.logits(problem.alice(both[None]), problem.bob(none[None]))[0] == 0
    assert exact_sign(table, both, none) == 1
    assert exact_sign(table, np.array([True, False]), none) == 0
    negative = replace(table, block=replace(block, folded_KF=-block.folded_KF))
    assert exact_sign(negative, both, none) == -1
    assert exact_sign(replace(table, block=ForeignBlock(lambda x: x[:, 0], 0.0)), both, none) is None


def test_the_replay_has_the_last_word() -> None:
    rng = np.random.default_rng(3)
    table = table_of(rng.integers(-2, 3, size=(8, 2)).astype(float), 3, rng)
    asked: list[Candidate] = []

    def never(candidate: Candidate) -> bool:
        asked.append(candidate)
        return False

    result = refute(table, Search(**FAST), never)
    assert result.found is None and result.answered_rightly == len(asked) > 0
    assert len({(c.alice, c.bob) for c in asked}) == len(asked)
    refused = asked[0]
    result = refute(table, Search(**FAST), lambda candidate: candidate != refused)
    assert result.found is not None and result.found != refused


def test_the_same_seed_makes_the_same_search() -> None:
    rng = np.random.default_rng(5)
    table = table_of(rng.integers(-2, 3, size=(24, 3)).astype(float), 4, rng)
    first, second = (refute(table, Search(**FAST, methods=("local",), seed=7)) for _ in range(2))
    assert first.found == second.found is not None
    assert first.evaluations == second.evaluations


@pytest.mark.parametrize("method", ["sampling", "local", "lattice", "birthday", "neighbours"])
def test_thousands_of_vertices_are_no_obstacle(method: str) -> None:
    rng = np.random.default_rng(0)
    table = table_of(rng.integers(0, 2, size=(3000, 1)).astype(float), 2, rng)
    result = refute(table, Search(**FAST, methods=(method,)))
    assert result.found is not None and is_wrong(table, result.found)


def test_progress_is_told() -> None:
    told: list[tuple[float, str]] = []
    refute(one_hot_table(4), Search(**FAST), progress=lambda left, name: told.append((left, name)))
    assert {"sampling", "all-inputs"} <= {name for _, name in told}
    assert all(0 <= left <= FAST["seconds"] for left, _ in told)


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ({"seconds": 0}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"evaluations": 0}, "evaluations 0"),
        ({"workers": 0}, "workers 0"),
        ({"methods": ("luck",)}, "no method called 'luck'"),
        ({"methods": ()}, "no methods"),
    ],
)
def test_bad_searches_are_refused(search: dict, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Search(**search)


@pytest.mark.parametrize(("method", "says"), [("all-inputs", "4\\^30"), ("exhaustive", "2\\^30.*birthday")])
def test_a_method_that_r_forbids_says_which_one_would_do(method: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        refute(one_hot_table(30), Search(methods=(method,)))


def test_numbers_that_are_not_finite_are_refused() -> None:
    table = one_hot_table(3)
    with pytest.raises(InputError, match="not finite"):
        refute(replace(table, residual_M=np.array([0.0, np.nan, 0.0])))


def test_an_interrupt_ends_every_method() -> None:
    """Of two methods side by side one is interrupted; the other has no end of its own but the time limit."""

    def progress(_: float, method: str) -> None:
        if method == "sampling":
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        refute(
            one_hot_table(40), Search(seconds=60, workers=2, methods=("sampling", "local")), lambda _: False, progress
        )
    assert time.monotonic() - began < 30
