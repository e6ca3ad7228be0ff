"""Merging: experts that are the same but for the order of their units merge without loss, others as by plain loops."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch

from parrots.soft_moe import SoftMoeConfig, initial_parameters, mix, predict
from parrots.soft_moe.merging import Groups, fewer_slots, grouped, merge
from theory.errors import InputError

CONFIG = SoftMoeConfig(tokens=3, width=4, experts=6, hidden=3, outputs=2)
GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(20, 3, 4, generator=GENERATOR, dtype=torch.float64)
PARAMETERS = {
    name: value.double() + (torch.randn(value.shape, generator=GENERATOR) if name.endswith("bias") else 0)
    for name, value in initial_parameters(CONFIG, 1).items()
}
USAGE = torch.tensor([0.1, 0.5, 0.2, 0.9, 0.3, 0.4], dtype=torch.float64)


def twins() -> dict[str, torch.Tensor]:
    """Experts 3, 4, 5 are 0, 1, 2 with their hidden units in another order, and have their slot vectors."""
    found = {name: value.clone() for name, value in PARAMETERS.items()}
    order = torch.tensor([2, 0, 1])
    found["inner"][3:] = found["inner"][:3][:, :, order]
    found["inner_bias"][3:] = found["inner_bias"][:3][:, order]
    found["outer"][3:] = found["outer"][:3][:, order]
    found["outer_bias"][3:] = found["outer_bias"][:3]
    found["slot_vectors"][:, 3:] = found["slot_vectors"][:, :3]
    return found


def test_twins_merge_without_loss() -> None:
    parameters = twins()
    groups = grouped(mix(X, parameters, CONFIG).logits, USAGE, 3)
    assert groups.kept.tolist() == [3, 1, 5]
    assert groups.of.tolist() == [0, 1, 2, 0, 1, 2]
    torch.testing.assert_close(groups.share, torch.tensor([0.1, 0.625, 1 / 3, 0.9, 0.375, 2 / 3], dtype=torch.float64))
    whole = predict(X, parameters, CONFIG)
    torch.testing.assert_close(predict(X, merge(parameters, groups), CONFIG), whole)
    small, merged = fewer_slots(parameters, groups, CONFIG)
    assert small.experts == 3
    assert {name: tuple(value.shape) for name, value in merged.items()} == small.shapes()
    torch.testing.assert_close(predict(X, merged, small), whole)  # each group's combine weights add up


def test_merged_weights_are_the_best_aligned_means() -> None:
    groups = grouped(mix(X, PARAMETERS, CONFIG).logits, USAGE, 2)
    merged = merge(PARAMETERS, groups)

    def rows(expert: int) -> torch.Tensor:
        p = PARAMETERS
        return torch.cat([p["inner"][expert].mT, p["outer"][expert], p["inner_bias"][expert][:, None]], 1)

    for group, kept in enumerate(groups.kept.tolist()):
        mine = [j for j in range(6) if groups.of[j] == group]
        total = float(USAGE[mine].sum())
        mean = torch.zeros(3, 9, dtype=torch.float64)
        for j in mine:
            best = max(permutations(range(3)), key=lambda order, j=j: float((rows(kept) * rows(j)[list(order)]).sum()))
            mean += float(USAGE[j]) / total * rows(j)[list(best)]
        for j in mine:
            torch.testing.assert_close(merged["inner"][j].mT, mean[:, :4])
            torch.testing.assert_close(merged["outer"][j], mean[:, 4:8])
            torch.testing.assert_close(merged["inner_bias"][j], mean[:, 8])
            expected = sum(USAGE[i] * PARAMETERS["outer_bias"][i] for i in mine) / total
            torch.testing.assert_close(merged["outer_bias"][j], expected)


def test_experts_join_the_most_similar_kept_one() -> None:
    logits = mix(X, PARAMETERS, CONFIG).logits
    groups = grouped(logits, USAGE, 3)
    columns = logits.flatten(0, 1)
    for j in range(6):
        likeness = [
            float(torch.nn.functional.cosine_similarity(columns[:, j], columns[:, i], dim=0)) for i in groups.kept
        ]
        assert int(groups.of[j]) == max(range(3), key=likeness.__getitem__)


def test_as_many_groups_as_experts_change_nothing() -> None:
    groups = grouped(mix(X, PARAMETERS, CONFIG).logits, USAGE, 6)
    assert groups.share.tolist() == [1.0] * 6
    for name, value in merge(PARAMETERS, groups).items():
        assert value.equal(PARAMETERS[name]), name
    torch.testing.assert_close(
        predict(X, fewer_slots(PARAMETERS, groups, CONFIG)[1], CONFIG), predict(X, PARAMETERS, CONFIG)
    )


def test_impossible_merges_are_refused() -> None:
    logits = mix(X, PARAMETERS, CONFIG).logits
    for groups in (0, 7):
        with pytest.raises(InputError, match=f"{groups} groups of 6 experts: give 1 to 6"):
            grouped(logits, USAGE, groups)
    two = SoftMoeConfig(3, 4, 6, 3, slots=2)
    with pytest.raises(InputError, match="2 slots an expert"):
        fewer_slots(PARAMETERS, Groups(torch.arange(6), torch.arange(6), torch.ones(6)), two)
