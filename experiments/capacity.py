"""Bits that language models were measured to hold for each parameter, by others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """One published measurement."""

    whose: str
    bits: float
    """For each parameter, of the total."""
    what: str
    """Kind of text and of model."""
    cites: str
    """Key in docs/references.bib."""


LITERATURE = (
    Measured("Allen-Zhu and Li 2025", 2.0, "knowledge that can be extracted, dense decoders", "allenzhu2025"),
    Measured("Morris et al. 2025", 3.6, "random text stored, dense decoders", "morris2025"),
)
"""From the least to the most."""
