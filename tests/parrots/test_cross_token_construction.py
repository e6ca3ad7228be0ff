"""Attention with cross-token routing, three forms and two masks: right inside the range, wrong just outside."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch

from parrots.constructions.cross_token import (
    CrossToken,
    cross_token_capacity,
    cross_token_expert_choice,
    cross_token_soft,
)
from parrots.constructions.solver import Solver
from theory import bounds
from theory.bounds.cross_token import (
    FORMS,
    GAIN,
    code_length,
    cross_token_beta,
    cross_token_width,
    flags,
    leak,
    soft_beta2,
    soft_is_exact,
)
from theory.bounds.softmax import PRECISIONS, exp, softmax_error
from theory.digraphs import FAMILIES, edge_slots, near_collisions
from theory.encoding import encode_star
from theory.errors import InputError
from theory.instances import all_pairs
from theory.oracles import length_2_paths_scipy

Make = Callable[..., CrossToken]

FORM_OF: dict[str, Make] = {
    "soft": cross_token_soft,
    "expert-choice": cross_token_expert_choice,
    "capacity": cross_token_capacity,
    "capacity-4": lambda V, **options: cross_token_capacity(V, capacity=4, **options),
}
forms = pytest.mark.parametrize("form", FORM_OF)
masks = pytest.mark.parametrize("causal", [0, 1], ids=["full", "causal"])


def wrong(model: torch.nn.Module, edges: np.ndarray, V: int) -> int:
    with torch.no_grad():
        answers = (model(torch.from_numpy(edges)) >= 0).numpy()
    return int((answers != length_2_paths_scipy(edges, V, 0, V - 1)).sum())


@forms
@masks
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_every_star_graph(form: str, causal: int, dtype: torch.dtype) -> None:
    """In random order, with as many null tokens again as slots, and with none."""
    for V in range(3, 7 if dtype == torch.float32 else 6):
        r = V - 2
        model = FORM_OF[form](V, causal=causal).build(dtype)
        for slots in (2 * r, 3 * r):
            assert wrong(model, encode_star(all_pairs(r), slots, np.random.default_rng(V)), V) == 0


@forms
@masks
@pytest.mark.parametrize("family", FAMILIES)
def test_digraphs_of_every_family(form: str, causal: int, family: str) -> None:
    for V, batch in ((5, 40), (10, 40), (18, 12), (34, 2)):
        rng = np.random.default_rng(V)
        edges = edge_slots(FAMILIES[family](rng, batch, V), rng)
        assert wrong(FORM_OF[form](V, causal=causal).build(), edges, V) == 0


@forms
@masks
def test_a_large_sparse_graph_with_any_ends(form: str, causal: int) -> None:
    """1,000 vertices: width 14, some 3,000 tokens."""
    V, rng = 1000, np.random.default_rng(0)
    pairs = rng.integers(0, V, size=(2800, 2))
    edges = np.unique(np.concatenate((pairs, [[7, 500], [501, 9], [7, 600], [600, 10]])), axis=0)
    edges = rng.permutation(edges[~((edges[:, 0] == 500) & (edges[:, 1] == 9))])[None]
    solver = Solver(FORM_OF[form](V, causal=causal))
    assert solver.width == 14
    for target in (9, 10):
        oracle = length_2_paths_scipy(edges, V, 7, target)
        assert solver.decide(edges, 7, target).tolist() == oracle.tolist()


def without_partner(c: int, nulls: int) -> torch.Tensor:
    """Edge (s, 1), all (j, d) but (1, d), ``r = 2^c``, then null tokens, ``[1, slots, 2]``: no path."""
    j = torch.arange(2, 2**c + 1)
    others = torch.stack((j, torch.full_like(j, 2**c + 1)), -1)
    return torch.cat((torch.tensor([[0, 1]]), others, torch.full((nulls, 2), -1)))[None]


def beta_at(c: int, tokens: int, level: float) -> float:
    """Where the leak R is ``level``, by bisection."""
    low, high = 0.0, 50.0
    for _ in range(80):
        middle = (low + high) / 2
        y = math.exp(-middle)
        value = ((1 + y * y) ** c - 1) / y + max(0, tokens - 2**c) * y ** (2 * c - 1)
        low, high = (middle, high) if value > level else (low, middle)
    return high


@pytest.mark.parametrize(("c", "nulls"), [(1, 3), (2, 0), (2, 50), (4, 7), (6, 0)])
def test_the_leak_is_attained(c: int, nulls: int) -> None:
    """The flag of the edge without partner is R / (1 + R), and no flag is larger; R as the bounds have it."""
    edges = without_partner(c, nulls)
    design = cross_token_soft(2**c + 2, slots=max(edges.shape[1], 2**c + 1))
    for beta in (Fraction(1), Fraction(3, 2), Fraction(4)):
        R = leak(c, edges.shape[1] + 1, beta)
        with torch.no_grad():
            states, _ = design.unchecked(beta, GAIN, dtype=torch.float64).states(edges)
        flag = states[0, :, -1]
        assert flag.max().item() == pytest.approx(float(R.high / (1 + R.high)), rel=1e-12)
        assert flag.argmax() == 0
        assert float(R.high - R.low) < 1e-12
        assert flag.max().item() <= float(flags(c, edges.shape[1] + 1, beta).alone) + 1e-15


@pytest.mark.parametrize(("c", "nulls"), [(1, 3), (2, 0), (2, 50), (4, 7), (6, 0)])
@pytest.mark.parametrize("capacity", [1, 3])
def test_the_range_of_beta_is_sharp_for_capacity(c: int, nulls: int, capacity: int) -> None:
    """At R = 1, by one part in a million: above it an edge without partner takes the query's place."""
    edges = without_partner(c, nulls)
    design = cross_token_capacity(2**c + 2, capacity=capacity, slots=max(edges.shape[1], 2**c + 1))
    edge = beta_at(c, edges.shape[1] + capacity, 1.0)
    right = design.unchecked(edge * (1 + 1e-6), GAIN, dtype=torch.float64)(edges)
    false = design.unchecked(edge * (1 - 1e-6), GAIN, dtype=torch.float64)(edges)
    assert right < 0 <= false
    assert design.scales()[0] > edge


