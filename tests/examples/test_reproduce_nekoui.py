"""The recipes of ``examples/reproduce/nekoui``: what each would type at full size is valid and complete, and each runs in miniature."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stages.artifacts import store
from stages.datasets.manifest import parse
from tests.examples import checks, recipes
from tests.examples.recipes import Typed

FOLDER = recipes.ROOT / "nekoui"
SCRIPTS = ["table-1", "table-2", "table-3", "figure-4"]
ON_KIMORE = ["table-1", "table-2", "figure-4"]
MINIATURE = {
    "EPOCHS": "1",
    "PRETRAIN_EPOCHS": "1",
    "C3D": "tiny",
    "I3D": "tiny",
    "FRAMES": "12",
    "UNITS": "8",
    "DISCRIMINATOR": "4",
    "EXPERT_UNITS": "4",
    "CHANNELS": "4",
    "EAGLE_EYE": "--set settings.size=12 --set settings.hidden=8 --set settings.input.frames=8",
    "VI_NET": "--set settings.size=18 --set settings.width=4 --set settings.clip=4 --set settings.input.frames=8",
}


def typed(name: str, folder: Path, **variables: str) -> list[Typed]:
    return recipes.typed(FOLDER / f"{name}.sh", folder / "bin", **variables)


def test_folder__every_script_is_known_here() -> None:
    assert {path.stem for path in FOLDER.glob("*.sh")} == {*SCRIPTS, "common"}


@pytest.mark.parametrize("name", [*SCRIPTS, "common"])
def test_script__is_shell(name: str) -> None:
    result = subprocess.run(["sh", "-n", str(FOLDER / f"{name}.sh")], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


# What a recipe types at full size ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("video", ["yes", "no"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_recipe__every_line_is_valid_at_full_size(
    name: str, video: str, tmp_path: Path, aqa, configurations: list[tuple[str, Any]]
) -> None:
    checks.every_line_is_valid(typed(name, tmp_path, VIDEO=video), aqa, configurations)
    learned = [config for stage, config in configurations if stage == "pretrain"]
    assert {config.training.epochs for config in learned} == {300}
    assert {config.training.batch_size for config in learned} == {55}
    for config in learned:
        assert config.settings["units"] == config.settings["encoder_settings"]["units"] == 1000
        assert (config.settings["discriminator_units"], config.settings["input"]["frames"]) == (200, 743)
    experts = [config for stage, config in configurations if stage == "finetune" and config.method == "expert"]
    assert {(config.training.epochs, config.training.batch_size, config.settings["units"]) for config in experts} == {(1000, 25, 100)}
    assert {config.settings["video"] for config in experts if config.settings["head"] == "expert"} == (
        {False} if video == "no" or name == "table-3" else {True, False} if name == "table-2" else {True}
    )


@pytest.mark.parametrize("video", ["yes", "no"])
@pytest.mark.parametrize("selection", ["val", "test"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_recipe__makes_all_that_it_takes_and_compares(name: str, selection: str, video: str, tmp_path: Path) -> None:
    lines = typed(name, tmp_path, SELECT=selection, VIDEO=video)
    compared = checks.makes_and_compares(lines, selection)
    trained = {line.value("--name") for line in lines if line.words[0] == "finetune"}
    shown = {word for line in lines if line.words[0] == "compare" for word in line.words if word in trained}
    assert compared | shown == trained
    assert any(line.words[0] == "extract-features" for line in lines) == (video == "yes" and name in ON_KIMORE)


@pytest.mark.parametrize("name", SCRIPTS)
def test_recipe__the_papers_figures_stand_in_its_tables(name: str, tmp_path: Path, shared: Path) -> None:
    paper = (shared / "papers/nekoui-two-stage.txt").read_text(encoding="utf-8").split("## References")[0]
    lines = typed(name, tmp_path)
    assert checks.figures_that_are_not_in(paper, lines) == []
    for row in (row for line in lines if line.program == "python3" for row in checks.rows_of(line)):
        if row.label.endswith(", Avg."):
            assert row.figure in ("", "spearman_mean"), "the paper's averages are arithmetic"


def test_table_1__has_every_row_of_the_paper(tmp_path: Path, shared: Path) -> None:
    paper = (shared / "papers/nekoui-two-stage.txt").read_text(encoding="utf-8").replace("*", "")
    printed = [line.split("\t") for line in paper.splitlines() if line.count("\t") == 6 and not line.startswith("Method")]
    figures = {tuple(cells[1:]) for cells in printed}
    rows = [row for line in typed("table-1", tmp_path) if line.program == "python3" for row in checks.rows_of(line)]
    mine = [tuple(row.paper for row in rows[first : first + 6]) for first in range(0, len(rows), 6)]
    assert len(figures) == 12
    assert {tuple(cell.replace("<b>", "").replace("</b>", "") for cell in cells) for cells in figures} == set(mine[:12])


@pytest.mark.parametrize("name", ON_KIMORE)
def test_recipe__sources_are_taken_one_after_the_other(name: str, tmp_path: Path) -> None:
    for number, sources in enumerate(("uwa3d utkinect", "nw-ucla utkinect")):
        (tmp_path / str(number)).mkdir()
        lines = typed(name, tmp_path / str(number), SOURCES=sources)
        adults = [line for line in lines if line.words[0] == "pretrain" and line.value("--name").startswith("adults-")]
        assert adults
        assert {tuple(line.values("--dataset")) for line in adults} == {tuple(sources.split())}
        assert {line.value("--protocol") for line in adults} == {""}


def test_table_1__the_exercises_that_there_are(tmp_path: Path) -> None:
    (table,) = [line for line in typed("table-1", tmp_path, EXERCISES="3 5", VIDEO="no") if line.program == "python3"]
    rows = {row.label: row for row in checks.rows_of(table)}
    assert [label for label in rows if label.startswith("Ours")] == ["Ours, Ex #3", "Ours, Ex #5", "Ours, Avg."]
    assert (rows["Ours, Ex #5"].paper, rows["Ours, Ex #5"].figure) == ("72.31", "per_class/Es5/spearman")
    assert (rows["Ours, Avg."].paper, rows["Ours, Avg."].figure) == ("-", "spearman_mean")
    assert (rows["C3D, Ex #5"].paper, rows["C3D, Ex #5"].name) == ("60.00", "-")


# The same in miniature ---------------------------------------------------------------------------------------------------------------


def reproduced(laboratory: Path, name: str, **variables: str) -> str:
    """Run a recipe; return what it prints."""
    places = {"AQA_DATA": str(laboratory / "data"), "AQA_WORKSPACE": str(laboratory / "workspace")}
    result = recipes.run(FOLDER / f"{name}.sh", laboratory / "bin", **{**MINIATURE, **places, **variables})
    assert result.returncode == 0, result.stderr
    assert "NOTE" not in result.stdout
    return result.stdout


def measured(laboratory: Path, name: str, said: str) -> dict[str, str]:
    """Return what stands in a table as measured."""
    rows = checks.check_table(laboratory / f"workspace/reproduce/nekoui/{name}.csv", said)
    return {row["row"]: row["measured"] for row in rows}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_recipe__runs_in_miniature(laboratory: Path, name: str) -> None:
    found = measured(laboratory, name, reproduced(laboratory, name))
    assert [label for label, value in found.items() if not value] == []


@pytest.mark.slow
def test_table_1__without_video_and_uwa3d(laboratory: Path, tmp_path: Path) -> None:
    variables = {"VIDEO": "no", "SOURCES": "nw-ucla utkinect", "AQA_WORKSPACE": str(tmp_path), "KIMORE_VIDEOS": "/nowhere"}
    said = reproduced(laboratory, "table-1", **variables)
    with (tmp_path / "reproduce/nekoui/table-1.csv").open(encoding="utf-8") as file:
        missing = {row["row"].partition(",")[0] for row in csv.DictReader(file) if not row["measured"]}
    assert missing == {"C3D", "I3D", "C3D as expert"}
    assert "Table 1: KIMORE, poses alone" in said
    seen = store.read(tmp_path / "encoders/adults-ours.h5").documents["training"]["clips"]
    assert {clip[:3] for clip in seen if clip.startswith("a")} == {"a01", "a08"}
    assert any(clip.endswith("_walk") for clip in seen)


@pytest.mark.slow
def test_table_3__a_fold_learns_from_healthy_infants_that_it_does_not_test(laboratory: Path) -> None:
    reproduced(laboratory, "table-3")
    workspace = laboratory / "workspace"
    labels = {row.clip: row.text("label") for row in parse((workspace / "poses/infants/manifest.csv").read_text(), "infants").rows}
    adults = set(store.read(workspace / "encoders/flat-adults.h5").documents["training"]["clips"])
    assert adults
    for fold in range(5):
        encoder = store.read(workspace / f"encoders/infants-ours/fold-{fold}.h5")
        infants = set(encoder.documents["training"]["clips"]) - adults
        assert {labels[clip] for clip in infants} == {"healthy"}
        model = store.read(workspace / f"models/infants-ours/fold-{fold}/0.h5").documents
        assert not infants & set(model["data"]["test"])
        assert model["training"]["seen_in_pretraining"] == []
        assert (encoder.documents["encoder"]["channels"], encoder.documents["encoder"]["skeleton"]) == (2, "openni-15")


@pytest.mark.slow
def test_figure_4__shows_clips_of_one_exercise_with_their_poses(laboratory: Path) -> None:
    found = measured(laboratory, "figure-4", reproduced(laboratory, "figure-4", EXERCISE="3", CLIPS="2"))
    folder = laboratory / "workspace/comparisons/nekoui-figure-4-es3"
    cases = json.loads((folder / "compare.json").read_text(encoding="utf-8"))["cases"]
    assert {case["clip"].rpartition("/")[2] for case in cases} == {"Es3"}
    assert 2 <= len(cases) <= 4
    apart = [max(case["predicted"].values()) - min(case["predicted"].values()) for case in cases]
    assert apart[0] >= apart[1]
    assert found["ground truth"] == f"{cases[0]['truth']:.0f}"
    assert found["Skl. Inp. + Pace"] == f"{cases[0]['predicted']['kimore-ours']:.2f}"
    assert "has no clip" not in (folder / "compare.html").read_text(encoding="utf-8")
