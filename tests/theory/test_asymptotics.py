"""Asymptotic forms: the limits that sympy finds, and the exact finite numbers that approach them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
import sympy

from theory import bounds, statements
from theory.bounds import asymptotics
from theory.bounds.asymptotics import S, c, gamma
from theory.bounds.packed import packed_neurons
from theory.statements.statement import D, H

FORMS = {form.name: form for form in asymptotics.forms()}
VALUES = {name: form.value() for name, form in FORMS.items()}


def limit(name: str, **sizes: int | sympy.Expr) -> float:
    """The limit of a form with numbers for what is left in it."""
    letters = {"c": c, "gamma": gamma, "D": D, "H": H, "S": S}
    return float(VALUES[name].subs({letters[letter]: number for letter, number in sizes.items()}))


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.name)
def test_every_form_has_a_positive_limit_and_its_statements(form: asymptotics.Form) -> None:
    value = VALUES[form.name]
    assert value.is_finite is not False and value.is_positive
    assert form.variable not in value.free_symbols
    assert set(form.statements) <= set(statements.ids())


def test_limits_by_hand() -> None:
    log3 = sympy.log(3) / sympy.log(2)
    by_hand = {
        "theorem": 1 / (2 * c + 1),
        "theorem, any heads": 1 / (3 * c + 2),
        "count": 1 / (2 * c + 1),
        "count, uniform": 1 / (c + 1),
        "entropy": 1 / (2 * c + sympy.Rational(1, 2)),
        "entropy over count": (2 * c + 1) / (2 * c + sympy.Rational(1, 2)),
        "pattern": sympy.Integer(1),
        "packed, hidden units": 1 + 1 / gamma,
        "packed, bits": log3 * (1 + 1 / c),
        "packed, many bits": log3,
        "chain of thought": 1 / (D * (2 * c + 1) + H * (c + 1) + 1),
        "slots": 1 / (2 * c + 1),
        "accuracy": 2 / sympy.log(2),
    }
    assert set(by_hand) | {"experts"} == set(VALUES)
    for name, expected in by_hand.items():
        assert sympy.simplify(VALUES[name] - expected) == 0, name
    hidden = next(iter(VALUES["experts"].free_symbols))
    assert sympy.simplify(VALUES["experts"] - (1 + 2 / hidden)) == 0


# p = log2 r bits throughout, so c = 1; t = log2 r.
FINITE: dict[str, tuple[Callable[[int], float], float]] = {
    "theorem": (lambda t: bounds.closed_form_min_width(2**t, 1, t) * t / 2**t, limit("theorem", c=1)),
    "count": (lambda t: bounds.message_min_width(2**t, 1, t) * t / 2**t, limit("count", c=1)),
    "count, uniform": (
        lambda t: bounds.message_min_width(2**t, 1, t, "uniform") * t / 2**t,
        limit("count, uniform", c=1),
    ),
    "entropy": (lambda t: bounds.entropy_min_width(2**t, 1, t) * t / 2**t, limit("entropy", c=1)),
    "chain of thought": (
        lambda t: bounds.transcript_min_tokens(2**t, 1, t, 2, 2**t) * t / 2**t,
        limit("chain of thought", c=1, D=2, H=1),
    ),
    "slots": (lambda t: 4 * bounds.slots_min_width(2**t, 4, t) * t / 2**t, limit("slots", c=1)),
    "packed, bits": (
        lambda t: (
            bounds.packed_width(2**t, bounds.packed_digits(2**t, t)) / bounds.message_min_width(2**t, 1, t, "uniform")
        ),
        limit("packed, bits", c=1),
    ),
}


@pytest.mark.parametrize("name", FINITE)
def test_exact_numbers_approach_the_limit(name: str) -> None:
    finite, goal = FINITE[name]
    errors = [abs(finite(t) / goal - 1) for t in (10, 20, 30, 40)]
    assert errors[-1] < 0.04
    assert errors[-1] <= errors[1] and errors[2] <= errors[0]


@pytest.mark.parametrize("digits", [1, 2])
def test_packed_against_the_pattern_bound_at_any_precision(digits: int) -> None:
    """The ratio of the widths falls to 1 + 1/γ, slowly: its terms are log log r / log r."""
    ratios = []
    for t in (10, 20, 30):
        units = packed_neurons(2**t, digits * t)
        ratios.append(bounds.packed_width(2**t, digits * t) / bounds.pattern_min_width(2**t, units))
    goal = limit("packed, hidden units", gamma=digits) / limit("pattern")
    assert ratios == sorted(ratios, reverse=True)
    assert goal < ratios[-1] < goal + 0.35


@pytest.mark.parametrize("share", [16, 24, 32])
def test_the_closed_form_of_the_pattern_bound_is_sound_and_close(share: int) -> None:
    """At D = r / share it asks for fewer hidden units than the exact count, but for nearly as many."""
    r = 2**25
    units = int(asymptotics.pattern_units().subs(asymptotics.y, sympy.Rational(1, share)).evalf(60))
    assert not bounds.pattern_suffices(r, units, r // share)
    assert bounds.pattern_suffices(r, units * 11 // 10 + 2, r // share)


def test_matched_experts_approach_their_limit() -> None:
    ratio = 4
    shares = [
        bounds.critical_experts(2 ** (3 * t), ratio, 2**t) * Fraction(2**t, 2 ** (3 * t)) ** 2 for t in (3, 6, 10)
    ]
    goal = 1 + 2 / ratio
    errors = [abs(float(share) - goal) for share in shares]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-3


def test_few_bits_buy_the_square_root_of_their_share() -> None:
    r = 2**30
    for message in (1, 100, 10_000):
        gain = float(bounds.index_ceiling(message, r)) - 0.5
        assert message / (r * gain**2) == pytest.approx(limit("accuracy"), rel=1e-3)
