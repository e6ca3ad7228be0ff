"""The cells: one model of one arm, trained on one target with one seed, its errors measured."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from itertools import product
from typing import Any

import torch
from torch import Tensor

from experiments.engine import BUDGET, DIVERGED, TUNING_SEED, best_device
from experiments.studies.decoders.training import members_at_once
from experiments.studies.soft_moe.arms import Arm, Budget, Kind
from experiments.studies.soft_moe.measure import measure
from experiments.studies.soft_moe.pairs import on_witnesses
from experiments.studies.soft_moe.preset import SoftMoePreset
from experiments.studies.soft_moe.setup import Setup
from experiments.studies.soft_moe.training import Member, Source, errors, train
from experiments.studies.types import FLOAT_BYTES, Cell, Finished, Job
from parrots.flat import unpack
from parrots.soft_moe import SoftMoe
from parrots.soft_moe.checkpoint import to_bytes
from parrots.soft_moe.config import Logits

STUDY = "soft-moe"
ARMS, SHAPES = "ab-arms", "c-shapes"
CPU_STACK_BYTES = 2**22
"""Activations of the models that a CPU trains together; more of them would be mapped afresh at every operation."""
LOGITS: tuple[Logits, ...] = ("plain", "normalised")


def jobs(preset: SoftMoePreset) -> tuple[Job, ...]:
    """One job for every arm, with all targets and seeds."""
    return (*_arm_jobs(preset), *_shape_jobs(preset))


def _arm_jobs(preset: SoftMoePreset) -> Iterator[Job]:
    sizes: dict[Kind, tuple[int, ...]] = {"experts": preset.experts, "slots": preset.slots, "larger": (preset.larger,)}
    for logits in LOGITS:
        budget = Budget(preset.tokens, preset.width, preset.hidden, logits)
        for kind, numbers in sizes.items():
            for number in numbers:
                yield _job(preset, ARMS, budget.arm(kind, number), preset.targets)
    yield _job(
        preset, ARMS, Budget(preset.tokens, preset.width, preset.hidden, "plain").arm("perceptron", 1), preset.targets
    )


def _shape_jobs(preset: SoftMoePreset) -> Iterator[Job]:
    compared: tuple[tuple[Kind, int], ...] = (("experts", 1), ("experts", preset.many), ("slots", preset.many))
    for (tokens, width), logits, (kind, size) in product(preset.shapes, LOGITS, compared):
        yield _job(preset, SHAPES, Budget(tokens, width, preset.hidden, logits).arm(kind, size), preset.targets[:1])


def _job(preset: SoftMoePreset, panel: str, arm: Arm, targets: Sequence[str]) -> Job:
    shared = {field.name: getattr(preset, field.name) for field in fields(Setup) if hasattr(preset, field.name)}
    first = [Setup(**{**shared, **asdict(arm), "target": target}) for target in targets]
    cells = tuple(
        Cell(STUDY, panel, {**asdict(setup), "seed": seed}) for setup in first for seed in range(preset.seeds)
    )
    cost = sum(setup.tuning_flops + preset.seeds * setup.flops for setup in first)
    shape = f"T = {arm.tokens}, d = {arm.width}, {arm.experts} experts, {arm.slots} slots each, {arm.hidden} units"
    return Job(f"{arm.kind}, {arm.logits} logits, {shape}", cells, run, cost)


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Tune, train and measure models of one arm, as many of them together as the device's memory holds."""
    device = best_device()
    setups = [Setup.of(cell) for cell in cells]
    first = setups[0]
    began = time.perf_counter()
    scores = tune(setups, device)
    tuning = (time.perf_counter() - began) / len(cells)
    waiting = iter(cells)
    for members in _stacks([_member(setup, scores) for setup in setups], first, device):
        began = time.perf_counter()
        flat = train(first.arm, members, first.recipe, first.radius, device)
        measured = measure(first, members, flat, device)
        seconds = (time.perf_counter() - began) / len(members) + tuning
        for member, row, metrics, cell in zip(members, flat.cpu(), measured, waiting, strict=False):
            tried = {f"{rate:g}": score for rate, score in scores[member.target].items()}
            found = {"learning_rate": member.learning_rate, "tuning": tried, "parameters": len(row), **metrics}
            yield _finished(cell, first, member, row, found, seconds, device.type)


def _stacks(members: Sequence[Member], setup: Setup, device: torch.device) -> Iterator[list[Member]]:
    """Members that are trained together, in order, as many as the device holds.

    None is trained alone: one model is multiplied by other routines than a stack of two or more, which round otherwise,
    so that a model which a killed run lost would come out a little different.  It gets a copy of itself as company.
    """
    at_once = members_at_once(setup.memory, device)
    if device.type != "cuda":
        at_once = min(at_once, CPU_STACK_BYTES // (FLOAT_BYTES * setup.batch * setup.arm.activations))
    at_once = max(2, at_once)
    for start in range(0, len(members), at_once):
        group = list(members[start : start + at_once])
        yield group if len(group) > 1 else group * 2


def _member(setup: Setup, scores: Mapping[str, Mapping[float, float]]) -> Member:
    tried = scores[setup.target]
    return Member(setup.target, setup.seed, min(tried, key=tried.__getitem__))


def _finished(
    cell: Cell, first: Setup, member: Member, row: Tensor, found: dict[str, Any], seconds: float, device: str
) -> Finished:
    """A Soft MoE with finite weights comes with its witnesses and its file."""
    if not row.isfinite().all():
        return Finished(cell, found, DIVERGED, seconds, device)
    if first.kind == "perceptron":
        return Finished(cell, found, BUDGET, seconds, device)
    model = SoftMoe(first.arm.config, unpack(row, first.arm.shapes))
    found["witnesses"] = on_witnesses(model, member.target, first.radius)
    return Finished(cell, found, BUDGET, seconds, device, to_bytes(model))


def tune(setups: Sequence[Setup], device: torch.device) -> dict[str, dict[float, float]]:
    """Of every target, learning rate -> error on validation inputs; a single candidate needs no run."""
    first = setups[0]
    targets = list(dict.fromkeys(setup.target for setup in setups))
    if len(first.learning_rates) == 1:
        return {target: {first.learning_rates[0]: math.nan} for target in targets}
    scores: dict[str, dict[float, float]] = {target: {} for target in targets}
    members = [Member(target, TUNING_SEED, rate) for target, rate in product(targets, first.learning_rates)]
    for group in _stacks(members, first, device):
        flat = train(first.arm, group, first.recipe, first.radius, device)
        examples = Source("validation", group, first.arm, first.radius, device).draw(first.tests)
        errors_of = errors(first.arm, flat, examples).square().mean(1).sqrt().nan_to_num(nan=math.inf).tolist()
        for member, error in zip(group, errors_of, strict=True):
            scores[member.target][member.learning_rate] = error
    return scores
