"""The gate to mmpose and mmaction2."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from stages import openmmlab
from stages.errors import ArtifactError, MissingDependencyError, UsageError
from tests.conftest import run_python

HRNET = "td-hm_hrnet-w32_8xb64-210e_coco-256x192"


def test_prepare__names_the_packages_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None if name == "mmpose" else find(name, package))
    openmmlab.prepare.cache_clear()
    with pytest.raises(MissingDependencyError, match="packages that are not installed: mmpose") as caught:
        openmmlab.prepare()
    assert caught.value.exit_code == 5
    assert caught.value.hint == "pip install aqa-toolkit[video]"


def test_prepare__stands_in_only_for_what_is_missing() -> None:
    openmmlab.prepare()
    for name in ("mmdet", "mmdet.utils", "mmcv.ops", "mmaction.models.localizers.drn.drn", "xtcocotools.coco"):
        module = sys.modules[name]
        assert getattr(module, "__file__", None) or module.__doc__ == "A stand-in: see stages/openmmlab.py."
    if sys.modules["mmcv.ops"].__doc__ == "A stand-in: see stages/openmmlab.py.":
        with pytest.raises(MissingDependencyError, match=r"mmcv\.ops\.DeformConv2d needs the full mmcv"):
            sys.modules["mmcv.ops"].DeformConv2d(3, 3)


def test_both_packages__build_in_one_process_quietly_and_leave_no_scope_behind() -> None:
    code = f"""
import torch
from stages import openmmlab
pose = openmmlab.build_pose(openmmlab.pose_config("rtmpose-t_8xb256-420e_body8-256x192"))
action = openmmlab.build_action(openmmlab.action_config("tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_kinetics400-rgb"))
again = openmmlab.build_pose(openmmlab.pose_config("{HRNET}"))
from mmengine.registry import DefaultScope
assert not DefaultScope._instance_dict, DefaultScope._instance_dict
assert not any(network.training for network in (pose, action, again))
assert not any(isinstance(module, torch.nn.SyncBatchNorm) for module in pose.modules())
"""
    result = run_python(code, OMP_NUM_THREADS="1")
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    assert result.stderr == ""


def test_prepare__silences_what_mmpose_says_of_old_torch_calls_and_nothing_else() -> None:
    code = """
import torch, warnings
from stages import openmmlab
network = openmmlab.build_pose(openmmlab.pose_config("rtmpose-t_8xb256-420e_body8-256x192"))
with torch.inference_mode():
    network.extract_feat(torch.zeros(1, 3, 256, 192))
warnings.warn_explicit("mind this", UserWarning, "head.py", 1, "mmpose.models.heads")
warnings.warn_explicit("`torch.cuda.amp.autocast(args...)` is deprecated", FutureWarning, "mine.py", 1, "somewhere.else")
"""
    result = run_python(code, OMP_NUM_THREADS="1")
    assert result.returncode == 0, result.stderr
    assert [line.partition(": ")[2] for line in result.stderr.splitlines()] == [
        "UserWarning: mind this",
        "FutureWarning: `torch.cuda.amp.autocast(args...)` is deprecated",
    ]


def test_model_index__leads_from_a_name_to_config_and_weights() -> None:
    for package in ("mmpose", "mmaction"):
        index = openmmlab.model_index(package)
        assert len(index) > 100
        assert [entry.name for entry in index.values() if not entry.config.is_file()] == []
        assert all(entry.weights == "" or entry.weights.startswith("https://") for entry in index.values())
    hrnet = openmmlab.model_index("mmpose")[HRNET]
    assert hrnet.config.name == f"{HRNET}.py"
    assert hrnet.weights.endswith(".pth")
    assert openmmlab.model_index("mmpose")["human"].name.startswith("rtmpose-m")


def test_config__by_name_by_path_and_by_a_path_inside_the_package() -> None:
    by_name = openmmlab.pose_config(HRNET)
    by_path = openmmlab.pose_config(openmmlab.model_index("mmpose")[HRNET].config)
    inside = openmmlab.pose_config(f"configs/body_2d_keypoint/topdown_heatmap/coco/{HRNET}.py")
    assert by_name.model == by_path.model == inside.model
    assert by_name.model.backbone.type == "HRNet"


def test_config__unknown_name_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=f"Unknown mmpose config '{HRNET}x'.*Did you mean '{HRNET}'"):
        openmmlab.pose_config(f"{HRNET}x")
    with pytest.raises(UsageError, match="Unknown mmaction config"):
        openmmlab.action_config("no-such-thing")


@pytest.mark.parametrize(
    ("text", "message"),
    [("model = (", "not a readable mmpose config"), ("1 / 0", "ZeroDivisionError"), ("lr = 1", "has no 'model'")],
    ids=["syntax", "raises", "no-model"],
)
def test_config__damaged_file_is_an_artifact_error(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(ArtifactError, match=message):
        openmmlab.pose_config(file)


def test_build__unknown_part_is_an_artifact_error(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text('model = dict(type="TopdownPoseEstimator", backbone=dict(type="NoSuchNet"))')
    with pytest.raises(ArtifactError, match=r"mmpose cannot build the network of .*mine\.py.*NoSuchNet"):
        openmmlab.build_pose(openmmlab.pose_config(file))


def test_build__reads_no_pretrained_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Configs name an address for the backbone's first weights; building must not go there."""
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: pytest.fail("went to the network"))
    network = openmmlab.build_pose(openmmlab.pose_config("rtmpose-t_8xb256-420e_body8-256x192"))
    assert not network.training