@pytest.mark.parametrize(("c", "nulls"), [(2, 0), (2, 50), (4, 7)])
def test_under_the_causal_mask_the_range_is_that_of_one_token_less(c: int, nulls: int) -> None:
    """The edge without partner, last of all, does not see the query: R with N - 1 is sharp, R with N is not."""
    edges = without_partner(c, nulls).flip(1)
    design = cross_token_capacity(2**c + 2, causal=1, slots=max(edges.shape[1], 2**c + 1))
    tokens = edges.shape[1] + 2
    edge = beta_at(c, tokens - 1, 1.0)
    assert design.unchecked(edge * (1 - 1e-6), GAIN, dtype=torch.float64)(edges) >= 0
    assert design.unchecked(edge * (1 + 1e-6), GAIN, dtype=torch.float64)(edges) < 0
    assert beta_at(c, tokens, 1.0) > edge * (1 + 1e-6)


@pytest.mark.parametrize("form", ["expert-choice", "capacity"])
@masks
def test_beta_1_5_fails_and_beta_2_does_not(form: str, causal: int) -> None:
    """Codes of 6 signs, edges at Hamming distance 1 from a missing partner."""
    V, rng = 66, np.random.default_rng(0)
    edges = edge_slots(near_collisions(rng, 60, V)[[k for k in range(60) if k % 4 < 2]], rng)
    design = FORM_OF[form](V, causal=causal)
    assert wrong(design.unchecked(1.5, GAIN), edges, V) > 5
    assert wrong(design.unchecked(2, GAIN), edges, V) == 0


