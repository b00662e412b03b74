"""The list of estimators: every name leads somewhere, and a wrong one says what is right."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import fitted
from stages import openmmlab
from stages.engine.progress import Silent
from stages.errors import ArtifactError, MissingDependencyError, UsageError
from stages.extract_pose.estimators import registry, tiny
from stages.extract_pose.estimators.registry import ESTIMATORS
from stages.skeletons.layouts import LAYOUTS
from tests.conftest import run_python


def build(name: str, **settings: Any) -> Any:
    return registry.build(name, progress=Silent(), **({"device": "cpu"} | settings))


def test_list__imports_nothing_heavy() -> None:
    heavy = "('cv2', 'mmpose', 'onnxruntime')"
    code = f"import sys; from stages.extract_pose.estimators import registry; print([name for name in {heavy} if name in sys.modules])"
    assert run_python(code).stdout.strip() == "[]"


@pytest.mark.parametrize("name", sorted(set(ESTIMATORS) - {"tiny"}))
def test_list__every_name_leads_to_a_config_and_published_weights(name: str) -> None:
    entry = ESTIMATORS[name]
    found = openmmlab.published("mmpose", entry.config)
    config = openmmlab.pose_config(entry.config)
    assert found.weights.endswith(".pth")
    assert entry.layout in LAYOUTS
    assert config.model.type == ("BottomupPoseEstimator" if entry.kind == "one-stage" else "TopdownPoseEstimator")


def test_tiny__needs_no_download_and_finds_joints() -> None:
    people = fitted.figures(2)
    positions, confidence = build("tiny").joints(people.frames, people.boxes)
    assert positions.shape == (2, 17, 2)
    assert np.isfinite(positions).all()
    assert 0 <= confidence.min() <= confidence.max() <= 1


def test_build__unknown_name_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"Unknown estimator 'hrnet-w23'\. Did you mean 'hrnet-w32'\?") as caught:
        build("hrnet-w23")
    assert "rtmo-s" in caught.value.hint
    with pytest.raises(UsageError, match=r"The config absent/mine\.py does not exist"):
        build("absent/mine.py")


def test_build__without_weights_or_network_says_which_file_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def urlopen(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    with pytest.raises(MissingDependencyError, match=r"rtmo-s.*\.pth are not in") as caught:
        build("rtmo-s", weights_dir=tmp_path)
    assert str(tmp_path / "rtmo-s_8xb32-600e_body7-640x640-") in caught.value.hint


def test_build__a_config_of_ones_own_needs_a_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    shutil.copy(openmmlab.published("mmpose", ESTIMATORS["rtmo-s"].config).config, file)
    file.write_text(file.read_text().replace("'../../../_base_/default_runtime.py'", ""))
    with pytest.raises(UsageError, match=r"No weights were published for '.*mine\.py'") as caught:
        build(str(file))
    assert caught.value.hint == "give them with --checkpoint FILE"


def test_build__weights_of_another_network_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "tiny.h5"
    shutil.copy(tiny.WEIGHTS, file)
    with pytest.raises(ArtifactError, match=r"tiny\.h5 do not fit the network"):
        build("rtmpose-t", checkpoint=str(file))
    with pytest.raises(ArtifactError, match=r"absent\.pth do not exist"):
        build("rtmpose-t", checkpoint=str(tmp_path / "absent.pth"))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("rtmo-s", {"flip_test": True}, "has no flip test"),
        ("net.onnx", {"checkpoint": "x.pth"}, "holds its own weights"),
        ("net.onnx", {"precision": "bf16"}, "the precision it was exported with"),
        ("tiny", {"device": "gpu"}, "Unknown device 'gpu'"),
    ],
    ids=["flip-of-rtmo", "checkpoint-of-onnx", "precision-of-onnx", "device"],
)
def test_build__options_that_do_not_go_together(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(name, **settings)


def test_fingerprint__changes_with_whatever_changes_results(tmp_path: Path) -> None:
    def fingerprint(name: str = "tiny", **settings: Any) -> str:
        return str(registry.fingerprint_of(name, progress=Silent(), **settings))

    one, other = (tmp_path / f"{name}.h5" for name in ("one", "other"))
    shutil.copy(tiny.WEIGHTS, one)
    other.write_bytes(tiny.WEIGHTS.read_bytes() + b"x")
    assert fingerprint() == fingerprint(checkpoint=str(one))
    settings: list[dict[str, Any]] = [{"precision": "bf16"}, {"flip_test": True}, {"checkpoint": str(other)}]
    different = [fingerprint(), *(fingerprint(**each) for each in settings), fingerprint("rtmpose-t", checkpoint=str(one))]
    assert len(set(different)) == len(different)


def test_fingerprint__of_an_exported_network_is_its_file(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    with pytest.raises(UsageError, match="does not exist"):
        registry.fingerprint_of(str(file), progress=Silent())
    found = []
    for content in (b"one", b"other"):
        file.write_bytes(content)
        found.append(registry.fingerprint_of(str(file), progress=Silent())["weights"])
    assert found[0] != found[1]
