"""The bits a parameter that a plan reads from a store are those of the models that recall most for each parameter."""

import json

import pytest
from book_rows import synthetic_rows

from experiments.cli import main
from experiments.planning.measured import recalled
from experiments.store import Store
from experiments.studies.phone_book.cells import BookSetup
from theory.accounting import decoder_parameters


def test_reads_dense_models_and_mixtures_apart(tmp_path, capsys):
    def bits(setup: BookSetup) -> float:
        return decoder_parameters(setup.model).total * (1.5 if setup.model.router is None else 0.75)

    store = Store(tmp_path)
    store.append(synthetic_rows(bits))
    store.close()
    found = recalled(tmp_path)
    of_seeds = 1.01  # the rows' seeds 0, 1, 2 recall 1, 1.01 and 1.02 times as much
    values = {routed: one.bits.value for routed, one in found.items()}
    assert values == pytest.approx({False: 1.5 * of_seeds, True: 0.75 * of_seeds})
    words = ["plan", "--total", "1M", "--active", "500k", "--vocabulary", "100", "--head-width", "8", "--layers", "2"]
    assert main([*words, "--experts", "1", "8", "--results", str(tmp_path), "--json"]) == 0
    payload = json.loads(capsys.readouterr().out)
    for row, each in zip(payload["rows"], (found[False], found[True]), strict=True):
        assert row["bits_by_own"] == round(each.bits.value * row["total"])
    assert payload["sources"]["bits_by_own"]["source"] == str(tmp_path)
