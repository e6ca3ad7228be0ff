"""The three presets' grids: what they hold, that arms compare what they claim to, and that nonsense is refused."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.engine import TUNING_SEED
from experiments.studies import Job, with_settings
from experiments.studies.width import ceiling, certified, critical, matched, two_layer
from experiments.studies.width.preset import MOST_SEEDS, PRESETS, WidthPreset
from experiments.studies.width.study import WidthStudy
from experiments.studies.width.training import Setup
from parrots.ensemble import EnsembleLayout
from parrots.initialise import initial_parameters
from theory.accounting import parameters
from theory.errors import InputError

FIELDS = [field.name for field in dataclasses.fields(WidthPreset)]
JOBS = {name: WidthStudy().jobs(preset) for name, preset in PRESETS.items()}


def setups(jobs: tuple[Job, ...], panel: str) -> set[Setup]:
    return {Setup.of(cell) for job in jobs for cell in job.cells if cell.panel == panel}


@pytest.fixture(params=PRESETS)
def preset(request) -> str:
    return request.param


def test_keys_and_names_are_unique(preset):
    cells = [cell for job in JOBS[preset] for cell in job.cells]
    assert len({cell.key for cell in cells}) == len(cells)
    assert len({job.name for job in JOBS[preset]}) == len(JOBS[preset])
    assert all(job.cost > 0 for job in JOBS[preset])


def test_the_cells_of_a_job_train_as_one_ensemble(preset):
    """One layout takes them; steps, batch and law, of which the engine has one for all, are equal."""
    for job in JOBS[preset]:
        if job.function is two_layer.run:
            assert len({(cell.config["r"], cell.config["width"]) for cell in job.cells}) == 1
            continue
        found = [Setup.of(cell) for cell in job.cells]
        EnsembleLayout(tuple(setup.config for setup in found))
        assert len({(s.r, s.law, s.steps, s.batch) for s in found}) == 1


def test_a_setup_survives_its_cell(preset):
    for job in JOBS[preset]:
        if job.function is not two_layer.run:
            for cell in job.cells:
                assert Setup.of(cell).cell(cell.panel, cell.seed).key == cell.key


def test_every_point_has_every_seed(preset):
    seeds = defaultdict(set)
    for job in JOBS[preset]:
        for cell in job.cells:
            rest = {name: value for name, value in cell.config.items() if name != "seed"}
            seeds[cell.panel, str(rest)].add(cell.seed)
    assert {frozenset(found) for found in seeds.values()} == {frozenset(range(PRESETS[preset].seeds))}
    assert PRESETS[preset].seeds >= (3 if preset == "quick" else 5)
    assert MOST_SEEDS < TUNING_SEED


@pytest.mark.parametrize(("preset", "least", "most"), [("quick", 8, 32), ("gpu", 8, 128), ("paper", 64, 1024)])
def test_sizes_are_those_of_the_study(preset, least, most):
    sizes = {setup.r for setup in setups(JOBS[preset], critical.PANEL)}
    assert min(sizes) <= least
    assert max(sizes) >= most
    assert {setup.r for setup in setups(JOBS[preset], certified.PANEL)} >= {8, 10}
    assert {setup.r for setup in setups(JOBS[preset], ceiling.INDEX)} == {8, 16}
    assert min(setup.r for setup in setups(JOBS[preset], ceiling.FLOAT)) >= 64
    if preset != "quick":
        assert 12 in {setup.r for setup in setups(JOBS[preset], certified.PANEL)}


@pytest.mark.parametrize(("panel", "arms"), [(critical, critical.ARMS), (certified, tuple(certified.ARMS))])
def test_every_arm_has_widths_at_every_size(preset, panel, arms):
    widths = defaultdict(set)
    for setup in setups(JOBS[preset], panel.PANEL):
        widths[setup.r, setup.arm].add(setup.width)
    sizes = {r for r, _ in widths}
    assert set(widths) == set(product(sizes, arms))
    assert min(map(len, widths.values())) >= 2


def test_arms_get_the_graphs_they_claim(preset):
    """Equal steps: one batch for all.  Equal samples an expert: batch x top-k / K is that batch.  Equal totals."""
    found = setups(JOBS[preset], critical.PANEL)
    for r in {setup.r for setup in found}:
        batches = {arm: {s.batch for s in found if (s.r, s.arm) == (r, arm)} for arm in critical.ARMS}
        assert all(len(batch) == 1 for batch in batches.values())
        batch = {arm: one.pop() for arm, one in batches.items()}
        first = {s.arm: s for s in found if s.r == r}
        assert batch[critical.TOP_1] == batch[critical.TOP_2] == batch[critical.DENSE]
        for arm in (critical.TOP_1_SAMPLES, critical.TOP_2_SAMPLES):
            assert batch[arm] * first[arm].top_k == batch[critical.DENSE] * first[arm].experts
        assert batch[critical.DENSE_SAMPLES] == batch[critical.TOP_1_SAMPLES]
        assert {s.steps for s in found if s.r == r} == {PRESETS[preset].critical_steps}
        assert {s.hidden for s in found if s.r == r} == {4 * r}
        assert {s.learning_rates for s in found if s.r == r} == {critical.learning_rates(r)}
        assert {(first[arm].experts, first[arm].top_k) for arm in (critical.DENSE, critical.DENSE_SAMPLES)} == {(1, 1)}
        assert first[critical.TOP_1].experts == first[critical.TOP_2].experts >= 8
        assert (first[critical.TOP_1].top_k, first[critical.TOP_2].top_k) == (1, 2)


def test_messages_are_no_longer_than_the_input(preset):
    found = setups(JOBS[preset], ceiling.INDEX)
    bits = {(s.r, s.arm): {s.width * s.message_bits for s in found if (s.r, s.arm) == (r, arm)}
            for r, arm in {(s.r, s.arm) for s in found} for s in found if (s.r, s.arm) == (r, arm)}  # fmt: skip
    assert len({tuple(sorted(messages)) for (r, _), messages in bits.items() if r == 8}) == 1
    for (r, _), messages in bits.items():
        assert max(messages) <= r
        assert min(messages) < r


def test_the_control_is_as_wide_as_the_experts_together(preset):
    found = setups(JOBS[preset], ceiling.INDEX)
    most = max(s.experts for s in found)
    assert most == 16
    together = {s.experts * s.hidden for s in found if s.experts == most}
    assert {s.hidden for s in found if s.arm == "wide dense"} == together
    assert {s.experts for s in found if s.arm == "wide dense"} == {1}


def test_matched_totals_are_the_largest_that_fit(preset):
    found = sorted(setups(JOBS[preset], matched.PANEL), key=lambda setup: setup.experts)
    dense = found[0]
    assert (dense.experts, dense.width) == (1, PRESETS[preset].matched_width)
    budget = parameters(dense.config).without_embedding
    for setup in found:
        wider = dataclasses.replace(setup, width=setup.width + 1, hidden=matched.HIDDEN_RATIO * (setup.width + 1))
        total = parameters(setup.config).without_embedding
        assert total <= budget < parameters(wider.config).without_embedding
        one_more_unit = dataclasses.replace(setup, hidden=setup.hidden + 1)
        assert parameters(one_more_unit.config).without_embedding > budget
        assert setup.hidden >= matched.HIDDEN_RATIO * setup.width
    assert [s.width for s in found] == sorted((s.width for s in found), reverse=True)


def test_matched_totals_agree_with_the_models_themselves():
    for setup in setups(JOBS["quick"], matched.PANEL):
        arrays = initial_parameters(setup.config, 0)
        numbers = sum(value.numel() for name, value in arrays.items() if name not in ("edges", "null", "query"))
        assert numbers == parameters(setup.config).without_embedding


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("critical_experts=4", "8 experts or more"),
        ("critical_experts=9", "even"),
        ("certified_r=13", "up to 12"),
        ("index_r=13", "at most 12"),
        ("seeds=0", "positive"),
        ("seeds=1000000", "at most"),
        ("index_bits=1,1", "each once"),
        ("critical_share=0.5,-1", "positive"),
        ("certified_share=1e300", "share of r"),
        ("index_experts=", "one number of experts"),
        ("device_flops=inf", "finite"),
        ("matched_experts=1,100000", "even at width 1"),
        ("crtical_r=8", "critical_r"),
    ],
)
def test_a_preset_that_makes_no_sense_is_one_line(setting, text):
    with pytest.raises(InputError, match=text) as caught:
        WidthStudy().jobs(with_settings(PRESETS["quick"], [setting]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ["critical_share", "critical_share_large_batch", "certified_share", "index_bits"])
def test_an_empty_field_leaves_its_cells_out(field):
    jobs = WidthStudy().jobs(with_settings(PRESETS["quick"], [f"{field}="]))
    cells = {cell.key for job in jobs for cell in job.cells}
    assert cells < {cell.key for job in JOBS["quick"] for cell in job.cells}


NUMBERS = st.one_of(
    st.integers(-3, 40), st.sampled_from([10**9, 2**70]), st.floats(-1, 3), st.sampled_from(["", "x", "nan", "-inf"])
)


@given(st.sampled_from(FIELDS), st.lists(NUMBERS, max_size=3))
def test_any_value_gives_a_grid_or_one_line(field, values):
    """No traceback, and a grid that is accepted can be estimated."""
    try:
        preset = with_settings(PRESETS["quick"], [f"{field}={','.join(map(str, values))}"])
        jobs = WidthStudy().jobs(preset)
    except InputError as error:
        assert len(str(error)) > 20
        assert "\n" not in str(error)
        return
    cells = [cell for job in jobs for cell in job.cells]
    assert len({cell.key for cell in cells}) == len(cells)
    assert sum(line.cells for line in WidthStudy().dry_run(preset)) == len(cells)
