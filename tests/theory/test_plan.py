"""The plan of a budget: what it finds is the widest that fits, counted by the decoder itself."""

import re
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrots.decoder import Decoder, DecoderConfig
from parrots.decoder.routers.token_choice import TokenChoice
from theory import statements
from theory.accounting import decoder_flops, decoder_parameters
from theory.bounds import critical_experts, entropy_min_width, message_min_width
from theory.bounds.matched import dense_parameters, expert_parameters
from theory.errors import InputError
from theory.plan import SOURCES, PlanBudget, plan

FEWER = settings(max_examples=15)
RATIOS = st.sampled_from([Fraction(1, 3), Fraction(1), Fraction(11, 4), Fraction(4)])


@st.composite
def budgets(draw):
    head_width = draw(st.sampled_from([2, 4, 8]))
    total = draw(st.integers(2_000, 80_000))
    return PlanBudget(
        total=total,
        active=draw(st.integers(2_000, total)),
        layers=draw(st.integers(1, 3)),
        vocabulary=draw(st.integers(1, 40)),
        head_width=head_width,
        multiple=head_width * draw(st.integers(1, 3)),
        top_k=draw(st.integers(1, 4)),
        hidden_ratio=draw(RATIOS),
        tied=draw(st.booleans()),
        bits=draw(st.integers(1, 16)),
        context=8,
    )


def config(budget: PlanBudget, experts: int, width: int) -> DecoderConfig:
    return DecoderConfig(
        vocabulary=budget.vocabulary,
        width=width,
        layers=budget.layers,
        heads=width // budget.head_width,
        positions=budget.context,
        hidden=max(1, int(budget.hidden_ratio * width)),
        router=None if experts == 1 else TokenChoice(experts=experts, top_k=budget.top_k),
        tied=budget.tied,
    )


def fits(budget: PlanBudget, experts: int, width: int) -> bool:
    counts = decoder_parameters(config(budget, experts, width))
    return counts.total <= budget.total and counts.active <= budget.active


def choices_of(budget: PlanBudget):
    try:
        return plan(budget)
    except InputError:
        return ()


@given(budget=budgets())
def test_every_width_and_number_of_experts_tried_one_by_one(budget):
    least = max(2, budget.top_k)
    # An expert has more than one parameter in every layer, so no more experts than parameters fit.
    numbers = [1, *(2**i for i in range(18) if 2**i >= least)]
    widths = range(budget.multiple, 160, budget.multiple)
    brute = {K: max((width for width in widths if fits(budget, K, width)), default=0) for K in numbers}
    assert {choice.shape.experts: choice.shape.width for choice in choices_of(budget)} == {
        K: width for K, width in brute.items() if width
    }


@FEWER
@given(budget=budgets())
def test_counts_are_those_of_the_decoder(budget):
    for choice in choices_of(budget):
        model = config(budget, choice.shape.experts, choice.shape.width)
        assert choice.shape.counts == decoder_parameters(model)
        assert choice.flops * budget.context == decoder_flops(model, budget.context)
        assert choice.most_bits == budget.bits * choice.shape.counts.total


def test_a_choice_has_the_parameters_of_the_built_model():
    budget = PlanBudget(total=60_000, active=30_000, layers=2, vocabulary=20, head_width=4, multiple=4)
    for choice in plan(budget, (1, 2, 8)):
        model = Decoder(config(budget, choice.shape.experts, choice.shape.width))
        assert sum(weight.numel() for weight in model.parameters()) == choice.shape.counts.total


@FEWER
@given(budget=budgets())
def test_the_next_width_breaks_the_limit_that_is_named(budget):
    for choice in choices_of(budget):
        wider = decoder_parameters(config(budget, choice.shape.experts, choice.shape.width + budget.multiple))
        broken = (wider.total > budget.total, wider.active > budget.active)
        assert choice.binds == {(True, True): "both", (True, False): "total", (False, True): "active"}[broken]


@FEWER
@given(budget=budgets(), more=st.integers(0, 40_000))
def test_a_larger_budget_is_never_narrower(budget, more):
    larger = replace(budget, total=budget.total + more, active=budget.active + more)
    before = {choice.shape.experts: choice.shape.width for choice in choices_of(budget)}
    after = {choice.shape.experts: choice.shape.width for choice in choices_of(larger)}
    assert all(after[experts] >= width for experts, width in before.items())


