"""The recipes of ``examples/reproduce/s4aqa``: what each would type at full size is valid and complete, and each runs in miniature."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stages.artifacts import store
from stages.configuration import Layer
from stages.sweep.config import parse_vary, resolve_sweep
from stages.sweep.points import points, text_of
from tests.examples import checks, published_s4aqa, recipes
from tests.examples.forking import aqa_in
from tests.examples.recipes import Typed

FOLDER = recipes.ROOT / "s4aqa"
TABLES = {"table-1": "I", "table-2": "II", "table-3": "III", "table-4": "IV", "table-5": "V"}
TABLES |= {"table-6": "VI", "table-7": "VII", "table-8": "VIII", "table-9": "IX"}
FIGURES = ["figure-4", "figure-5", "figure-6", "figure-7"]
SCRIPTS = [*TABLES, *FIGURES]
ON_GYMNASTICS = ["table-2", "table-5"]
SWEPT = ["figure-5", "figure-6"]
MINIATURE = {"EPOCHS": "1", "PRETRAIN_EPOCHS": "1", "I3D": "tiny", "FLOW": "tiny", "RECOVERY": "10 40", "ALIGNMENT": "0.1 1"}
SHARES = dict.fromkeys([*TABLES, "figure-4", "figure-5", "figure-7"], "60") | {"table-4": "40 60", "figure-6": "40 60"}
"""Percents of labels in miniature, so that there are enough clips with one."""


def typed(name: str, folder: Path, **variables: str) -> list[Typed]:
    return recipes.typed(FOLDER / f"{name}.sh", folder / "bin", **variables)


def table_of(lines: list[Typed]) -> list[Any]:
    (line,) = [line for line in lines if line.program == "python3"]
    return checks.rows_of(line)


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
    trained = [config for stage, config in configurations if stage == "finetune"]
    trained += [point.config for stage, config in configurations if stage == "sweep" for point in points(config)]
    trained = [config for config in trained if config.method not in ("features-svr", "coreg")]
    assert trained
    optimiser, lr, epochs = ("sgd", 1e-4, 500) if name in ON_GYMNASTICS else ("adam", 5e-4, 1000)
    for config in trained:
        training = config.training
        assert (training.optimiser, training.lr, training.weight_decay, training.epochs) == (optimiser, lr, 1e-4, epochs)
    if name != "figure-5":
        ours = [config.settings for config in trained if config.method == "s4aqa"]
        assert {settings["recovery_weight"] for settings in ours} <= {0, 40}
        assert {settings["alignment_weight"] for settings in ours} == {0.1}
    for stage, config in configurations:
        if stage == "extract_features":
            assert config.sampling.segments == (12 if name in ON_GYMNASTICS else 10)


@pytest.mark.parametrize("selection", ["val", "test"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_recipe__makes_all_that_it_takes_and_compares(name: str, selection: str, tmp_path: Path) -> None:
    lines = typed(name, tmp_path, SELECT=selection)
    compared = checks.makes_and_compares(lines, selection)
    trained = {line.value("--name") for line in lines if line.words[0] == "finetune"}
    shown = {word for line in lines if line.words[0] == "compare" for word in line.words if word in trained}
    assert compared | shown == trained


@pytest.mark.parametrize("name", SCRIPTS)
def test_recipe__the_papers_figures_stand_in_its_tables(name: str, tmp_path: Path, shared: Path) -> None:
    paper = (shared / "papers/s4aqa.txt").read_text(encoding="utf-8").split("## REFERENCES")[0]
    lines = typed(name, tmp_path)
    assert checks.figures_that_are_not_in(paper, lines) == []
    if name in TABLES:
        table = re.split(rf"TABLE {TABLES[name]} *\n", paper)[1].split("\t", 1)[1].split("\n\n")[0]
        printed = re.findall(r"0\.\d{3}", table)
        assert len(printed) >= 6
        assert sorted(row.paper for row in table_of(lines) if row.paper != "-") == sorted(printed), "every figure of the table, once"


@pytest.mark.parametrize("name", ["table-2", "table-3", "table-5"])
def test_recipe__averages_are_by_fisher_s_z(name: str, tmp_path: Path) -> None:
    rows = table_of(typed(name, tmp_path))
    averages = {row.figure for row in rows if row.label.endswith(", Avg")}
    assert averages == {"spearman_fisher_mean"}
    assert {row.figure for row in rows} - averages == {
        f"per_class/{name}/spearman" for name in (row.label.rpartition(", ")[2] for row in rows) if name != "Avg"
    }


@pytest.mark.parametrize("name", SWEPT)
def test_figure__every_row_is_the_point_that_it_says(name: str, tmp_path: Path) -> None:
    lines = typed(name, tmp_path, SEEDS="0-2")
    (sweep,) = [line for line in lines if line.words[0] == "sweep"]
    assert sweep.value("--seeds") == "0-2"
    config = resolve_sweep([Layer("typed", {"vary": parse_vary(sweep.values("--vary")), "methods": sweep.values("--method")})]).config
    found = points(config)
    rows = table_of(lines)
    assert len(rows) == len(found) == {"figure-5": 25, "figure-6": 15}[name]
    for number, (row, point) in enumerate(zip(rows, found, strict=True)):
        assert row.figure == f"points/{number}/overall/spearman"
        values = [text_of(value) for value in point.values]
        said = {"figure-5": "λ1 = {}, λ2 = {}", "figure-6": f"{point.curve}, {{}} % of labels"}[name]
        assert row.label == said.format(*values)
    published = {row.label: row.paper for row in rows if row.paper != "-"}
    assert len(published) == {"figure-5": 1, "figure-6": 6}[name]


def test_table_1__other_shares_of_labels_have_no_figure_of_the_paper(tmp_path: Path) -> None:
    rows = {row.label: (row.paper, row.name) for row in table_of(typed("table-1", tmp_path, LABELS="20 40"))}
    assert rows["VAT, 20 % of labels"] == ("-", "mtl-vat-20")
    assert rows["VAT, 40 % of labels"] == ("0.724", "mtl-vat-40")


def test_table_2__both_streams_of_action_net_where_they_are_asked_for(tmp_path: Path, aqa, configurations: list[tuple[str, Any]]) -> None:
    (tmp_path / "plain").mkdir()
    assert "rg-action-net-both-40" not in {row.name for row in table_of(typed("table-2", tmp_path / "plain"))}
    lines = typed("table-2", tmp_path, STATIC="resnet50")
    assert "rg-action-net-both-40" in checks.makes_and_compares(lines, "val")
    assert {row.paper for row in table_of(lines) if row.name == "rg-action-net-both-40"} == {"-"}
    checks.every_line_is_valid(lines, aqa, configurations)
    seen = next(config for stage, config in configurations if stage == "extract_features" and config.backbone == "resnet50")
    assert (seen.performer, seen.sampling.length, seen.sampling.fps) == (True, 1, 1)
    trained = [config.settings for stage, config in configurations if stage == "finetune" and config.method == "action-net"]
    assert [(settings["streams"], settings["static"]["backbone"]) for settings in trained] == [
        ("dynamic", None),
        ("both", "resnet50-performer"),
    ]


def test_table_9__each_share_of_labels_has_its_own_encoder_which_saw_what_it_trains_on(tmp_path: Path) -> None:
    lines = typed("table-9", tmp_path)
    learned = {line.value("--name"): line.value("--protocol") for line in lines if line.words[0] == "pretrain"}
    assert len(set(learned.values())) == len(learned) == 2
    vanilla = [line for line in lines if line.words[0] == "finetune" and line.value("--init") != "none"]
    assert {line.value("--init"): line.value("--protocol") for line in vanilla} == learned
    assert {(line.setting("settings.recovery_weight"), line.setting("settings.alignment")) for line in vanilla} == {("0", "none")}


# The same in miniature ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the data sets in miniature; the recipes share its workspace as they share a user's."""
    folder = tmp_path_factory.mktemp("laboratory")
    published_s4aqa.write(folder / "data")
    with tempfile.TemporaryDirectory() as programs, aqa_in(Path(programs)):
        (folder / "bin").symlink_to(programs)
        yield folder


