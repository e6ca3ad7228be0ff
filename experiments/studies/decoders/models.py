"""The models that are compared: one trunk, dense, with experts, and dense but as wide as all experts together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from parrots.decoder import DecoderConfig
from parrots.decoder.routers.token_choice import TokenChoice


def dense(trunk: DecoderConfig) -> tuple[str, DecoderConfig]:
    """Family and model: ``trunk`` itself, which is dense."""
    return "dense", trunk


def mixture(trunk: DecoderConfig, experts: int, top_k: int = 2) -> tuple[str, DecoderConfig]:
    """``trunk`` with experts of as many hidden units as its dense layer has."""
    return f"{experts} experts", replace(trunk, router=TokenChoice(experts=experts, top_k=top_k))


def wide(trunk: DecoderConfig, experts: int) -> tuple[str, DecoderConfig]:
    """The control: as many hidden units as all ``experts`` have together, and every token uses them all."""
    return f"dense, hidden × {experts}", replace(trunk, hidden=experts * trunk.feed_forward)


def compared(
    trunks: Sequence[DecoderConfig], experts: Sequence[int], controls: Sequence[int]
) -> Iterator[tuple[str, DecoderConfig]]:
    """Every trunk dense, with each number of ``experts``, and as wide as each number of experts in ``controls``."""
    for trunk in trunks:
        yield dense(trunk)
        yield from (mixture(trunk, number) for number in experts)
        yield from (wide(trunk, number) for number in controls)