@FEWER
@given(budget=budgets())
def test_more_experts_are_never_wider(budget):
    widths = [choice.shape.width for choice in choices_of(budget) if choice.shape.experts > 1]
    assert widths == sorted(widths, reverse=True)


@FEWER
@given(budget=budgets())
def test_the_front_is_what_no_other_choice_beats(budget):
    choices = choices_of(budget)
    pairs = [(choice.shape.counts.total, choice.shape.width) for choice in choices]
    for choice, (total, width) in zip(choices, pairs, strict=True):
        better = [p for p in pairs if (p[0] > total and p[1] >= width) or (p[0] >= total and p[1] > width)]
        assert choice.on_front is not bool(better)


@FEWER
@given(budget=budgets())
def test_vertices_and_critical_experts_are_those_of_the_bounds(budget):
    for choice in choices_of(budget):
        shape, V = choice.shape, choice.largest_vertices
        least, next_one = (message_min_width(v - 2, shape.heads, budget.bits) for v in (V, V + 1))
        assert least <= shape.width < next_one
        total, dense = shape.counts.total, choice.matched_width
        narrow, wide = (
            decoder_parameters(config(budget, 1, width)).total for width in (dense, dense + budget.multiple)
        )
        assert narrow <= total < wide
        first = entropy_min_width(max(1, dense - 2), dense // budget.head_width, budget.bits)
        assert choice.critical_experts == critical_experts(dense, budget.hidden_ratio * Fraction(3, 2), first)


@given(experts=st.integers(1, 10_000), width=st.integers(1, 300), ratio=RATIOS)
def test_the_corollary_counts_a_layer_of_these_decoders(experts, width, ratio):
    """Two matrices of 3/2 c m^2 numbers are the three of c m^2 of a SwiGLU, where c m is whole."""
    width *= 12
    for K, formula in (
        (1, dense_parameters(width, Fraction(3, 2) * ratio)),
        (experts + 2, expert_parameters(width, Fraction(3, 2) * ratio, experts + 2)),
    ):
        budget = PlanBudget(total=1, active=1, layers=1, head_width=1, multiple=1, hidden_ratio=ratio, vocabulary=1)
        counts = budget.shape(K, width).counts
        assert counts.inner - counts.norms == formula


def test_every_source_is_a_statement():
    assert set(SOURCES.values()) <= set(statements.ids())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"total": 0}, "total 0 is outside 1 to"),
        ({"total": 10**18 + 1}, "is outside 1 to 1,000,000,000,000,000,000"),
        ({"active": 10_001}, "active 10,001 is above total 10,000, .* at least --total 10,001"),
        ({"multiple": 96}, "multiple 96 of heads that are 64 wide"),
        ({"hidden_ratio": Fraction(0)}, "hidden_ratio 0.0 is not positive"),
        ({"hidden_ratio": Fraction(10**300)}, r"hidden_ratio 1e\+300 is not positive or above 1,000"),
        ({"bits": 5000}, "bits 5,000 is outside 1 to 4,096"),
    ],
)
def test_refuses_a_budget_that_contradicts_itself(values, said):
    with pytest.raises(InputError, match=said):
        PlanBudget(**{"total": 10_000, "active": 10_000, **values})


@pytest.mark.parametrize("experts", [(0,), (-4,), (3,)])
def test_refuses_fewer_experts_than_a_token_uses(experts):
    with pytest.raises(InputError, match="experts with top_k 4: give 1 for a dense model, or 4 to"):
        plan(PlanBudget(total=10**9, active=10**9, top_k=4), experts)


@pytest.mark.parametrize("experts", [None, (8, 16)])
def test_says_the_least_budget_that_would_do(experts):
    with pytest.raises(InputError) as refused:
        plan(PlanBudget(total=10**6, active=10**5), experts)
    total, active = (
        int(number.replace(",", ""))
        for number in re.search(r"give --total ([\d,]+) --active ([\d,]+) ", str(refused.value)).groups()
    )
    assert plan(PlanBudget(total=total, active=active), experts)
    for less in ((total - 1, min(active, total - 1)), (total, active - 1)):
        with pytest.raises(InputError):
            plan(PlanBudget(*less), experts)
