"""Every bound for one size."""

from __future__ import annotations

from math import ceil

from theory.bounds import average, ceilings, entropy, matched, message, packed, pattern
from theory.bounds.other_models import chain_of_thought_rows, noise_rows, slots_rows
from theory.bounds.row import BoundRow, Rows, Value, at_accuracy, experts_after, given, sentences
from theory.bounds.size import Size
from theory.bounds.soft_moe import soft_moe_rows


def bounds_table(size: Size) -> tuple[BoundRow, ...]:
    """All rows of all statements that bound something, in the order of the registry.

    A row that lacks an input has ``applies=False`` and says which flag to give.
    """
    makers = (
        _theorem_32,
        _theorem_33,
        _corollary_34,
        _message_bound,
        _entropy_bound,
        _index_ceiling,
        _planted_ceiling,
        _pattern_bound,
        _pattern_ceiling,
        _packed,
        noise_rows,
        chain_of_thought_rows,
        slots_rows,
        soft_moe_rows,
    )
    return tuple(row for maker in makers for row in maker(size))


def _experts_as_logarithm(size: Size) -> str:
    if size.experts == 1 or size.neurons is None:
        return ""
    units = pattern.hyperplane_units(size.neurons, size.experts)
    return f"K = {size.experts} enters only as a logarithm, through n = Kh + K(K-1)/2 = {units}"


def _theorem_32(size: Size) -> list[BoundRow]:
    rows = Rows(size, "thm-3.2")

    def bits() -> tuple[Value, str]:
        value = message.closed_form_bits(size.r, size.heads, given(size.bits), given(size.width), size.attention)
        return (
            value,
            "H(p+l) + D(2p+l), l = ceil(log2 r)" if size.attention == "softmax" else "D(p+l), l = ceil(log2 r)",
        )

    constants = "the paper states it asymptotically; the constants are this project's"
    least = "(r - H(p+l)) / (2p+l) and r / (3p+2l)" if size.attention == "softmax" else "r / (p+l)"
    return [
        *rows.widths(
            ("bits",),
            lambda: message.closed_form_min_width(size.r, size.heads, given(size.bits), size.attention),
            f"{least}, l = ceil(log2 r); {constants}",
            experts_after(size),
        ),
        rows.row("message_bits", "bits", ("bits", "width"), bits),
    ]


def _theorem_33(size: Size) -> list[BoundRow]:
    why = "dense: one coordinate a vertex, uniform attention, one hidden ReLU layer"
    rows = Rows(size, "thm-3.3")
    return [rows.row("construction_width", "coordinates", (), lambda: (packed.dense_width(size.vertices), why))]


def _corollary_34(size: Size) -> list[BoundRow]:
    def experts() -> tuple[Value | None, str]:
        bits = given(size.bits)
        first = entropy.entropy_min_width(size.r, size.heads, bits, size.attention)
        value = matched.critical_experts(size.vertices, size.hidden_ratio, first)
        if value is None:
            return None, f"vacuous: no width is ruled out for {size.vertices} vertices at {bits} bits"
        return value, (
            f"from this K on a mixture with the parameters of a dense model of width {size.vertices} is narrower "
            f"than {first}, the least width of own-entropy-bound; hidden = {size.hidden_ratio} x width, "
            "embeddings not counted"
        )

    return [Rows(size, "cor-3.4").row("critical_experts", "experts", ("bits",), experts)]


def _message_bound(size: Size) -> list[BoundRow]:
    rows = Rows(size, "own-message-bound")

    def bits() -> tuple[Value, str]:
        value = message.message_bits(size.r, size.heads, given(size.bits), given(size.width), size.attention)
        return value, f"log2 of the number of messages, rounded up; a correct model needs {size.r}"

    return [
        *rows.widths(
            ("bits",),
            lambda: message.message_min_width(size.r, size.heads, given(size.bits), size.attention),
            f"fewer coordinates leave less than 2^{size.r} messages",
            experts_after(size),
        ),
        rows.row("message_bits", "bits", ("bits", "width"), bits),
    ]