@masks
def test_a_small_beta2_fails_by_dilution(causal: int) -> None:
    """One path among 3,000 null tokens: the slot is a mean, and at beta2 = 6 the flagged tokens drown in it."""
    V, slots = 34, 3000
    edges = np.full((2, slots, 2), -1)
    edges[0, :2], edges[1, :2] = [[0, 5], [5, 33]], [[0, 5], [4, 33]]
    design = cross_token_soft(V, causal=causal, slots=slots)
    beta, beta2 = design.scales()
    assert wrong(design.unchecked(beta, 6), edges, V) == 1
    assert wrong(design.unchecked(beta, beta2), edges, V) == 0
    code, float32 = code_length(32), PRECISIONS["float32"]
    assert soft_is_exact(code, design.config.tokens, beta, float32, beta2)
    assert not soft_is_exact(code, design.config.tokens, beta, float32, Fraction(4))


@masks
def test_null_tokens_without_a_value_drown_a_flag(causal: int) -> None:
    """Why null tokens need the value 1: without it 5,000 of them pull the flag of an edge with a partner below 1/2."""
    edges = torch.full((1, 5000, 2), -1)
    edges[0, -2:] = torch.tensor([[0, 1], [1, 3]])
    model = cross_token_capacity(4, causal=causal, slots=5000).unchecked(4, GAIN)
    with torch.no_grad():
        assert model(edges) >= 0
        model.weights()["null"][code_length(2) + 1] = 0
        assert model(edges) < 0


@masks
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_computed_flags_are_within_the_bound(causal: int, dtype: torch.dtype) -> None:
    """Against float64, whose own error is far below.  There is an error, and the bound is above it."""
    rng = np.random.default_rng(0)
    edges = torch.from_numpy(edge_slots(rng.random((20, 18, 18)) < 0.5, rng))
    design = cross_token_soft(18, causal=causal)
    with torch.no_grad():
        exact, computed = (
            design.unchecked(2, 8, dtype=kind).states(edges)[0][..., -1] for kind in (torch.float64, dtype)
        )
    present = exact > 0
    error = (computed[present].double() / exact[present] - 1).abs().max().item()
    bound = softmax_error(edges.shape[1] + 1 + causal, PRECISIONS[str(dtype).removeprefix("torch.")])
    assert bound / 1000 < error <= bound


@masks
def test_flags_say_who_has_a_partner(causal: int) -> None:
    """Under the full mask both edges of a path are flagged, under the causal one the later alone."""
    V = 18
    edges = torch.tensor([[[0, 3], [5, 17], [3, 17], [0, 6], [4, 4], [-1, -1], [17, 0], [0, 17]]])
    design = cross_token_soft(V, causal=causal)
    with torch.no_grad():
        flag = design.build(torch.float64).states(edges)[0][0, :, -1]
    bound = flags(4, edges.shape[1] + 1 + causal, design.scales()[0])
    flagged = [False, False, True, False, False, False, False, False]
    flagged[0] = not causal
    flagged = [False] * causal + flagged + [False]
    for value, has in zip(flag.tolist(), flagged, strict=True):
        assert value >= bound.partner if has else value <= bound.alone
    assert all(value <= bound.idle for value in flag[causal + 4 :].tolist())
    assert not causal or flag[0] == 0


@pytest.mark.parametrize("form", ["expert-choice", "capacity", "capacity-4"])
@masks
def test_the_query_is_the_one_who_pays(form: str, causal: int) -> None:
    """Expert choice: another token is taken instead; capacity: the query is dropped; both exactly with a path."""
    edges = torch.tensor([[[0, 3], [5, 7], [3, 7]], [[0, 3], [5, 7], [2, 7]]])
    routing = FORM_OF[form](8, causal=causal).build().answer(edges).routing
    assert routing.taken[:, -1, 0].tolist() == [False, True]
    if form != "expert-choice":
        assert routing.dropped[:, -1].tolist() == [True, False]
        assert routing.loads[:, 0].tolist() == [4 if form == "capacity-4" else 1] * 2


@pytest.mark.parametrize("c", range(1, 14))
def test_the_closed_form_for_beta(c: int) -> None:
    """``ln(2c) + 1`` makes R < 1 for up to 4^c tokens, for c = 2 up to 1,052; its part without N is below 1/5."""
    beta = Fraction(math.log(2 * c) + 1)
    assert leak(c, 4**c, beta).high < 1
    assert leak(c, 0, beta).high < Fraction(1, 5)
    if c >= 2:
        assert leak(c, 4 ** (c + 1), beta).high < 1
    if c == 2:
        assert leak(c, 1052, beta).high < 1 < leak(c, 1053, beta).low
    if c == 3:
        assert leak(c, 9 * 10**5, beta).high < 1 < leak(c, 10**6, beta).low


