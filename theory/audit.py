"""What the statements say of a given language model: of one of its layers, of what it can hold, and what is not said.

Nothing is approximated: bounds are inverted by exact search, and what the theory leaves open is read from
:data:`theory.coverage.COVERAGE`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from theory import statements
from theory.accounting import (
    DecoderParameters,
    LanguageModel,
    TokenFlops,
    language_model_flops,
    language_model_parameters,
)
from theory.bounds import (
    Size,
    dense_width,
    entropy_min_width,
    entropy_suffices,
    message_min_width,
    packed_digits,
    packed_neurons,
    packed_width,
)
from theory.bounds.enclosure import smallest
from theory.bounds.largest import largest_vertices
from theory.bounds.memorisation import most_labels
from theory.bounds.two_layer import two_layer_width
from theory.coverage import Coverage, covered_suffices, get, streaming_min_width
from theory.errors import InputError

MOST_CONTEXT = 10**9


@dataclass(frozen=True)
class WidthLaw:
    """Up to which V one reading of the width bound does not rule one layer out."""

    statement: str
    assumes: str
    """Of the numbers in the layer, in words."""
    largest_vertices: int


@dataclass(frozen=True)
class Need:
    """The width at which a question of V vertices is answered, or below which one layer cannot answer it."""

    statement: str
    what: str
    """In words, with the number of layers."""
    width: int
    has: int
    """The model's: D for what one layer needs, the width m of a token for what is built."""

    @property
    def met(self) -> bool:
        return self.has >= self.width


@dataclass(frozen=True)
class Audit:
    """Everything about one model; the attention is that of its layer with the largest D."""

    parameters: DecoderParameters
    flops: TokenFlops
    context: int
    bits: int
    heads: int
    value_width: int
    """D."""
    laws: tuple[WidthLaw, ...]
    fits: int
    """V of the largest star graph that the longest sequence holds, an edge a token and the query; 0 if none fits."""
    vertices: int
    """V that the needs are about."""
    needs: tuple[Need, ...]
    most_labels: int
    """Of which every labeling can be held."""
    covered: Coverage
    """Why the bounds apply to one layer of it."""
    left_open: tuple[Coverage, ...]
    """What they do not say of the whole model, or only with other numbers."""
    any_precision: str
    """Why there is no line for unlimited precision."""


def audit(model: LanguageModel, bits: int = 16, context: int = 4096, vertices: int | None = None) -> Audit:
    """Read the theory off a model whose numbers have ``bits`` (p) bits; V is the largest that fits if not given.

    Raises:
        InputError: bits, context or vertices out of range.
    """
    if not 1 <= context <= MOST_CONTEXT:
        raise InputError(f"context {context} is outside 1 to {MOST_CONTEXT}: give a number of tokens in between.")
    attention = max((layer.attention for layer in model.layers), key=lambda one: one.value_width)
    heads, width, fits = attention.heads, attention.value_width, graph_that_fits(model.positions)
    size = Size(fits or 3 if vertices is None else vertices, heads=heads, bits=bits, width=width)
    parameters = language_model_parameters(model)
    return Audit(
        parameters=parameters,
        flops=language_model_flops(model, context),
        context=context,
        bits=bits,
        heads=heads,
        value_width=width,
        laws=width_laws(heads, width, bits),
        fits=fits,
        vertices=size.vertices,
        needs=_needs(size.vertices, heads, bits, width, model.width),
        most_labels=most_labels(parameters.total, bits),
        covered=get("token-choice" if model.mixtures else "dense"),
        left_open=tuple(map(get, _left_open(model))),
        any_precision=statements.get("own-pattern-bound").says_not[0],
    )


def graph_that_fits(positions: int) -> int:
    """V of the largest star graph whose 2r possible edges and query are ``positions`` tokens; 0 if r would be 0."""
    r = (positions - 1) // 2
    return r + 2 if r > 0 else 0


def width_laws(heads: int, width: int, bits: int) -> tuple[WidthLaw, ...]:
    """The largest V at which each reading of the width bound leaves one layer of ``D = width`` room.

    Each says "enough" from r = 1 up to some r and never again: the logarithm of a number of messages minus r is concave
    in r and not negative at 0 or 1, and the state of a stream does not grow with r.
    """

    def largest(suffices: Callable[[int], bool]) -> int:
        return smallest(lambda r: not suffices(r)) + 1

    subtracted, streamed = "maximum-subtracted", "streaming-floats"
    return (
        WidthLaw(
            "own-message-bound", f"{bits}-bit integers on one scale, exact sums", largest_vertices(width, heads, bits)
        ),
        WidthLaw(
            "own-entropy-bound",
            "the same; entropy instead of a count",
            largest(lambda r: entropy_suffices(r, heads, bits, width)),
        ),
        WidthLaw(
            get(subtracted).statement,
            get(subtracted).model,
            largest(lambda r: covered_suffices(subtracted, r, bits, width, heads=heads)),
        ),
        WidthLaw(
            get(streamed).statement,
            f"{bits}-bit floats, summed in one pass, one end's edges first",
            largest(lambda r: streaming_min_width(r, heads, bits) <= width),
        ),
    )


def _needs(vertices: int, heads: int, bits: int, value_width: int, width: int) -> tuple[Need, ...]:
    r = vertices - 2
    # The block stays below r (r/g + 1) neurons while g is at most log2 r.
    digits = min(packed_digits(r, bits) or 1, max(1, r.bit_length() - 1))
    units = packed_neurons(r, digits)
    floats = streaming_min_width(r, heads, bits)
    return (
        Need("own-message-bound", "one layer errs below", message_min_width(r, heads, bits), value_width),
        Need("own-entropy-bound", "one layer errs below", entropy_min_width(r, heads, bits), value_width),
        Need("own-coverage", "one layer errs below, floats in one pass", floats, value_width),
        Need("own-packed", f"one layer is built, with {units:,} ReLUs", packed_width(r, digits), width),
        Need("thm-3.3", f"one layer is built, with {r:,} ReLUs", dense_width(vertices), width),
        Need("own-two-layer", "two layers are built, with no ReLU", two_layer_width(vertices), width),
    )


def _left_open(model: LanguageModel) -> list[str]:
    """Rows of the table of coverage that speak of this model, or of a program that runs it."""
    deep = ["depth"] if len(model.layers) > 1 else []
    routed = ["capacity-after-attention", "expert-choice-after-attention"] if model.mixtures else []
    return [*deep, "chain-of-thought", *routed, "variable-length"]
