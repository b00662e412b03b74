"""The list of data sets, and what identifies a recording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from stages.artifacts import fingerprint
from stages.datasets import registry
from stages.datasets.registry import DATASETS, adapter_for, find_folder, resolve_name
from stages.errors import ArtifactError, UsageError
from tests.conftest import run_python


@pytest.mark.parametrize("name", DATASETS)
def test_adapter_for__every_entry_is_there_under_its_name(name: str) -> None:
    adapter = adapter_for(name)
    assert adapter.name == name
    assert adapter.layout_help


def test_listing__imports_no_adapter() -> None:
    code = "import sys, stages.datasets.registry\nprint([name for name in sys.modules if name == 'stages.datasets.kimore'])"
    assert run_python(code).stdout.strip() == "[]"


@pytest.mark.parametrize("text", ["nw-ucla", "NW_UCLA", "NWUCLA"])
def test_resolve_name__any_spelling(text: str) -> None:
    assert resolve_name(text) == "nw-ucla"


def test_resolve_name__unknown() -> None:
    with pytest.raises(UsageError, match=r"Unknown data set 'kimoer'\. Did you mean 'kimore'\?") as caught:
        resolve_name("kimoer")
    assert "utkinect" in caught.value.hint


def test_find_folder__no_root_and_not_there(tmp_path: Path) -> None:
    adapter = adapter_for("kimore")
    with pytest.raises(UsageError, match=r"Where is kimore\?\n  hint: give --data-root DIR or set AQA_DATA"):
        find_folder(adapter, None)
    for root in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(ArtifactError, match=r"kimore was not found under (.|\n)*expected KiMoRe/CG/Expert"):
            find_folder(adapter, root)


def test_inputs_of__files_by_content_and_every_other_field(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Recording:
        file: Path
        start: int

    file = tmp_path / "a.txt"
    file.write_text("content")
    found = registry.inputs_of(Recording(file, 3))
    assert found == {"file": fingerprint.of_file(file), "start": fingerprint.of_value(3)}
    assert registry.inputs_of(Recording(file, 4)) != found
