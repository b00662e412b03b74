"""The recipes of ``examples/reproduce/aqa-7``: what each would type at full size is valid and complete, and each runs in miniature."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.artifacts import store
from stages.datasets.aqa_7 import SPORTS
from tests.examples import checks, recipes
from tests.examples.recipes import Typed

FOLDER = recipes.ROOT / "aqa-7"
TABLES = ["table-2", "table-3", "table-4"]
SCRIPTS = [*TABLES, "figure-3"]
MINIATURE = {"C3D": "tiny", "ITERATIONS": "2", "STEP": "1", "ROUND": "1", "ESTIMATOR": "tiny", "BOXES": "", "COEFFICIENTS": "4"}
MINIATURE |= {"TESTED": "5", "OF_MANY": "3:3:1", "OF_FEW": "3:3:1"}  # two of eight clips are too short for any segment
ACTIONS = [sport.name for sport in SPORTS]


def typed(name: str, folder: Path, **variables: str) -> list[Typed]:
    return recipes.typed(FOLDER / f"{name}.sh", folder / "bin", **variables)


def table_of(lines: list[Typed]) -> list[Any]:
    (line,) = [line for line in lines if line.program == "python3"]
    return checks.rows_of(line)


def trained(lines: list[Typed]) -> dict[str, Typed]:
    return {line.value("--name"): line for line in lines if line.words[0] == "finetune"}


def test_folder__every_script_is_known_here() -> None:
    assert {path.stem for path in FOLDER.glob("*.sh")} == {*SCRIPTS, "common"}


@pytest.mark.parametrize("name", [*SCRIPTS, "common"])
def test_script__is_shell(name: str) -> None:
    result = subprocess.run(["sh", "-n", str(FOLDER / f"{name}.sh")], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


# What a recipe types at full size ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCRIPTS)
def test_recipe__every_line_is_valid_at_full_size(name: str, tmp_path: Path, aqa, configurations: list[tuple[str, Any]]) -> None:
    checks.every_line_is_valid(typed(name, tmp_path), aqa, configurations)
    lstm = [config for stage, config in configurations if stage == "finetune" and config.method == "c3d-lstm"]
    assert lstm
    for config in lstm:
        training, settings = config.training, config.settings
        assert (training.optimiser, training.lr, training.batch_size, training.decay) == ("adam", 1e-3, 15, 0.5)
        assert (settings["units"], settings["deviation"], config.target.scaling) == (256, 0.1, "class-std")
        assert len(settings["features"]["copies"]) == 5, "six copies, the clip itself among them"
        if "new-action" not in config.protocol:
            assert (training.iterations, training.step_iterations) in [(20_000, 3_000), (0, 3_000)]
    for stage, config in configurations:
        if stage == "extract_features":
            assert (config.sampling.segments, config.sampling.length, config.sampling.frames, config.sampling.pad) == (6, 16, 103, "front")


@pytest.mark.parametrize("selection", ["val", "test"])
@pytest.mark.parametrize("name", TABLES)
def test_table__makes_all_that_it_takes_and_compares(name: str, selection: str, tmp_path: Path) -> None:
    lines = typed(name, tmp_path, SELECT=selection)
    started_from, made = {value for line in lines for value in line.values("--from")}, trained(lines)
    assert started_from <= set(made)
    # what was chosen on test clips knows them, and could not be started from
    assert all(made[each].value("--select") == "val" for each in started_from)
    rest = [line for line in lines if not {*line.values("--name"), *line.values("--model")} & started_from]
    compared = checks.makes_and_compares(rest, selection)
    assert compared | started_from == set(made)


@pytest.mark.parametrize("name", TABLES)
def test_table__the_paper_s_figures_stand_in_it(name: str, tmp_path: Path, shared: Path) -> None:
    paper = (shared / "papers/aqa-7.txt").read_text(encoding="utf-8")
    lines = typed(name, tmp_path)
    assert checks.figures_that_are_not_in(paper, lines) == []
    assert len([row for row in table_of(lines) if row.paper != "-"]) == {"table-2": 22, "table-3": 56, "table-4": 36}[name]


def test_table_2__the_paper_s_averages_are_by_fisher_s_z(tmp_path: Path) -> None:
    rows = {row.label: row for row in table_of(typed("table-2", tmp_path))}
    for label in ("Single-action C3D-SVR", "Single-action C3D-LSTM", "All-action C3D-LSTM"):
        figures = np.array([float(rows[f"{label}, {action}"].paper) for action in ACTIONS])
        average = rows[f"{label}, average"]
        assert float(average.paper) == pytest.approx(np.tanh(np.arctanh(figures).mean()), abs=2e-4)
        assert average.figure == "spearman_fisher_mean"


def test_table_3__the_paper_s_averages_are_arithmetic_and_leave_out_what_was_trained_on(tmp_path: Path) -> None:
    rows = {row.label: row for row in table_of(typed("table-3", tmp_path))}
    for label in ("Random weights", "Multi-action", *ACTIONS):
        unseen = [action for action in ACTIONS if action != label]
        average = rows[f"{label}, average of the unseen" if label in ACTIONS else f"{label}, average"]
        assert float(average.paper) == pytest.approx(np.mean([float(rows[f"{label}, {action}"].paper) for action in unseen]), abs=1e-4)
        assert average.figure == (f"per_class/{','.join(unseen)}/spearman" if label in ACTIONS else "spearman_mean")


def test_table_3__one_experiment_is_not_trained_at_all(tmp_path: Path) -> None:
    made = trained(typed("table-3", tmp_path))
    assert {name for name, line in made.items() if line.setting("training.iterations") == "0"} == {"aqa-7-random"}
    assert made["aqa-7-random"].value("--protocol") == made["aqa-7-zero-shot"].value("--protocol") == "aqa-7/zero-shot"
    assert {line.value("--protocol") for line in made.values()} == {"aqa-7/zero-shot", *(f"aqa-7/from-{action}" for action in ACTIONS)}


@pytest.mark.parametrize(("name", "suffix"), [("table-4", ""), ("figure-3", "-test")])
def test_new_action__clips_iterations_and_steps_of_the_paper(name: str, suffix: str, tmp_path: Path) -> None:
    made = trained(typed(name, tmp_path))
    found = {}
    for each, line in made.items():
        if "-new-" in each:
            clips = line.value("--protocol").removeprefix("aqa-7/new-action-").removesuffix(":test=50")
            found[each] = (clips, line.setting("training.iterations"), line.setting("training.step_iterations"))
            assert line.value("--from") == ("aqa-7-zero-shot" if "pretrained" in each else "")
            assert len(line.value("--where").split(",")) == (4 if "many" in each else 2)
    many = {"25": ("25", "500", "100"), "75": ("75", "1200", "300"), "125": ("125", "2000", "500")}
    few = {"15": ("15", "300", "60"), "25": ("25", "500", "100"), "35": ("35", "700", "140")}
    expected = {f"many-{clips}": said for clips, said in many.items()} | {f"few-{clips}": said for clips, said in few.items()}
    assert found == {f"aqa-7-new-{size}-{way}{suffix}": said for size, said in expected.items() for way in ("scratch", "pretrained")}


def test_figure_3__follows_the_test_clips_and_sets_both_side_by_side(tmp_path: Path) -> None:
    lines = typed("figure-3", tmp_path)
    assert {line.value("--select") for each, line in trained(lines).items() if "-new-" in each} == {"test"}
    pages = [line.words[1:3] for line in lines if line.words[0] == "compare"]
    assert len(pages) == 6
    assert all(one.replace("scratch", "pretrained") == other and one.endswith("scratch-test") for one, other in pages)
    assert len(table_of(lines)) == 4 * (4 * 3 + 2 * 3)


def test_c3d__the_config_has_the_paper_s_schedule_and_prepares_frames_as_a_backbone_must() -> None:
    pytest.importorskip("mmengine")
    from stages import openmmlab
    from stages.extract_features.backbones.mmaction import look_of

    config = openmmlab.action_config(FOLDER / "c3d-ucf101.py")
    assert config.model.backbone.type == "C3D"
    assert config.model.backbone.pretrained is None
    assert config.train_cfg.max_iters == 100_000
    assert config.optim_wrapper.optimizer == {"type": "SGD", "lr": 0.001, "momentum": 0.9, "weight_decay": 0.005}
    (steps,) = config.param_scheduler
    assert (steps.step_size, steps.gamma, steps.by_epoch) == (40_000, 0.1, False)
    assert (look_of(config, "c3d").crop, look_of(config, "c3d").length) == (112, 16)


# The same in miniature ---------------------------------------------------------------------------------------------------------------


def reproduced(laboratory: Path, name: str, **variables: str) -> str:
    """Run a recipe; return what it prints."""
    places = {"AQA_DATA": str(laboratory / "data"), "AQA_WORKSPACE": str(laboratory / "workspace")}
    result = recipes.run(FOLDER / f"{name}.sh", laboratory / "bin", **{**MINIATURE, **places, **variables})
    assert result.returncode == 0, result.stderr
    return result.stdout


def measured(laboratory: Path, name: str, said: str) -> dict[str, str]:
    """Return what stands in a table as measured."""
    rows = checks.check_table(laboratory / f"workspace/reproduce/aqa-7/{name}.csv", said)
    return {row["row"]: row["measured"] for row in rows}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_recipe__runs_in_miniature(laboratory: Path, name: str) -> None:
    said = reproduced(laboratory, name)
    found = measured(laboratory, name, said)
    assert [label for label, value in found.items() if not value] == []
    notes = [line for line in said.splitlines() if line.startswith("NOTE: training saw no clip of the class(es)")]
    assert bool(notes) == (name != "table-2")


@pytest.mark.slow
def test_table_4__models_start_from_those_that_did_not_see_their_action(laboratory: Path) -> None:
    reproduced(laboratory, "table-4")
    workspace = laboratory / "workspace"
    for action in ACTIONS[:4]:
        model = workspace / f"models/aqa-7-new-many-3-pretrained/action-{action}/0.h5"
        before = workspace / f"models/aqa-7-zero-shot/action-{action}/0.h5"
        data, training = store.read_document(model, "data"), store.read_document(model, "training")
        known = set(store.read_document(before, "training")["clips"])
        assert not {clip for clip in known if clip.startswith(f"{action}/")}
        assert known <= set(training["clips"])
        assert not set(training["clips"]) & set(data["test"])
        inputs = store.read_document(model, "provenance")["inputs"]
        assert store.read_header(before).fingerprint in [entry["fingerprint"] for entry in inputs if entry["role"] == "model"]


@pytest.mark.slow
def test_figure_3__a_page_has_a_chart_per_action(laboratory: Path) -> None:
    reproduced(laboratory, "figure-3")
    page = (laboratory / "workspace/comparisons/aqa-7-figure-3-many-3/compare.html").read_text(encoding="utf-8")
    part = page.partition("while they trained</h2>")[2].partition("</section>")[0]
    assert part.count("<figure>") == 4
    metrics = json.loads((laboratory / "workspace/evaluations/aqa-7-new-many-3-scratch-test/metrics.json").read_text(encoding="utf-8"))
    assert [point[0] for point in metrics["followed"]["action-diving"]["0"]] == [1, 2, 3]
