"""What is measured of a trained model: how many test images it labels right with k of its n experts, by any method.

All of it in float64, from the trained float32 weights.  Nothing but the oracles, which are named so, sees a test label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from experiments.engine import stream
from experiments.studies.specialisation.setup import Setup
from experiments.studies.specialisation.training import Tokens
from parrots.soft_moe import SoftMoeConfig, predict, subsets
from parrots.soft_moe.layer import slot_logits
from parrots.soft_moe.merging import fewer_slots, grouped, merge
from parrots.soft_moe.subsets import Parts

IMAGES_AT_ONCE = 1000


@dataclass(frozen=True)
class Measured:
    """A model and the images it is measured on, in float64; the validation images choose what is fixed for all."""

    parameters: Mapping[str, Tensor]
    config: SoftMoeConfig
    validation: Tokens
    test: Tokens

    @classmethod
    def of(cls, parameters: Mapping[str, Tensor], config: SoftMoeConfig, validation: Tokens, test: Tokens) -> Measured:
        double = {name: value.double() for name, value in parameters.items()}
        return cls(double, config, *(Tokens(part.x.double(), part.labels) for part in (validation, test)))

    def parts(self, tokens: Tokens) -> Parts:
        """What each expert adds, for each image."""
        return parts(tokens.x, self.parameters, self.config)


def parts(x: Tensor, parameters: Mapping[str, Tensor], config: SoftMoeConfig) -> Parts:
    """:func:`parrots.soft_moe.subsets.parts`, some images at a time."""
    found = [subsets.parts(some, parameters, config) for some in x.split(IMAGES_AT_ONCE)]
    return Parts(torch.cat([one.weights for one in found]), torch.cat([one.outputs for one in found]), found[0].bias)


def answers(x: Tensor, parameters: Mapping[str, Tensor], config: SoftMoeConfig) -> Tensor:
    """Outputs ``[images, classes]`` of the whole model, some images at a time."""
    return torch.cat([predict(some, parameters, config) for some in x.split(IMAGES_AT_ONCE)])


def subset_sizes(experts: int) -> list[int]:
    """k: n, n/2, … 1, in ascending order."""
    return [2**exponent for exponent in range(experts.bit_length())]


def measure(model: Measured, setup: Setup) -> dict[str, Any]:
    """Counts of right labels for every k of :func:`subset_sizes`, by method.

    :mod:`experiments.studies.specialisation.analysis` says what the names mean.
    """
    sizes = subset_sizes(model.config.experts)
    seen, held_out = model.parts(model.validation), model.parts(model.test)
    labels = model.test.labels
    metrics: dict[str, Any] = {
        "tests": len(labels),
        "right": _right(answers(model.test.x, model.parameters, model.config), labels),
        "scale": float(model.parameters["scale"]),
        "sizes": sizes,
        "weight": _weight_kept(held_out, sizes),
        **_blind(model, held_out, seen, sizes, setup),
        **_merged(model, seen, sizes),
    }
    if setup.oracle:
        metrics |= _oracle(held_out, labels, sizes)
    if setup.exhaustive:
        metrics |= _exhaustive(held_out, seen, labels, model.validation.labels, sizes)
    return metrics


def retained(parameters: Mapping[str, Tensor], config: SoftMoeConfig, tokens: Tokens, k: int) -> float:
    """Accuracy with the k experts of largest weight over that of the whole model; 0 if that is 0."""
    found = parts(tokens.x, parameters, config)
    counts = _counts(found, subsets.by_weight(found.weights), tokens.labels, [k, config.experts])
    return counts[0] / max(1, counts[1])


def wrong_labels(labels: Tensor, classes: int) -> Tensor:
    """A label for each image that is not its own, each of the others about as often, the same at every call."""
    places = torch.arange(len(labels), device=labels.device)
    return (labels + 1 + places % (classes - 1)) % classes


def _blind(model: Measured, found: Parts, seen: Parts, sizes: list[int], setup: Setup) -> dict[str, Any]:
    """Methods that see no test label: by weight; at random; and one subset for all, chosen on validation images."""
    labels = model.test.labels
    images, experts = found.weights.shape
    generator = torch.Generator().manual_seed(int(stream("test", setup.seed).integers(2**62)))
    draws = [subsets.at_random(images, experts, generator).to(labels.device) for _ in range(setup.draws)]
    typical = subsets.by_weight(seen.weights.mean(0)).expand(images, -1)
    fixed = subsets.greedy_for_all(seen, model.validation.labels, setup.greedy).expand(images, -1)
    return {
        "chosen": _counts(found, subsets.by_weight(found.weights), labels, sizes),
        "typical": _counts(found, typical, labels, sizes),
        "random": [_counts(found, order, labels, sizes) for order in draws],
        "greedy_fixed": _counts(found, fixed, labels, [k for k in sizes if k <= setup.greedy]),
    }


def _oracle(found: Parts, labels: Tensor, sizes: list[int]) -> dict[str, Any]:
    """Greedy subsets for each image by its label, and by a wrong one."""
    wrong = wrong_labels(labels, found.outputs.shape[-1])
    return {
        "greedy_oracle": _counts(found, subsets.greedy(found, labels, max(sizes)), labels, sizes),
        "greedy_wrong": _counts(found, subsets.greedy(found, wrong, max(sizes)), wrong, sizes),
    }


def _exhaustive(found: Parts, seen: Parts, labels: Tensor, seen_labels: Tensor, sizes: list[int]) -> dict[str, Any]:
    """All subsets: whether any gives the label, or a wrong one; how many labels some give; the best one for all."""
    images, experts = found.weights.shape
    wrong, chosen = wrong_labels(labels, found.outputs.shape[-1]), subsets.by_weight(found.weights)
    names = ("exhaustive_oracle", "exhaustive_wrong", "exhaustive_labels", "exhaustive_fixed", "unreached")
    counts: dict[str, Any] = {name: [] for name in names}
    for k in sizes:
        masks = subsets.every_subset(experts, k).to(labels.device)
        reached = subsets.reachable(found, masks)
        best = masks[subsets.right_for_all(seen, seen_labels, masks).argmax()].unsqueeze(0)
        kept = subsets.keep_first(chosen, k, experts)
        predicted = subsets.masked_outputs(found, kept).argmax(1)
        counts["exhaustive_oracle"].append(int(reached.gather(1, labels[:, None]).sum()))
        counts["exhaustive_wrong"].append(int(reached.gather(1, wrong[:, None]).sum()))
        counts["exhaustive_labels"].append(float(reached.sum(1).double().mean()))
        counts["exhaustive_fixed"].append(_right(subsets.masked_outputs(found, best), labels))
        counts["unreached"].append(images - int(reached.gather(1, predicted[:, None]).sum()))
    return counts


def _merged(model: Measured, seen: Parts, sizes: list[int]) -> dict[str, Any]:
    """Models whose experts are merged into k, with all slots, and with one slot a group; n = k is the model itself."""
    counts: dict[str, list[int]] = {"merged": [], "merged_slots": []}
    logits = slot_logits(model.validation.x, model.parameters, model.config)
    for k in sizes:
        groups = grouped(logits, seen.weights.mean(0), k)
        small, parameters = fewer_slots(model.parameters, groups, model.config)
        whole = answers(model.test.x, merge(model.parameters, groups), model.config)
        counts["merged"].append(_right(whole, model.test.labels))
        counts["merged_slots"].append(_right(answers(model.test.x, parameters, small), model.test.labels))
    return counts


def _counts(found: Parts, order: Tensor, labels: Tensor, sizes: list[int]) -> list[int]:
    """Images labelled right by the first k of ``order`` ``[images, n]``, for every k."""
    places = torch.tensor(sizes, device=labels.device) - 1
    right = torch.zeros(len(sizes), dtype=torch.long, device=labels.device)
    for rows in torch.arange(len(labels), device=labels.device).split(IMAGES_AT_ONCE):
        some = Parts(found.weights[rows], found.outputs[rows], found.bias)
        predicted = subsets.nested_outputs(some, order[rows])[:, places].argmax(-1)
        right += (predicted == labels[rows, None]).sum(0)
    return [int(count) for count in right]


def _weight_kept(found: Parts, sizes: list[int]) -> list[float]:
    """Mean share of the combine weight that the k largest have."""
    share = found.weights.sort(-1, descending=True).values.cumsum(-1) / found.weights.sum(-1, keepdim=True)
    return [float(share[:, k - 1].mean()) for k in sizes]


def _right(outputs: Tensor, labels: Tensor) -> int:
    return int((outputs.argmax(1) == labels).sum())