def _entropy_bound(size: Size) -> list[BoundRow]:
    rows = Rows(size, "own-entropy-bound")

    def bits() -> tuple[Value, str]:
        worst = entropy.entropy_worst_case_bits(size.r, size.heads, given(size.bits), given(size.width), size.attention)
        return ceil(worst.high), f"the most entropy of a message, rounded up; a correct model needs {size.r}"

    return [
        *rows.widths(
            ("bits",),
            lambda: entropy.entropy_min_width(size.r, size.heads, given(size.bits), size.attention),
            f"fewer coordinates carry less than {size.r} bits of entropy, whatever the weights",
            experts_after(size),
        ),
        rows.row("message_bits", "bits", ("bits", "width"), bits),
    ]


def _index_ceiling(size: Size) -> list[BoundRow]:
    return _ceiling_of_message(size, "own-index-ceiling", ())


def _planted_ceiling(size: Size) -> list[BoundRow]:
    return _ceiling_of_message(size, "own-planted-ceiling", ("set_size",))


def _ceiling_of_message(size: Size, statement: str, needs: tuple[str, ...]) -> list[BoundRow]:
    rows = Rows(size, statement)

    def asked() -> tuple[int, int]:
        set_size = given(size.set_size) if needs else 1
        return set_size, ceilings.free_coordinates(size.r, set_size)

    def ceiling() -> tuple[Value, str]:
        log2_count = message.message_log2(size.r, size.heads, given(size.bits), given(size.width), size.attention)
        _, free = asked()
        value = ceilings.index_ceiling(log2_count.high, free)
        text = f"at most {ceil(log2_count.high)} bits about {free} coordinates"
        return value, sentences(text, experts_after(size))

    def needed_bits() -> tuple[Value, str]:
        _, free = asked()
        return ceilings.index_min_bits(
            given(size.accuracy), free
        ), f"the least message for accuracy {float(given(size.accuracy))}"

    def least() -> int:
        return average.index_min_width(
            given(size.accuracy), size.r, size.heads, given(size.bits), size.attention, asked()[0]
        )

    return [
        rows.row("accuracy_ceiling", "share right", (*needs, "bits", "width"), ceiling),
        rows.row("message_bits", "bits", (*needs, "accuracy"), needed_bits),
        *rows.widths((*needs, "bits", "accuracy"), least, at_accuracy(size), experts_after(size)),
    ]


def _pattern_bound(size: Size) -> list[BoundRow]:
    rows = Rows(size, "own-pattern-bound")

    def bits() -> tuple[Value, str]:
        value = pattern.pattern_bits(
            size.r, given(size.neurons), given(size.width), size.experts, size.heads, size.attention
        )
        return ceil(value), f"log2 of the number of answer patterns, rounded up; a correct model needs {size.r}"

    return [
        *rows.widths(
            ("neurons",),
            lambda: pattern.pattern_min_width(size.r, given(size.neurons), size.experts, size.heads, size.attention),
            f"fewer coordinates show less than 2^{size.r} answer patterns, at any precision",
            _experts_as_logarithm(size),
        ),
        rows.row("message_bits", "bits", ("neurons", "width"), bits),
    ]


def _pattern_ceiling(size: Size) -> list[BoundRow]:
    rows = Rows(size, "own-pattern-ceiling")

    def ceiling() -> tuple[Value, str]:
        shape = (size.r, given(size.neurons), given(size.width), size.experts, size.heads, size.attention)
        text = f"at most {ceil(pattern.pattern_bits(*shape))} bits of answer patterns about {size.r} coordinates"
        return pattern.pattern_ceiling(*shape), sentences(text, _experts_as_logarithm(size))

    return [
        rows.row("accuracy_ceiling", "share right", ("neurons", "width"), ceiling),
        *rows.widths(
            ("neurons", "accuracy"),
            lambda: average.pattern_accuracy_min_width(
                given(size.accuracy), size.r, given(size.neurons), size.experts, size.heads, size.attention
            ),
            at_accuracy(size),
            _experts_as_logarithm(size),
        ),
    ]


def _packed(size: Size) -> list[BoundRow]:
    def width() -> tuple[Value | None, str]:
        digits = packed.packed_digits(size.r, given(size.bits), size.neurons)
        if digits is None:
            return None, f"needs {size.r} hidden units for one digit a coordinate, has {size.neurons}"
        return packed.packed_width(size.r, digits), (
            f"ceil(r/g) + 1 with g = {digits} base-3 digits a coordinate and one coordinate named answer; "
            f"{packed.packed_neurons(size.r, digits)} hidden units, "
            f"{packed.packed_bits(size.r, digits)} bits a state coordinate"
        )

    return [Rows(size, "own-packed").row("construction_width", "coordinates", ("bits",), width)]
