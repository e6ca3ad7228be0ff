"""The store: append only, first row wins, nothing foreign or newer is touched, a kill costs no finished row."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments import store_schema
from experiments.store import FILE, Row, Store, read_rows
from experiments.studies import Cell
from theory.errors import InputError

TIME = "2026-01-01T00:00:00.000+00:00"


def row(seed: int, accuracy: float = 0.5, study: str = "toy", **config: object) -> Row:
    cell = Cell(study, "a", {"seed": seed, **config})
    metrics = {"accuracy": accuracy, "nested": {"list": [1, 2.5, None]}}
    return Row(cell, metrics, "budget", 1.5, "cpu", {"python": "3"}, "abc", {"cores": 2}, TIME, TIME)


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path)
    yield opened
    opened.close()


def test_rows_come_back_as_they_went_in(store, tmp_path):
    rows = (row(3, widths=(8, 12), rate=1e-2, name="é\n'"), row(1), row(2, study="other"))
    assert store.append(rows) == 3
    assert read_rows(tmp_path) == rows
    assert read_rows(tmp_path, "other") == rows[2:]
    assert store.keys() == {one.cell.key for one in rows}


def test_the_first_row_of_a_cell_stays(store, tmp_path):
    assert store.append([row(1, 0.25)]) == 1
    assert store.append([row(1, 0.75), row(2, 0.5)]) == 1
    assert [one.metrics["accuracy"] for one in read_rows(tmp_path)] == [0.25, 0.5]


def test_a_batch_enters_whole_or_not_at_all(store, tmp_path):
    broken = row(2)
    object.__setattr__(broken, "stopped", None)
    with pytest.raises(InputError, match="NOT NULL"):
        store.append([row(1), broken])
    assert read_rows(tmp_path) == ()
    assert store.append([row(1)]) == 1  # and the store still works


@pytest.mark.parametrize("change", ["UPDATE cells SET seconds = 0", "DELETE FROM cells"])
def test_rows_are_never_changed(store, tmp_path, change):
    store.append([row(1)])
    with sqlite3.connect(tmp_path / FILE) as other, pytest.raises(sqlite3.IntegrityError, match="never changed"):
        other.execute(change)
    assert read_rows(tmp_path) == (row(1),)


@given(
    st.dictionaries(
        st.text(),
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    )
)
def test_a_key_depends_on_content_and_not_on_order(config):
    config["seed"] = 7
    key = Cell("toy", "a", config).key
    assert Cell("toy", "a", dict(reversed(config.items()))).key == key
    assert Cell("toy", "b", config).key != key
    assert Cell("toys", "a", config).key != key
    assert Cell("toy", "a", {**config, "seed": 8}).key != key
    assert Cell("toy", "a", Cell("toy", "a", config).config).key == key


def test_the_key_is_the_documented_hash():
    from hashlib import sha256

    assert Cell("toy", "a", {"width": 8, "seed": 1}).key == sha256(b'["toy","a",{"seed":1,"width":8}]').hexdigest()


@pytest.mark.parametrize("seed", [None, "1", True, 1.0])
def test_a_cell_needs_an_integer_seed(seed):
    with pytest.raises(ValueError, match="seed"):
        Cell("toy", "a", {"seed": seed})


def test_reading_creates_nothing(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_rows(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_reading_leaves_every_byte(store, tmp_path):
    store.append([row(1)])
    before = (tmp_path / FILE).read_bytes()
    read_rows(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_newer_store_is_refused_by_reader_and_writer(tmp_path):
    Store(tmp_path).close()
    newer = store_schema.SCHEMA_VERSION + 1
    with sqlite3.connect(tmp_path / FILE) as other:
        other.execute(f"PRAGMA user_version = {newer}")
    before = (tmp_path / FILE).read_bytes()
    for use in (Store, read_rows):
        with pytest.raises(InputError, match=f"schema {newer}, this one reads {store_schema.SCHEMA_VERSION}"):
            use(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE cells (key TEXT)")


def text(path: Path) -> None:
    path.write_text("key,accuracy\n" * 100)


def cut(path: Path) -> None:
    store = Store(path.parent)
    store.append([row(seed) for seed in range(200)])
    store.close()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 // 4096 * 4096])


def scrambled(path: Path) -> None:
    cut(path)
    content = bytearray(path.read_bytes())
    content[4096:8192] = bytes(range(256)) * 16
    path.write_bytes(content)


@pytest.mark.parametrize("spoil", [foreign, text, cut, scrambled])
def test_a_foreign_or_damaged_file_is_refused_and_left_alone(tmp_path, spoil):
    spoil(tmp_path / FILE)
    before = (tmp_path / FILE).read_bytes()
    for use in (Store, read_rows):
        with pytest.raises(InputError) as caught:
            use(tmp_path)
        assert str(tmp_path / FILE) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert (tmp_path / FILE).read_bytes() == before


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="give --out a folder"):
        Store(tmp_path / "file" / "results")


def test_a_full_disk_keeps_the_rows_before(store, tmp_path):
    store.append([row(1)])
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")  # SQLite then fails as it does on a full disk
    with pytest.raises(InputError, match="disk is full"):
        store.append([row(seed) for seed in range(2, 500)])
    assert read_rows(tmp_path) == (row(1),)


WRITER = """
import sys
sys.path.insert(0, {here!r})
from pathlib import Path
from test_store import row
from experiments.store import Store
store = Store(Path({directory!r}))
print(sum(store.append([row(seed, {accuracy})]) for seed in range(60)))
"""


def test_two_processes_share_a_new_store(tmp_path):
    """Both succeed, each cell is there once, and what both say they added is what is there."""
    writers = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                WRITER.format(here=str(Path(__file__).parent), directory=str(tmp_path), accuracy=accuracy),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for accuracy in (0.25, 0.75)
    ]
    added = [int(writer.communicate(timeout=120)[0]) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    rows = read_rows(tmp_path)
    assert sum(added) == len(rows) == 60
    assert [sum(one.metrics["accuracy"] == accuracy for one in rows) for accuracy in (0.25, 0.75)] == added


def test_a_half_written_transaction_is_taken_back_on_reading(tmp_path):
    """What a kill in the middle of a commit leaves: a file with pages of the new rows, and a journal to undo them."""
    store = Store(tmp_path / "live")
    store.append([row(seed) for seed in range(300)])
    store._connection.execute("PRAGMA cache_size = 1")  # so that changed pages reach the file before the commit
    store._connection.execute("BEGIN IMMEDIATE")
    store._connection.execute(
        "INSERT INTO cells SELECT key || 'x', study, panel, config, metrics, seed, stopped, seconds, device, versions,"
        " revision, machine, started, finished FROM cells"
    )
    killed = tmp_path / "killed"
    shutil.copytree(tmp_path / "live", killed)
    store._connection.execute("ROLLBACK")
    store.close()
    assert (killed / f"{FILE}-journal").stat().st_size > 0
    assert (killed / FILE).stat().st_size > (tmp_path / "live" / FILE).stat().st_size
    assert len(read_rows(killed)) == 300
