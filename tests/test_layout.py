"""The one rule of the layout: ``aqa X`` = command module = stage package = its test = its example configuration."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from aqa_cli.main import COMMANDS
from stages.configuration import Layer

ROOT = Path(__file__).resolve().parents[1]
STAGES = sorted(path.parent.name for path in (ROOT / "stages").glob("*/stage.py"))


def test_stages__are_those_that_are_known() -> None:
    first = ["compare", "evaluate", "examine", "export", "extract_features", "extract_kinematics", "extract_maps"]
    assert [*first, "extract_pose", "finetune", "import_features", "import_poses", "pretrain", "render", "score", "sweep"] == STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_stage__has_its_five_places(stage: str) -> None:
    name = stage.replace("_", "-")
    assert COMMANDS[name] == f"aqa_cli.commands.{stage}"
    places = [f"aqa_cli/commands/{stage}.py", f"stages/{stage}/config.py", f"tests/cli/test_{stage}.py", f"examples/configs/{name}.yaml"]
    assert [place for place in places if not (ROOT / place).is_file()] == []


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_command__has_a_module_of_its_name_and_a_test(command: str) -> None:
    module = command.replace("-", "_")
    assert COMMANDS[command] == f"aqa_cli.commands.{module}"
    assert (ROOT / f"tests/cli/test_{module}.py").is_file()


@pytest.mark.parametrize("stage", STAGES)
def test_example_configuration__is_valid(stage: str) -> None:
    from stages.compare.config import CompareConfig
    from stages.configuration import resolve
    from stages.evaluate.config import EvaluateConfig
    from stages.examine.config import ExamineConfig
    from stages.export.config import ExportConfig
    from stages.extract_features.config import resolve_extract_features
    from stages.extract_kinematics.config import ExtractKinematicsConfig
    from stages.extract_maps.config import ExtractMapsConfig
    from stages.extract_pose.config import ExtractPoseConfig
    from stages.finetune.config import resolve_finetune
    from stages.import_features.config import ImportFeaturesConfig
    from stages.import_poses.config import ImportPosesConfig
    from stages.pretrain.config import resolve_pretrain
    from stages.render.config import RenderConfig
    from stages.score.config import ScoreConfig
    from stages.sweep.config import resolve_sweep

    resolvers = {
        "compare": lambda layers: resolve(CompareConfig, layers),
        "evaluate": lambda layers: resolve(EvaluateConfig, layers),
        "examine": lambda layers: resolve(ExamineConfig, layers),
        "export": lambda layers: resolve(ExportConfig, layers),
        "extract_features": resolve_extract_features,
        "extract_kinematics": lambda layers: resolve(ExtractKinematicsConfig, layers),
        "extract_maps": lambda layers: resolve(ExtractMapsConfig, layers),
        "extract_pose": lambda layers: resolve(ExtractPoseConfig, layers),
        "finetune": resolve_finetune,
        "import_features": lambda layers: resolve(ImportFeaturesConfig, layers),
        "import_poses": lambda layers: resolve(ImportPosesConfig, layers),
        "pretrain": resolve_pretrain,
        "render": lambda layers: resolve(RenderConfig, layers),
        "score": lambda layers: resolve(ScoreConfig, layers),
        "sweep": resolve_sweep,
    }
    file = ROOT / f"examples/configs/{stage.replace('_', '-')}.yaml"
    values = yaml.safe_load(file.read_text())
    assert resolvers[stage]([Layer(file.name, values)]).config.model_dump(exclude_unset=True)


def test_library__never_prints_exits_or_knows_typer() -> None:
    found = []
    for path in (ROOT / "stages").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{path.name}: imports {name}" for name in names if name.split(".")[0] in ("typer", "rich", "click")]
            to_a_file = isinstance(node, ast.Call) and any(keyword.arg == "file" for keyword in node.keywords)
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "sys.exit", "exit") and not to_a_file:
                found.append(f"{path.name}:{node.lineno}: {ast.unparse(node.func)}")
    assert found == []


def test_files__stay_under_400_lines() -> None:
    files = [path for folder in ("aqa_cli", "stages", "tests", "benchmarks", "examples") for path in (ROOT / folder).rglob("*.py")]
    assert [path.name for path in files if len(path.read_text(encoding="utf-8").splitlines()) > 400] == []
