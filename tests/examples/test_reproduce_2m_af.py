"""The recipes of ``examples/reproduce/2m-af``: what each would type at full size is valid and complete, and each runs in miniature."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.examples import checks, recipes

FOLDER = recipes.ROOT / "2m-af"
SCRIPTS = [*(f"table-{number}" for number in range(1, 13)), "nw-ucla"]
SOURCED = ["common", "recognition", "ntu60"]
MINIATURE = {
    "EPOCHS": "1",
    "PRETRAIN_EPOCHS": "1",
    "ESTIMATOR": "tiny",
    "BOXES": "",
    "BACKBONE": "tiny",
    "SEGMENTS": "2",
    "CTR_GCN": "{width: 8, blocks: 2}",
    "ST_GCN": "{width: 8, blocks: 5}",
    "AGCN": "{width: 8, blocks: 5}",
    "EFFICIENT_GCN": "{scale: 0, width: 8}",
    "POSEC3D": "{size: 12, width: 4, blocks: [1, 1, 1]}",
    "PSTL": "--set settings.projection=16",
    "WAYS": "scratch sme-gcn",
}


def test_folder__every_script_is_known_here() -> None:
    assert {path.stem for path in FOLDER.glob("*.sh")} == {*SCRIPTS, *SOURCED}


@pytest.mark.parametrize("name", [*SCRIPTS, *SOURCED])
def test_script__is_shell(name: str) -> None:
    result = subprocess.run(["sh", "-n", str(FOLDER / f"{name}.sh")], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


# What a recipe types at full size ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCRIPTS)
def test_recipe__every_line_is_valid_at_full_size(name: str, tmp_path: Path, aqa, configurations: list[tuple[str, Any]]) -> None:
    checks.every_line_is_valid(recipes.typed(FOLDER / f"{name}.sh", tmp_path / "bin"), aqa, configurations)


@pytest.mark.parametrize("selection", ["val", "test"])
@pytest.mark.parametrize("name", [script for script in SCRIPTS if script != "table-10"])
def test_recipe__makes_all_that_it_takes_and_compares(name: str, selection: str, tmp_path: Path) -> None:
    lines = recipes.typed(FOLDER / f"{name}.sh", tmp_path / "bin", SELECT=selection)
    checks.makes_and_compares(lines, selection)
    learned = {line.value("--name"): line.value("--dataset") for line in lines if line.words[0] == "pretrain"}
    for line in (line for line in lines if line.words[0] == "finetune" and line.value("--init") not in ("", "none")):
        assert learned[line.value("--init")] == line.value("--dataset"), "an encoder learns from the clips of its own set"


@pytest.mark.parametrize("name", [script for script in SCRIPTS if script != "nw-ucla"])
def test_recipe__the_papers_figures_stand_in_its_tables(name: str, tmp_path: Path, shared: Path) -> None:
    paper = (shared / "papers/2m-af.txt").read_text(encoding="utf-8").split("REFERENCES")[0]
    lines = recipes.typed(FOLDER / f"{name}.sh", tmp_path / "bin")
    assert checks.figures_that_are_not_in(paper, lines) == []


# The same in miniature ---------------------------------------------------------------------------------------------------------------


def reproduced(laboratory: Path, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
    places = {"AQA_DATA": str(laboratory / "data"), "AQA_WORKSPACE": str(laboratory / "workspace")}
    result = recipes.run(FOLDER / f"{name}.sh", laboratory / "bin", **MINIATURE, **places, **variables)
    assert result.returncode == 0, result.stderr
    return result


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_recipe__runs_in_miniature(laboratory: Path, name: str) -> None:
    result = reproduced(laboratory, name)
    tables = sorted((laboratory / "workspace/reproduce/2m-af").glob(f"{name}.csv")) or sorted(
        (laboratory / "workspace/reproduce/2m-af").glob(f"{name}-*.csv")
    )
    assert len(tables) == {"table-4": 3, "nw-ucla": 2}.get(name, 1)
    for table in tables:
        checks.check_table(table, result.stdout)
    assert "NOTE" not in result.stdout


@pytest.mark.slow
def test_recipe__a_second_run_skips_what_is_done_and_selection_on_test_is_stamped(laboratory: Path) -> None:
    reproduced(laboratory, "table-2")
    again = reproduced(laboratory, "table-2")
    assert [line.split(";")[0] for line in again.stdout.splitlines() if " skipped, " in line] == [
        "0 done, 8 skipped, 0 failed",
        "0 done, 8 skipped, 0 failed",
        "0 done, 1 skipped, 0 failed",
        "0 done, 1 skipped, 0 failed",
    ]
    stamped = reproduced(laboratory, "table-2", SELECT="test")
    assert "\nNOTE: epoch selected on the test clips\n" in stamped.stdout.split("Table 2")[1]
    assert json.loads((laboratory / "workspace/evaluations/unlv-dive-2m-af-test/metrics.json").read_text())["select"] == "test"


@pytest.mark.slow
def test_recipe__ends_with_the_error_of_the_stage_that_fails(laboratory: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(laboratory / "data/MMFS-63", data / "MMFS-63")
    (data / "MMFS-63/train_data.npy").write_bytes(b"")
    (data / "MMFS-63/test_data.npy").write_bytes(b"")
    places = {"AQA_DATA": str(data), "AQA_WORKSPACE": str(tmp_path / "workspace")}
    result = recipes.run(FOLDER / "table-3.sh", laboratory / "bin", **MINIATURE, **places)
    assert (result.returncode, "holds no clips" in result.stderr) == (3, True), result.stderr
    assert "Table 3" not in result.stdout
