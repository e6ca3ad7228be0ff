"""An audit as plain values: what ``--json`` prints and what the tables are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from experiments.capacity import LITERATURE
from experiments.suggest import unknown_name
from parrots.interop.config_fields import CONFIG
from parrots.interop.families import FAMILIES
from parrots.interop.language_models import UnknownFamilyError, read_language_model
from theory.accounting import DecoderParameters, LanguageModel
from theory.audit import Audit, audit
from theory.bounds.memorisation import most_facts
from theory.coverage import Coverage
from theory.errors import InputError

ALWAYS_USED = ("embedding", "head", "attention", "norms", "router", "dense", "shared")
"""Parts of the parameters that every token uses whole."""

SAME_NUMBERS = ("own-message-bound", "own-entropy-bound")
"""Laws for p-bit integers on one scale, of which the sharper counts."""


def record(path: Path, bits: int, context: int, vertices: int | None, digits: int) -> dict[str, Any]:
    """Everything that is said of the model in ``path``.

    Raises:
        InputError: no readable configuration of a known family, or a number out of range; the line names the file.
    """
    if not 1 <= digits <= 1000:
        raise InputError(f"digits {digits} is outside 1 to 1000: give the digits of a number that is looked up.")
    try:
        model = read_language_model(path)
    except UnknownFamilyError as error:
        raise InputError(f"{path}: {unknown_name('model_type', error.given, FAMILIES)}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    found = audit(model, bits, context, vertices)
    return {
        "name": path.resolve().parent.name if path.name == CONFIG else path.stem,
        "path": path,
        "model": _shape(model),
        "parameters": parameters(found.parameters),
        "flops": {"context": context, "beyond_positions": context > model.positions, **_flops(found)},
        "width": _width(found),
        "memory": _memory(found, digits),
        "covered": _coverage(found.covered),
        "not_said": [*map(_coverage, found.left_open)],
        "any_precision": found.any_precision,
    }


def parameters(counts: DecoderParameters) -> dict[str, dict[str, int]]:
    """Part -> total and active; parts that the model has not are left out."""
    whole = {name: {"total": number, "active": number} for name in ALWAYS_USED if (number := getattr(counts, name))}
    if counts.experts:
        whole["experts"] = {"total": counts.experts, "active": counts.active_experts}
    return whole | {
        "all": {"total": counts.total, "active": counts.active},
        "all but embedding": {"total": counts.total - counts.embedding, "active": counts.active - counts.embedding},
        "all but embedding and head": {"total": counts.inner, "active": counts.active_inner},
    }


def _shape(model: LanguageModel) -> dict[str, Any]:
    mixtures = model.mixtures
    return {
        "layers": len(model.layers),
        "width": model.width,
        "vocabulary": model.vocabulary,
        "positions": model.positions,
        "layers_with_experts": len(mixtures),
        "experts": max((layer.experts for layer in mixtures), default=0),
        "experts_a_token": max((layer.top_k for layer in mixtures), default=0),
        "layers_with_window": sum(layer.window is not None for layer in model.layers),
    }


def _flops(found: Audit) -> dict[str, int]:
    return {**{name: number for name, number in asdict(found.flops).items() if number}, "all": found.flops.total}


def _width(found: Audit) -> dict[str, Any]:
    return {
        "heads": found.heads,
        "value_width": found.value_width,
        "bits": found.bits,
        "laws": [asdict(law) for law in found.laws],
        "largest_vertices": min(law.largest_vertices for law in found.laws if law.statement in SAME_NUMBERS),
        "fits": found.fits,
        "vertices": found.vertices,
        "needs": [{**asdict(need), "met": need.met} for need in found.needs],
    }


def _memory(found: Audit, digits: int) -> dict[str, Any]:
    return {"digits": digits, "rows": [*_capacities(found, digits)]}


def _capacities(found: Audit, digits: int) -> Iterator[dict[str, Any]]:
    """Bits that all parameters hold: at most, and as measured by others on other models."""
    rates = [("thm-3.6", "at most", Fraction(found.bits))]
    rates += [(one.cites, f"measured: {one.what}", Fraction(str(one.bits))) for one in LITERATURE]
    for source, says, rate in rates:
        held = found.most_labels * rate / found.bits
        yield {
            "source": source,
            "says": says,
            "bits_a_parameter": float(rate),
            "bits": int(held),
            "facts": most_facts(held, 10**digits),
        }


def _coverage(row: Coverage) -> dict[str, str]:
    return {"what": row.model, "holds": row.holds, "why": row.why, "statement": row.statement}
