"""Emulated number formats: equal to the machine's own where it has them, and every operation goes through them."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from parrots.constructions import build
from parrots.precision import FixedPoint, InFormat, Reach, Significand, in_fixed_point, reach
from theory.encoding import star_edges
from theory.errors import InputError
from theory.instances import all_pairs

numbers = st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-30)


@given(st.lists(numbers, min_size=1, max_size=20))
def test_24_and_8_bits_are_float32_and_bfloat16(values: list[float]) -> None:
    x = torch.tensor(values, dtype=torch.float64)
    assert torch.equal(Significand(24).rounded(x), x.float().double())
    # Two roundings are one where the first keeps more than twice the bits of the second, so ties are left out.
    exact = Significand(16).rounded(x)
    assert torch.equal(Significand(8).rounded(exact), exact.bfloat16().double())


@given(numbers, st.integers(2, 30), st.floats(1e-3, 1e6))
def test_fixed_point_is_the_nearest_multiple_that_fits(value: float, bits: int, largest: float) -> None:
    got = Fraction(float(in_fixed_point(torch.tensor([value], dtype=torch.float64), bits, largest)))
    whole = next(w for w in range(-40, 40) if largest < 2.0**w)
    units = got / Fraction(2) ** (whole + 1 - bits)
    assert units.denominator == 1
    assert -(2 ** (bits - 1)) <= units < 2 ** (bits - 1)
    exact = Fraction(value) / Fraction(2) ** (whole + 1 - bits)
    if -(2 ** (bits - 1)) <= exact <= 2 ** (bits - 1) - 1:
        assert abs(units - exact) <= Fraction(1, 2)


def test_every_number_has_the_scale_that_it_reaches() -> None:
    model = nn.Linear(1, 1, bias=False).double()
    with torch.no_grad():
        model.weight.fill_(3.0)
    inputs = torch.tensor([[0.25], [-20.0]], dtype=torch.float64)
    numbers = reach(model, inputs)
    assert numbers.weights == {"weight": 3.0}
    assert numbers.results[-1] == 60.0
    assert numbers | Reach({"weight": 5.0}, (1.0,) * 9) == Reach(
        {"weight": 5.0}, tuple(max(x, 1.0) for x in numbers.results) + (1.0,) * (9 - len(numbers.results))
    )
    out = InFormat(model, FixedPoint(4, numbers))(inputs)  # units of 8 hold 60: 0.75 becomes 0 and -60 becomes -64
    assert out.flatten().tolist() == [0.0, -64.0]


class Steps(nn.Module):
    """Operations of every kind: new tensors, in place, views."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y = x * 3
        z = y.clone()
        alias = z
        z.add_(0.1).relu_()
        return y, alias, y[None].T


def test_every_operation_is_rounded_in_place_ones_too() -> None:
    x = torch.tensor([1.0, 3.0, 5.0], dtype=torch.float64) / 7
    form = Significand(5)
    y, alias, transposed = InFormat(Steps(), form)(x)
    assert torch.equal(y, form.rounded(x * 3))
    assert torch.equal(alias, form.rounded(y + 0.1))
    assert torch.equal(transposed[:, 0], y)
    assert not torch.equal(y, x * 3)


def test_the_model_itself_is_left_alone() -> None:
    model = nn.Linear(3, 2)
    before = model.weight.detach().clone()
    other = InFormat(model, Significand(3))
    assert torch.equal(model.weight, before)
    assert other.model.weight.dtype == torch.float64
    assert torch.equal(other.model.weight, Significand(3).rounded(before.double()))


def test_a_construction_fails_with_few_bits_and_not_with_many() -> None:
    pairs = all_pairs(6)
    truth = torch.from_numpy(pairs.intersects_B)
    edges = torch.full((len(pairs), 15, 2), -1)  # N = 16, so that averages are multiples of 1/16
    edges[:, :12] = torch.from_numpy(star_edges(pairs))
    solver = build("packed", vertices=8, digits=3)
    model = solver.with_slots(15).double()
    assert torch.equal(model(edges) >= 0, truth)
    numbers = reach(model, edges)
    assert max(numbers.results) == 2 * sum(3**i for i in range(3))  # the largest state, which no later number exceeds

    def wrong(bits: int) -> int:
        return int(((InFormat(model, FixedPoint(bits, numbers))(edges) >= 0) != truth).sum())

    assert wrong(14) == 0
    assert wrong(5) > 0


@pytest.mark.parametrize("bits", [0, 53])
def test_bits_out_of_range(bits: int) -> None:
    with pytest.raises(InputError, match="give 1 to 52"):
        Significand(bits)