def reproduced(laboratory: Path, name: str, **variables: str) -> str:
    """Run a recipe; return what it prints."""
    places = {"AQA_DATA": str(laboratory / "data"), "AQA_WORKSPACE": str(laboratory / "workspace"), "LABELS": SHARES[name]}
    result = recipes.run(FOLDER / f"{name}.sh", laboratory / "bin", **{**MINIATURE, **places, **variables})
    assert result.returncode == 0, result.stderr
    assert "NOTE" not in result.stdout
    return result.stdout


def measured(laboratory: Path, name: str, said: str) -> dict[str, str]:
    """Return what stands in a table as measured."""
    rows = checks.check_table(laboratory / f"workspace/reproduce/s4aqa/{name}.csv", said)
    return {row["row"]: row["measured"] for row in rows}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_recipe__runs_in_miniature(laboratory: Path, name: str) -> None:
    found = measured(laboratory, name, reproduced(laboratory, name))
    assert [label for label, value in found.items() if not value] == []


@pytest.mark.slow
def test_figure_4__the_reports_show_the_clips_whose_labels_were_withheld(laboratory: Path) -> None:
    reports = re.findall(r"^figure 4, .*: (.*)$", reproduced(laboratory, "figure-4", LABELS="40"), flags=re.MULTILINE)
    assert len(reports) == 3
    for report in map(Path, reports):
        page = report.read_text(encoding="utf-8")
        drawn = page.partition("<h2>Representations of the training clips whose labels it did not see</h2>")[2].partition("</section>")[0]
        data = store.read_document(laboratory / f"workspace/models/{report.parent.name}/official/0.h5", "data")
        assert set(re.findall(r"<title>([^:<]+): ", drawn)) == set(data["unlabelled"])
        assert len(data["unlabelled"]) >= 10


@pytest.mark.slow
def test_figure_7__shows_dives_with_the_complexity_of_their_motion(laboratory: Path) -> None:
    found = measured(laboratory, "figure-7", reproduced(laboratory, "figure-7"))
    cases = json.loads((laboratory / "workspace/comparisons/s4aqa-figure-7-60/compare.json").read_text(encoding="utf-8"))["cases"]
    for letter, case in zip("ABC", cases, strict=False):
        assert found[f"Case {letter}, Ground Truth Score"] == f"{case['truth']:.2f}"
        assert found[f"Case {letter}, Motion Complexity"] == f"{case['motion_complexity']:.2f}"
        assert found[f"Case {letter}, Pred of Full Model"] == f"{case['predicted']['mtl-s4aqa-60']:.2f}"


@pytest.mark.slow
def test_table_9__the_pretrained_encoder_is_where_the_model_began(laboratory: Path) -> None:
    reproduced(laboratory, "table-9")
    encoder = store.read(laboratory / "workspace/encoders/mtl-msfr-60/official.h5")
    inputs = store.read_document(laboratory / "workspace/models/mtl-vanilla-60/official/0.h5", "provenance")["inputs"]
    assert encoder.header.fingerprint in [entry["fingerprint"] for entry in inputs if entry["role"] == "encoder"]
