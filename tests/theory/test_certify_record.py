"""Finished squares on disk: what is read again, what is dropped, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from one_layer_cases import FLOAT_KINDS, ROUNDED_KINDS, random_model

from parrots.config import OneLayerConfig
from parrots.extract import extract
from theory.certify import certify
from theory.certify.certificate import Part
from theory.certify.plan import Plan
from theory.certify.record import Record, fingerprint
from theory.errors import InputError
from theory.table import ForeignBlock, OneLayerTable


@pytest.fixture(autouse=True)
def small_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("theory.certify.plan.SQUARE_BITS", 3)


def table_of(seed: int = 0, **changes: object) -> OneLayerTable:
    config = OneLayerConfig(vertices=7, width=4, hidden=5, experts=2, attention="uniform")
    return extract(random_model(replace(config, **changes), seed, scale=0.5))


def count_decided(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    decided: list[int] = []
    original = Plan.decide

    def decide(plan: Plan, number: int) -> Part:
        decided.append(number)
        return original(plan, number)

    monkeypatch.setattr(Plan, "decide", decide)
    return decided


@pytest.mark.parametrize("kept", [0, 1, 7, 16])
@pytest.mark.parametrize("torn", ["", '{"square": 9, "inp'])
def test_what_is_finished_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int, torn: str
) -> None:
    """After a kill the file ends anywhere; every whole line counts."""
    state, table = tmp_path / "state", table_of()
    whole = certify(table, state=state)
    assert whole == certify(table) and whole.wrong > 0
    lines = state.read_text().splitlines(keepends=True)
    assert len(lines) == 17
    state.write_text("".join(lines[: kept + 1]) + torn)
    decided, told = count_decided(monkeypatch), []
    assert certify(table, told.append, state) == whole
    assert len(decided) == 16 - kept and sum(told) == 4**5
    assert sorted(state.read_text().splitlines()) == sorted(line.rstrip() for line in lines)
    decided.clear()
    assert certify(table, state=state) == whole and decided == []


def test_a_file_cut_within_its_first_line_starts_anew(tmp_path: Path) -> None:
    state, table = tmp_path / "state", table_of()
    whole = certify(table, state=state)
    state.write_bytes(state.read_bytes()[:20])
    assert certify(table, state=state) == whole


def other_tables() -> list[OneLayerTable]:
    table = table_of()
    edges = table.edges_2rC.copy()
    edges[0, 0] = np.nextafter(edges[0, 0], 1)
    return [
        table_of(1),
        replace(table, edges_2rC=edges),
        replace(table, edge_slots=11),
        replace(table, block=replace(table.block, top_k=2)),
        replace(table, message_levels=4),
        replace(table, uniform=False, heads=2),
        replace(table, residual_M=-table.residual_M),
        table_of(vertices=6),
    ]


@pytest.mark.parametrize("other", other_tables())
def test_the_record_of_another_model_is_refused(tmp_path: Path, other: OneLayerTable) -> None:
    state = tmp_path / "state"
    certify(table_of(), state=state)
    before = state.read_bytes()
    with pytest.raises(InputError, match="records the certificate of another model") as refused:
        Record(state, other)
    assert "\n" not in str(refused.value) and "r = 5" in str(refused.value)
    assert state.read_bytes() == before


@pytest.mark.parametrize(
    "text",
    ["notes\n", "notes", "[]\n", '{"a": 1}\n', "null\n", '{"certify": "x", "r": 1}\n{"square": 1}\n', "\x00\xff"],
)
def test_any_other_file_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    state = tmp_path / "state"
    state.write_bytes(text.encode("latin1"))
    with pytest.raises(InputError, match="is no record of") as refused:
        Record(state, table_of())
    assert "\n" not in str(refused.value)
    assert state.read_bytes() == text.encode("latin1")


def test_two_runs_do_not_share_a_file(tmp_path: Path) -> None:
    table = table_of()
    with Record(tmp_path / "state", table), pytest.raises(InputError, match="another run"):
        Record(tmp_path / "state", table)
    with Record(tmp_path / "state", table) as again:
        assert again.parts == {}


def test_a_foreign_block_cannot_be_recognised(tmp_path: Path) -> None:
    foreign = replace(table_of(), block=ForeignBlock(lambda x_BM: x_BM[:, 0], 0.0))
    with pytest.raises(InputError, match="without one"):
        certify(foreign, state=tmp_path / "state")
    assert not (tmp_path / "state").exists()


def test_parts_come_back_as_they_were(tmp_path: Path) -> None:
    parts = [Part(64, 3, 1, 2, -0.1, (-0.1, 5, 6)), Part(64, min_margin=float("inf")), Part(64, 0, 0, 0, 1 / 3)]
    with Record(tmp_path / "state", table_of()) as record:
        for number, part in enumerate(parts):
            record.add(number, part)
    with Record(tmp_path / "state", table_of()) as record:
        assert list(record.parts.values()) == parts
    rows = [json.loads(line) for line in (tmp_path / "state").read_text().splitlines()]
    assert rows[0] == {"certify": fingerprint(table_of()), "r": 5} and rows[1]["worst"] == [-0.1, 5, 6]


def test_fingerprints_differ() -> None:
    tables = [
        table_of(),
        *other_tables(),
        extract(random_model(FLOAT_KINDS[0])),
        extract(random_model(ROUNDED_KINDS[0])),
    ]
    assert len({fingerprint(table) for table in tables}) == len(tables)
    assert fingerprint(table_of()) == fingerprint(table_of())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("square", "0"),
        ("square", -1),
        ("inputs", None),
        ("wrong", "many"),
        ("wrong", -1),
        ("wrong", 10**9),
        ("undecided", 0.5),
        ("decided_exactly", 10**9),
        ("min_margin", "0"),
        ("worst", [0.5]),
        ("worst", [0.5, "a", 1]),
        ("more", 1),
    ],
)
def test_a_row_that_no_run_writes_is_refused(tmp_path: Path, field: str, value: object) -> None:
    state, table = tmp_path / "state", table_of()
    certify(table, state=state)
    first, row, *rest = state.read_text().splitlines()
    state.write_text("\n".join([first, json.dumps(json.loads(row) | {field: value}), *rest, ""]))
    before = state.read_bytes()
    with pytest.raises(InputError, match="no record"):
        certify(table, state=state)
    assert state.read_bytes() == before


def test_a_square_that_the_table_does_not_have_is_left_out(tmp_path: Path) -> None:
    state, table = tmp_path / "state", table_of()
    whole = certify(table, state=state)
    row = json.loads(state.read_text().splitlines()[1])
    with state.open("a") as file:
        file.write(json.dumps(row | {"square": 16}) + "\n")
    assert certify(table, state=state) == whole
