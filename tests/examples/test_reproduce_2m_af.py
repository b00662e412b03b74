"""The recipes of ``examples/reproduce/2m-af``: what each would type at full size is valid and complete, and each runs in miniature."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from examples.reproduce import compare
from stages.datasets import manifest, protocols
from stages.datasets.registry import resolve_name
from stages.encoders.spec import encoder_config
from stages.engine.plan import Summary
from stages.evaluate.names import TITLES
from stages.extract_features.backbones.registry import entry_of
from stages.extract_pose.estimators.registry import ESTIMATORS
from stages.profile.measure import Cost
from tests.examples import published, recipes
from tests.examples.forking import aqa_in
from tests.examples.recipes import Typed

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


@pytest.fixture
def configurations(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Let every stage keep its resolved configuration and do nothing; return what is kept."""
    kept: list[tuple[str, Any]] = []

    def stand_in(stage: str, result: Any) -> Any:
        def run(config: Any, *_: Any, **__: Any) -> Any:
            kept.append((stage, config))
            return result

        return run

    for stage in ("extract_pose", "extract_features", "import_poses", "pretrain", "finetune"):
        monkeypatch.setattr(f"stages.{stage}.stage.run", stand_in(stage, (Path("x"), Summary())))
    monkeypatch.setattr("stages.evaluate.stage.run", stand_in("evaluate", SimpleNamespace(to_json=dict)))
    monkeypatch.setattr("aqa_cli.commands.evaluate._text", lambda *_, **__: "")
    monkeypatch.setattr("stages.profile.measure.measure", lambda name, *_: Cost(name, 1, 1, 1.0))
    return kept


def check_configuration(stage: str, config: Any) -> None:
    """Check the names in a resolved configuration that its stage would look up only when it runs."""
    if stage == "extract_pose":
        assert config.estimator in ESTIMATORS
        assert config.boxes in ESTIMATORS
    elif stage == "extract_features":
        assert entry_of(config.backbone)
    elif stage in ("pretrain", "finetune"):
        dataset = config.dataset if isinstance(config.dataset, str) else config.dataset[0]
        assert protocols.resolve(config.protocol, manifest.from_rows([], resolve_name(dataset)))
        if "encoder" in config.settings:
            assert encoder_config(config.settings["encoder"], config.settings["encoder_settings"])


@pytest.mark.parametrize("name", SCRIPTS)
def test_recipe__every_line_is_valid_at_full_size(name: str, tmp_path: Path, aqa, configurations: list[tuple[str, Any]]) -> None:
    lines = [line for line in recipes.typed(FOLDER / f"{name}.sh", tmp_path / "bin") if line.program == "aqa"]
    for line in lines:
        code, _, err = aqa(*line.words)
        assert code == 0, f"aqa {' '.join(line.words)}\n{err}"
    assert len(configurations) == len([line for line in lines if line.command != "profile"])
    for stage, config in configurations:
        check_configuration(stage, config)


def made_by(lines: list[Typed]) -> dict[str, set[str]]:
    """Return what the lines make, checking that each finds what it takes: poses, features, encoders, models, evaluations."""
    made: dict[str, set[str]] = {kind: set() for kind in ("poses", "features", "encoders", "models", "evaluations")}
    for line in lines:
        name, dataset = line.value("--name"), line.value("--set-name") or line.value("--dataset")
        if line.command in ("extract-pose", "import-poses"):
            made["poses"].add(dataset)
        elif line.command == "extract-features":
            made["features"].add(f"{dataset}/{line.value('--backbone')}")
        elif line.command == "pretrain":
            assert dataset in made["poses"]
            made["encoders"].add(f"{name} of {dataset}")
        elif line.command == "finetune":
            if line.value("--method") != "features-mlp":
                assert dataset in made["poses"]
                assert line.value("--init") == "none" or f"{line.value('--init')} of {dataset}" in made["encoders"]
            if line.value("--method") != "sme-gcn":
                assert f"{dataset}/{line.value('--backbone')}" in made["features"]
            made["models"].add(name)
        elif line.command == "evaluate":
            assert set(line.values("--model")) <= made["models"]
            made["evaluations"].add(Path(line.value("-o") or line.value("--model")).name)
    return made


@pytest.mark.parametrize("selection", ["val", "test"])
@pytest.mark.parametrize("name", [script for script in SCRIPTS if script != "table-10"])
def test_recipe__makes_all_that_it_takes_and_compares(name: str, selection: str, tmp_path: Path) -> None:
    lines = recipes.typed(FOLDER / f"{name}.sh", tmp_path / "bin", SELECT=selection)
    made = made_by([line for line in lines if line.program == "aqa"])
    assert made["evaluations"] >= made["models"], "models that are not evaluated"
    comparisons = [line for line in lines if line.program == "python3"]
    assert comparisons
    assert {line.value("--suffix") for line in comparisons} == {"" if selection == "val" else f"-{selection}"}
    compared = set()
    for line in comparisons:
        for row in map(compare.parse, rows_of(line)):
            if row.name != compare.NONE:
                compared.add(row.name + line.value("--suffix"))
                assert row.figure.rpartition("/")[2] in TITLES
        assert Path(line.words[0]).resolve() == recipes.ROOT / "compare.py"
    assert compared <= made["evaluations"]
    trained = {line.value("--select") for line in lines if line.words[0] == "finetune"}
    assert trained == {selection}


def rows_of(line: Typed) -> list[str]:
    """Return the rows that a comparison is given."""
    return list(line.words[line.words.index("--csv") + 2 :])


@pytest.mark.parametrize("name", [script for script in SCRIPTS if script != "nw-ucla"])
def test_recipe__the_papers_figures_stand_in_its_tables(name: str, tmp_path: Path, shared: Path) -> None:
    paper = (shared / "papers/2m-af.txt").read_text(encoding="utf-8").split("REFERENCES")[0]
    lines = recipes.typed(FOLDER / f"{name}.sh", tmp_path / "bin")
    figures = [
        row.paper + row.unit.replace("%", "")
        for line in lines
        if line.program == "python3"
        for row in map(compare.parse, rows_of(line))
        if row.paper != compare.NONE
    ]
    assert figures
    assert [figure for figure in figures if figure not in paper] == []


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (4, 0), (3, 3), (5, 5)])
def test_common__clips_that_fail_are_left_out_and_other_errors_end_a_recipe(tmp_path: Path, code: int, expected: int) -> None:
    script = tmp_path / "recipe.sh"
    script.write_text(f'. "{FOLDER}/common.sh"\nsome_may_fail sh -c "exit {code}"\necho reached\n')
    result = recipes.run(script, tmp_path)
    assert (result.returncode, result.stdout) == (expected, "reached\n" if expected == 0 else "")


# The same in miniature ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with data sets in miniature; the recipes share its workspace as they share a user's."""
    folder = tmp_path_factory.mktemp("laboratory")
    published.write(folder / "data")
    with tempfile.TemporaryDirectory() as programs, aqa_in(Path(programs)):
        (folder / "bin").symlink_to(programs)
        yield folder


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
        assert f"also in {table}" in result.stdout
        rows = list(csv.DictReader(table.open(encoding="utf-8")))
        measured = [row["measured"] for row in rows if row["measured"]]
        assert measured
        assert "not defined" not in measured
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