def test_beta_grows_as_the_logarithm_of_the_logarithm() -> None:
    float32 = PRECISIONS["float32"]
    chosen = [cross_token_beta("capacity", code_length(2**k), 2**16, float32) for k in (4, 6, 8, 10, 400)]
    assert chosen == [2, 2, 4, 4, 8]
    assert all(cross_token_beta(form, 10, 2**16, float32) == 4 for form in FORMS)
    assert soft_beta2(10, 2**16, Fraction(4), float32) == 16


def test_rounding_is_bounded() -> None:
    float32, bfloat16 = PRECISIONS["float32"], PRECISIONS["bfloat16"]
    assert not FORMS["capacity"](6, 4358, Fraction(2), bfloat16)
    assert FORMS["capacity"](6, 4358, Fraction(2), float32)
    assert not FORMS["capacity"](6, 4358, Fraction(3), float32)  # no power of two: logits would be rounded
    assert not FORMS["expert-choice"](65, 4358, Fraction(4), bfloat16)  # 4c exceeds its exact integers
    assert softmax_error(100, bfloat16) > softmax_error(100, float32) > softmax_error(100, PRECISIONS["float64"])
    assert softmax_error(100, float32) < Fraction(1, 10**4)


@pytest.mark.parametrize("x", [Fraction(0), Fraction(1), Fraction(-3, 2), Fraction(1, 3), Fraction(40), Fraction(-160)])
def test_exponentials_are_enclosed(x: Fraction) -> None:
    enclosed = exp(x)
    assert enclosed.low <= enclosed.high
    assert float(enclosed.low) == pytest.approx(math.exp(x), rel=1e-9)
    assert float(enclosed.high) == pytest.approx(math.exp(x), rel=1e-9)
    assert (enclosed.high - enclosed.low) <= enclosed.high * Fraction(1, 2**30)


@forms
@pytest.mark.parametrize(("V", "width"), [(3, 5), (4, 5), (5, 6), (100, 11), (130, 11), (131, 12)])
def test_sizes(form: str, V: int, width: int) -> None:
    for causal in (0, 1):
        design = FORM_OF[form](V, causal=causal)
        assert design.width == width == cross_token_width(V - 2)
        assert (design.heads, design.depth, design.names_ends) == (1, 1, False)
        assert design.neurons <= 2 and design.bits == 8 and design.statement == "own-cross-token"
        assert design.config.prefix == causal + (3 if form == "capacity-4" else 0)
        assert design.name == f"cross-token-{form.removesuffix('-4')}"


def test_it_is_narrower_than_any_covered_model() -> None:
    V = 1026
    assert cross_token_width(V - 2) == 14 < bounds.message_min_width(V - 2, heads=1, bits=16)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: cross_token_soft(2), "2 vertices"),
        (lambda: cross_token_soft(5, causal=2), "causal 2"),
        (lambda: cross_token_capacity(5, capacity=0), "capacity 0"),
        (lambda: cross_token_capacity(9, slots=7), "give at least 8"),
        (lambda: cross_token_capacity(9, slots=2**22).build(), "give fewer slots"),
        (lambda: cross_token_expert_choice(9, slots=3 * 2**19).build(), "beyond what float32 computes exactly"),
        (lambda: cross_token_soft(9).build(torch.float16), "no error bound for float16"),
        (lambda: cross_token_soft(9, slots=8).slots_for(9), "build it with slots=9"),
    ],
)
def test_outside_the_range_it_is_refused_in_one_line(call: Callable[[], object], says: str) -> None:
    with pytest.raises(InputError) as refused:
        call()
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_the_router_s_gain_is_a_power_of_two() -> None:
    """So that the product of gain and flag is exact, as the error bounds assume."""
    assert math.log2(GAIN).is_integer()
