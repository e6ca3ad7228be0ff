"""Rows of the table for models beside the plain layer: a noisy state, a chain of thought, slots for attention."""

from __future__ import annotations

from math import ceil

from theory.bounds import ceilings, chain_of_thought, noise, slots
from theory.bounds.row import BoundRow, Rows, Value, at_accuracy, experts_after, given, sentences
from theory.bounds.size import Size


def noise_rows(size: Size) -> list[BoundRow]:
    """``own-noise-ceiling`` for contributions of at most ``signal_to_noise`` sigma a coordinate."""
    rows = Rows(size, "own-noise-ceiling")
    # A softmax head adds its weight sum to the state.
    sums = size.heads if size.attention == "softmax" else 0

    def most() -> ceilings.Enclosure:
        return noise.noise_worst_case_bits(size.r, given(size.width) + sums, given(size.signal_to_noise))

    def ceiling() -> tuple[Value, str]:
        text = f"at most {ceil(most().high)} bits of the noisy state about {size.r} coordinates, at any precision"
        return ceilings.index_ceiling(most().high, size.r), sentences(text, experts_after(size))

    def bits() -> tuple[Value, str]:
        return ceil(most().high), "the most that a state with this noise tells of the graph, rounded up"

    def least() -> int:
        columns = noise.noise_min_columns(given(size.accuracy), size.r, given(size.signal_to_noise))
        return max(1, columns - sums)

    return [
        rows.row("accuracy_ceiling", "share right", ("signal_to_noise", "width"), ceiling),
        rows.row("message_bits", "bits", ("signal_to_noise", "width"), bits),
        *rows.widths(("signal_to_noise", "accuracy"), least, at_accuracy(size), experts_after(size)),
    ]


def chain_of_thought_rows(size: Size) -> list[BoundRow]:
    """``own-cot-bound`` for ``generated_tokens`` of a ``vocabulary``."""
    rows = Rows(size, "own-cot-bound")
    needs = ("bits", "generated_tokens", "vocabulary")

    def shape() -> tuple[int, int]:
        return given(size.generated_tokens), given(size.vocabulary)

    def bits() -> tuple[Value, str]:
        said = chain_of_thought.transcript_log2(
            size.r, size.heads, given(size.bits), given(size.width), *shape(), size.attention
        )
        return ceil(said.high), f"log2 of the number of transcripts, rounded up; a correct model needs {size.r}"

    return [
        *rows.widths(
            needs,
            lambda: chain_of_thought.transcript_min_width(
                size.r, size.heads, given(size.bits), *shape(), size.attention
            ),
            f"fewer coordinates leave less than 2^{size.r} transcripts",
            sentences(_least_tokens(size), experts_after(size)),
        ),
        rows.row("message_bits", "bits", (*needs, "width"), bits),
    ]


def _least_tokens(size: Size) -> str:
    """How many generated tokens the width asked about needs."""
    if size.bits is None or size.width is None or size.vocabulary is None:
        return ""
    if size.attention == "uniform":
        return "under uniform attention every pass reads the same sums, so T does not occur"
    least = chain_of_thought.transcript_min_tokens(size.r, size.heads, size.bits, size.width, size.vocabulary)
    return f"width {size.width} needs T >= {least}"


def slots_rows(size: Size) -> list[BoundRow]:
    """``own-slots-bound`` for ``slots`` of ``width`` coordinates each."""
    rows = Rows(size, "own-slots-bound")

    def bits() -> tuple[Value, str]:
        value = slots.slots_bits(size.r, given(size.slots), given(size.bits), given(size.width))
        return value, f"log2 of the number of messages, rounded up; a correct model needs {size.r}"

    return [
        *rows.widths(
            ("bits", "slots"),
            lambda: slots.slots_min_width(size.r, given(size.slots), given(size.bits)),
            "a narrower token leaves too few bits in all slots together; more slots help, more experts a slot do not",
        ),
        rows.row("message_bits", "bits", ("bits", "slots", "width"), bits),
    ]
