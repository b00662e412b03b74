"""What the tests of all recipes share: stages that only keep what they were asked, and a laboratory with data sets in miniature."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stages.engine.plan import Summary
from stages.profile.measure import Cost
from tests.examples import published
from tests.examples.forking import aqa_in


@pytest.fixture
def configurations(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Let every stage keep its resolved configuration and do nothing; return what is kept."""
    kept: list[tuple[str, Any]] = []

    def stand_in(stage: str, result: Any) -> Any:
        def run(config: Any, *_: Any, **__: Any) -> Any:
            kept.append((stage, config))
            return result

        return run

    for stage in ("extract_pose", "extract_features", "extract_kinematics", "extract_maps", "import_poses", "pretrain", "finetune"):
        monkeypatch.setattr(f"stages.{stage}.stage.run", stand_in(stage, (Path("x"), Summary())))
    for stage in ("evaluate", "compare", "sweep"):
        monkeypatch.setattr(f"stages.{stage}.stage.run", stand_in(stage, SimpleNamespace(to_json=dict)))
    monkeypatch.setattr("aqa_cli.commands.evaluate._text", lambda *_, **__: "")
    for command in ("compare", "sweep"):
        monkeypatch.setattr(f"aqa_cli.commands.{command}._show", lambda *_, **__: None)
    monkeypatch.setattr("stages.profile.measure.measure", lambda name, *_: Cost(name, 1, 1, 1.0))
    return kept


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with data sets in miniature; the recipes of a paper share its workspace as they share a user's."""
    folder = tmp_path_factory.mktemp("laboratory")
    published.write(folder / "data")
    with tempfile.TemporaryDirectory() as programs, aqa_in(Path(programs)):
        (folder / "bin").symlink_to(programs)
        yield folder
