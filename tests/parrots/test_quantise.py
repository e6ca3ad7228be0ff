"""Rounding: on the grid to the last bit, within its bits, and straight-through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from one_layer_cases import ROUNDED_KINDS, name_of, present_of, random_model, star_graphs
from torch import Tensor

from parrots.attention import contributions, token_table
from parrots.config import FLOAT64_BITS, OneLayerConfig
from parrots.quantise import Grid, message_codes, quantise_message, round_through

VALUE_KINDS = [config for config in ROUNDED_KINDS if config.value_bits]
MESSAGE_KINDS = [config for config in ROUNDED_KINDS if config.message_bits]
EXTREME = torch.tensor([0.0, -0.0, 1e-30, -1e-30, 0.1, -0.7, 9.0, -9.0, 1e30, -1e30])


def spread(seed: int = 0) -> Tensor:
    return torch.cat((torch.randn(5000, generator=torch.Generator().manual_seed(seed)) * 2, EXTREME))


def centres(bits: int) -> Tensor:
    """Of ``2^bits`` equal parts of [-1, 1]: exact in float32 up to 23 bits."""
    return (torch.arange(2**bits) * 2 + 1) / 2**bits - 1


@pytest.mark.parametrize("bits", [1, 2, 3, 8])
def test_a_message_is_the_centre_of_the_level_it_falls_in(bits: int) -> None:
    message = spread().requires_grad_()
    received = quantise_message(message, 2**bits)
    assert torch.isin(received, centres(bits)).all()
    assert len(received.unique()) == 2**bits
    assert (received - torch.tanh(message)).abs().max() <= 2.0**-bits + 1e-6
    assert torch.equal(received, (message_codes(message, 2**bits) * 2 + 1) / 2**bits - 1)


@pytest.mark.parametrize("bits", [1, 5, 24])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_message_codes_stay_in_range(bits: int, dtype: torch.dtype) -> None:
    codes = message_codes(spread().to(dtype), 2**bits)
    assert torch.equal(codes, codes.round()) and codes.dtype == dtype
    assert (codes.min().item(), codes.max().item()) == (0, 2**bits - 1)


def test_the_gradient_of_a_message_is_that_of_tanh() -> None:
    message = torch.linspace(-3, 3, 101).requires_grad_()
    (rounded,) = torch.autograd.grad(quantise_message(message, 4).square().sum() / 2, message)
    with torch.no_grad():
        expected = quantise_message(message, 4) * (1 - torch.tanh(message).square())
    torch.testing.assert_close(rounded, expected)


def test_levels_may_differ_by_coordinate() -> None:
    message = torch.tensor([[0.0, 0.3, -2.0], [1.0, 0.0, 0.2]])
    received = quantise_message(message, torch.tensor([1.0, 2.0, 4.0]))
    assert received.tolist() == [[0.0, 0.5, -0.75], [0.0, 0.5, 0.25]]


@given(st.lists(st.floats(-(2.0**23), 2.0**23, width=32), min_size=1))
def test_rounding_gives_the_integer_itself_and_the_gradient_of_the_identity(numbers: list[float]) -> None:
    x = torch.tensor(numbers).requires_grad_()
    rounded = round_through(x)
    assert rounded.tolist() == [round(number) for number in x.tolist()]
    (gradient,) = torch.autograd.grad(rounded.sum(), x)
    assert gradient.tolist() == [1.0] * len(numbers)


@given(st.integers(1, 24), st.integers(0, 2**31), st.sampled_from([torch.float32, torch.float64]))
def test_codes_never_leave_their_bits(bits: int, seed: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = (torch.randn(9, 3, generator=generator) * 10.0 ** torch.randint(-6, 6, (3,), generator=generator)).to(
        dtype
    )
    for grid in (Grid.spanning(values, bits), Grid.from_zero(values.abs(), bits)):
        codes = grid.codes(torch.cat((values, values * 3)))  # those off the table are clamped
        assert torch.equal(codes, codes.round())
        assert codes.min() >= 0 and codes.max() <= 2**bits - 1
    spanned = Grid.spanning(values, bits).codes(values)
    assert torch.equal(spanned.amin(0), torch.zeros(3, dtype=dtype))
    assert (spanned.amax(0) >= (2**bits - 1) * (1 - 4 * torch.finfo(dtype).eps)).all()  # the whole range is used


def test_decoded_values_are_half_a_step_off_at_most() -> None:
    values = torch.randn(50, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    grid = Grid.spanning(values, 5)
    decoded = grid.decode(grid.codes(values))
    assert ((decoded - values).abs() <= grid.scale * (0.5 + 1e-12)).all()
    (gradient,) = torch.autograd.grad((decoded * torch.arange(4.0)).sum(), values)
    torch.testing.assert_close(gradient, torch.arange(4.0, dtype=torch.float64).expand(50, 4))


@pytest.mark.parametrize("grid", [Grid.spanning, Grid.from_zero])
def test_a_column_of_one_number_has_codes(grid: object) -> None:
    values = torch.zeros(5, 2)
    assert torch.equal(grid(values, 3).codes(values), torch.zeros(5, 2))  # type: ignore[operator]


@pytest.mark.parametrize("config", VALUE_KINDS, ids=name_of)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_table_holds_p_bit_integers(config: OneLayerConfig, dtype: torch.dtype) -> None:
    table = token_table(random_model(config).to(dtype).weights(), config)
    for codes in (table.values, *(() if table.weights is None else (table.weights,))):
        assert codes.dtype == torch.float64
        assert torch.equal(codes, codes.round())
        assert (codes.min().item(), codes.max().item()) == (0, 2**config.value_bits - 1)


@pytest.mark.parametrize("attention", ["uniform", "softmax"])
def test_sums_are_exact_at_the_most_bits_allowed(attention: str) -> None:
    """Against Python's integers, which have no limit."""
    tokens = 64
    most = (FLOAT64_BITS - tokens.bit_length()) // 2
    config = OneLayerConfig(vertices=34, width=4, hidden=1, attention=attention, value_bits=most, slots=tokens - 1)
    with torch.no_grad():
        table = token_table(random_model(config, scale=0.2).weights(), config)
        parts = contributions(table, config)
        pairs, _ = star_graphs(replace(config, slots=64))
        pairs.alice_BR[0], pairs.bob_BR[0] = True, False
        kept = present_of(pairs, torch.float64)[:1]
        sums = kept @ parts.edges + config.edge_slots * parts.null + parts.query
    weights = np.ones((66, 1), dtype=object) if table.weights is None else _integers(table.weights)
    columns = _integers(table.values) * weights
    expected = columns[:32].sum(0) + (config.edge_slots - 32) * columns[64] + columns[65]
    assert sums[0, :4].tolist() == expected.tolist()
    assert max(expected) > 2**28


