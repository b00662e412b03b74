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


@pytest.mark.parametrize("name", ["table-1", "table-2"])
def test_recipe__jrg_where_it_is_asked_for(name: str, tmp_path: Path, aqa, configurations: list[tuple[str, Any]]) -> None:
    lines = recipes.typed(FOLDER / f"{name}.sh", tmp_path / "bin", BASELINES="jrg")
    compared = checks.makes_and_compares(lines, "val")
    assert {"table-1": "aqa-7-jrg", "table-2": "unlv-dive-jrg"}[name] in compared
    checks.every_line_is_valid(lines, aqa, configurations)
    [config] = [config for stage, config in configurations if stage == "finetune" and config.method == "jrg"]
    assert (config.training.epochs, config.settings["patches"]["backbone"]) == (400, "i3d-patches")
    assert config.settings["flow_patches"]["backbone"] == "i3d-flow-patches"
    others = [config for stage, config in configurations if stage == "finetune" and config.method != "jrg"]
    assert {config.training.epochs for config in others} == {60}


def test_recipe__falcons_where_it_is_asked_for(tmp_path: Path, aqa, configurations: list[tuple[str, Any]]) -> None:
    lines = recipes.typed(FOLDER / "table-2.sh", tmp_path / "bin", BASELINES="falcons")
    assert "unlv-dive-falcons" in checks.makes_and_compares(lines, "val")
    checks.every_line_is_valid(lines, aqa, configurations)
    [config] = [config for stage, config in configurations if stage == "finetune" and config.method == "falcons"]
    assert (config.target.column, config.target.times, config.settings["difficulty"]) == ("score.execution", None, "none")
    assert (config.settings["streams"], config.settings["features"]["backbone"], config.settings["input"]["frames"]) == ("both", "i3d", 151)


def test_recipe__tsa_net_where_it_is_asked_for(tmp_path: Path, aqa, configurations: list[tuple[str, Any]]) -> None:
    lines = recipes.typed(FOLDER / "table-1.sh", tmp_path / "bin", BASELINES="tsa-net")
    assert "aqa-7-tsa-net" in checks.makes_and_compares(lines, "val")
    checks.every_line_is_valid(lines, aqa, configurations)
    [config] = [config for stage, config in configurations if stage == "finetune" and config.method == "tsa-net"]
    assert (config.training.epochs, config.per, config.settings["attention"]) == (20, "action", "tube")
    assert (config.settings["backbone"]["network"], config.settings["backbone"]["segments"]) == ("i3d", len(config.settings["starts"]))
    [frames] = [config for stage, config in configurations if stage == "extract_maps"]
    assert (frames.source, frames.size) == ("frames", 224)


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
@pytest.mark.parametrize(("name", "label"), [("table-1", "JRG, Ave"), ("table-2", "JRG")])
def test_recipe__jrg_in_miniature(laboratory: Path, name: str, label: str) -> None:
    result = reproduced(laboratory, name, BASELINES="jrg", FLOW="", JRG_EPOCHS="1")
    rows = {row["row"]: row["measured"] for row in checks.check_table(laboratory / f"workspace/reproduce/2m-af/{name}.csv", result.stdout)}
    assert rows[label]


@pytest.mark.slow
def test_recipe__falcons_in_miniature(laboratory: Path) -> None:
    result = reproduced(laboratory, "table-2", BASELINES="falcons")
    rows = {row["row"]: row["measured"] for row in checks.check_table(laboratory / "workspace/reproduce/2m-af/table-2.csv", result.stdout)}
    assert rows["FALCONS"]


@pytest.mark.slow
def test_recipe__tsa_net_in_miniature(laboratory: Path) -> None:
    settings = ("backbone.network=tiny", "backbone.weights=packaged", "backbone.segments=1", "predict=mean")
    tiny = " ".join(f"--set settings.{each}" for each in settings)
    result = reproduced(laboratory, "table-1", BASELINES="tsa-net", TSA_NET=tiny, TSA_SIZE="64", TSA_EPOCHS="1")
    rows = {row["row"]: row["measured"] for row in checks.check_table(laboratory / "workspace/reproduce/2m-af/table-1.csv", result.stdout)}
    assert rows["TSA-Net, Ave"]


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
