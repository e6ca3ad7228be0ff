"""Studies are found by looking into their folder, under their names, and without importing one of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from experiments import studies
from theory.errors import InputError


@pytest.mark.parametrize("name", studies.STUDIES)
def test_a_study_has_the_name_it_is_found_by(name: str) -> None:
    study = studies.get(name)
    assert study.name == name
    assert {"quick", "gpu", "paper"} <= set(study.presets)


def test_a_new_file_or_package_is_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "new_one.py").write_text("STUDY = 'a study'\n")
    (tmp_path / "typed").mkdir()
    (tmp_path / "typed" / "__init__.py").write_text("import typed_study_was_imported\nSTUDY: object = None\n")
    (tmp_path / "shared.py").write_text("# STUDY = is defined elsewhere\nNOT_A_STUDY = 1\n")
    (tmp_path / "no_module").mkdir()
    found = studies.scan([*studies.__path__, str(tmp_path)])
    assert found.keys() - studies.STUDIES.keys() == {"new-one", "typed"}
    assert list(found)[-2:] == ["new-one", "typed"]  # after those in ORDER
    monkeypatch.setattr(studies, "STUDIES", found)
    monkeypatch.setattr(studies, "__path__", [*studies.__path__, str(tmp_path)])
    assert studies.get("new-one") == "a study"


def test_the_order_is_kept_and_names_come_close() -> None:
    assert [name for name in studies.STUDIES if name in studies.ORDER] == [
        name for name in studies.ORDER if name in studies.STUDIES
    ]
    with pytest.raises(InputError, match=r"unknown study 'memorizer': did you mean memoriser\?"):
        studies.get("memorizer")


def test_names_are_known_before_anything_heavy_is_imported() -> None:
    code = "import sys, experiments.studies as s; print(any(m in sys.modules for m in ('torch', *s.STUDIES.values())))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"