def _integers(codes: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.object_]]:
    return np.array([[int(code) for code in row] for row in codes.tolist()], dtype=object)


@pytest.mark.parametrize("config", ROUNDED_KINDS, ids=name_of)
def test_every_parameter_of_a_rounded_model_gets_a_gradient(config: OneLayerConfig) -> None:
    model = random_model(config, scale=0.3)
    pairs, _ = star_graphs(config)
    model.forward_table(present_of(pairs)).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("config", MESSAGE_KINDS[:3], ids=name_of)
def test_bob_sees_nothing_of_alice_but_the_codes(config: OneLayerConfig) -> None:
    """Weights of Alice's rows change within the levels: not a bit of any logit changes."""
    model = random_model(config, scale=0.4)
    pairs, _ = star_graphs(config, batch=200)
    present = present_of(pairs)
    r = config.intermediates

    def codes() -> Tensor:
        parts = contributions(token_table(model.weights(), config), config)
        alice = present[:, :r] @ parts.edges[:r] + r * parts.null
        return message_codes(alice @ model.w_out, 2**config.message_bits)

    with torch.no_grad():
        before, logits = codes(), model.forward_table(present)
        model.edges[:r] += 1e-3 * torch.randn(r, config.width, generator=torch.Generator().manual_seed(1))
        same = (codes() == before).all(1)
        after = model.forward_table(present)
    assert same.float().mean() > 0.5
    assert torch.equal(after[same], logits[same])
