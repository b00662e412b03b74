"""``aqa config show``: every key, its value, and who decided it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stages.configuration import RESOLVERS


def rows(out: str) -> dict[str, tuple[str, str]]:
    return {key: (value, source) for key, value, source in (line.split("\t") for line in out.splitlines()[1:])}


def test_show__default_preset_file_and_set(aqa, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("training:\n  epochs: 7\n  lr: 0.5\n")
    code, out, _ = aqa("config", "show", "finetune", "--config", file, "--set", "training.lr=0.25", "--set", "seeds=[0, 1]")
    found = rows(out)
    assert code == 0
    assert found["training.epochs"] == ("7", str(file))
    assert found["training.lr"] == ("0.25", "--set")
    assert found["seeds"] == ("[0, 1]", "--set")
    assert found["select"] == ('"val"', "default")
    assert "preset of sme-gcn" in {source for _, source in found.values()}


def test_show__follows_the_method(aqa) -> None:
    code, out, _ = aqa("config", "show", "finetune", "--set", "method=kinematics-ridge")
    assert code == 0
    assert any(key.startswith("settings.") for key in rows(out))
    assert rows(out)["method"] == ('"kinematics-ridge"', "--set")
    assert rows(out)["training.epochs"][1] == "default"


@pytest.mark.parametrize("stage", RESOLVERS)
def test_show__every_stage(aqa, stage: str) -> None:
    code, out, _ = aqa("config", "show", stage, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["stage"] == stage
    assert found["config"]
    assert all(isinstance(source, str) and source for source in found["sources"].values())


def test_show__unknown_stage_and_key(aqa) -> None:
    code, _, err = aqa("config", "show", "evalute")
    assert code == 2
    assert "Unknown stage 'evalute'. Did you mean 'evaluate'?" in err
    code, _, err = aqa("config", "show", "evaluate", "--set", "resample=3")
    assert code == 2
    assert "Unknown key 'resample' (--set). Did you mean 'resamples'?" in err


def test_show__a_missing_file(aqa, tmp_path: Path) -> None:
    code, _, err = aqa("config", "show", "finetune", "--config", tmp_path / "none.yaml")
    assert code == 2
    assert "Cannot read the configuration file" in err
