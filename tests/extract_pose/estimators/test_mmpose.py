"""mmpose's networks, ours against its own inference, with fitted weights in the published checkpoint format."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from benchmarks import fitted
from stages import openmmlab, weights
from stages.arrays import Array
from stages.engine.progress import Silent
from stages.errors import ArtifactError
from stages.extract_pose.estimators import folding, registry, tiny
from stages.extract_pose.estimators.letterbox import Letterbox
from stages.extract_pose.estimators.mmpose_rtmo import MMPoseRTMO
from stages.extract_pose.estimators.mmpose_topdown import MMPoseTopDown, layout_of
from stages.skeletons.layouts import COCO_17

CPU = torch.device("cpu")
PEOPLE = fitted.figures(12)
BIN = 4 * 140 * 1.25 / tiny.INPUT_SIZE[1]
"""Frame pixels per heat-map bin of the tiny network, for boxes as tall as the figures' are at most."""
RTMPOSE, RTMO = "rtmpose-t_8xb256-420e_body8-256x192", "rtmo-s_8xb32-600e_body7-640x640"


def config_of(name: str) -> Any:
    """A config by name; ``heatmap`` and ``unbiased`` are the tiny network with other codecs."""
    if name in registry.ESTIMATORS and name != "tiny":
        return openmmlab.pose_config(registry.ESTIMATORS[name].config)
    openmmlab.prepare()
    config = tiny.config()
    config.test_dataloader.dataset.type = "CocoDataset"
    if name != "tiny":
        size = {"input_size": tiny.INPUT_SIZE, "heatmap_size": tiny.HEATMAP_SIZE, "sigma": 2}
        config.model.head.decoder = {"type": "MSRAHeatmap", **size, "unbiased": name == "unbiased"}
        config.test_dataloader.dataset.pipeline[2].use_udp = False
    return config


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("weights")
    return {
        name: fitted.checkpoint(config_of(name), folder / f"{name}.pth", PEOPLE) for name in ("rtmpose-t", "heatmap", "unbiased", "tiny")
    }


def ours(config: Any, file: Path, **settings: Any) -> MMPoseTopDown:
    network = openmmlab.build_pose(config)
    weights.load_into(network, weights.read_state(file), str(file))
    return MMPoseTopDown(network, config, device=CPU, **settings)


@pytest.mark.parametrize("flip", [False, True], ids=["plain", "flip"])
@pytest.mark.parametrize("name", ["rtmpose-t", "heatmap", "unbiased", "tiny"])
def test_joints__are_mmposes_own(files: dict[str, Path], name: str, flip: bool) -> None:
    config = config_of(name)
    positions, confidence = ours(config, files[name], flip=flip).joints(PEOPLE.frames, PEOPLE.boxes)
    theirs, sure = fitted.peer(config, files[name])(PEOPLE.frames, PEOPLE.boxes, flip=flip)
    apart = np.abs(positions - theirs).max(2)
    if name in ("rtmpose-t", "heatmap"):
        assert apart.max() <= 0.5
    else:  # distribution-aware decoding divides by the curvature of a map, which a map without a peak does not have
        assert (apart <= 0.5).mean() >= 0.98
    assert np.allclose(confidence, np.clip(sure, 0, 1), atol=1e-3)
    assert np.ptp(theirs, axis=0).min(axis=1).max() > 20  # it does look at the frames


@pytest.mark.parametrize(("name", "bound"), [("rtmpose-t", 2.0), ("heatmap", BIN)])
def test_joints__bf16_hardly_moves_clear_peaks(files: dict[str, Path], name: str, bound: float) -> None:
    """By less than two pixels, where a bin of the output is not larger than that; else by one bin at most."""
    config = config_of(name)
    exact = ours(config, files[name])
    clear = fitted.clear_joints(exact, PEOPLE)
    positions = ours(config, files[name], precision="bf16").joints(PEOPLE.frames, PEOPLE.boxes)[0]
    apart = np.abs(positions - exact.joints(PEOPLE.frames, PEOPLE.boxes)[0]).max(2)
    assert clear.mean() > 0.3
    assert apart[clear].max() <= bound
    assert apart.max() > 0  # it did run in bfloat16


def test_joints__depend_on_their_own_crop_alone(files: dict[str, Path]) -> None:
    """One by one, in another order and in batches that do not come out even: the same bytes."""
    config = config_of("rtmpose-t")
    estimator = ours(config, files["rtmpose-t"], batch=5)
    together = estimator.joints(PEOPLE.frames, PEOPLE.boxes)
    order = np.random.default_rng(0).permutation(len(PEOPLE.frames))
    mixed = estimator.joints([PEOPLE.frames[number] for number in order], PEOPLE.boxes[order])
    single = [estimator.joints([frame], box[None]) for frame, box in zip(PEOPLE.frames, PEOPLE.boxes, strict=True)]
    for part in (0, 1):
        assert np.array_equal(together[part][order], mixed[part])
        assert np.array_equal(together[part], np.concatenate([one[part] for one in single]))
    assert estimator.joints([], np.zeros((0, 4)))[0].shape == (0, 17, 2)


def test_fold__changes_nothing_but_takes_the_norms_out(files: dict[str, Path]) -> None:
    network: Any = openmmlab.build_pose(config_of("rtmpose-t"))
    weights.load_into(network, weights.read_state(files["rtmpose-t"]), "fitted")
    plain, example = copy.deepcopy(network).double(), torch.randn(1, 3, 256, 192)
    assert folding.fold(network, lambda x: network.head.forward(network.extract_feat(x)), example)
    assert not any(isinstance(module, _BatchNorm) for module in network.modules())
    with torch.no_grad():
        folded, exact = network.extract_feat(example)[0], plain.extract_feat(example.double())[0]
    assert folded.dtype == torch.float32
    assert (folded - exact).abs().max() < 1e-4 * exact.abs().max()


def test_fold__leaves_alone_what_runs_in_another_order() -> None:
    class Odd(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = torch.nn.Conv2d(3, 3, 1), torch.nn.BatchNorm2d(3)
            self.norm.running_mean = torch.ones(3)
            self.norm.running_var = torch.tensor([1.0, 4.0, 9.0])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(torch.relu(self.norm(x)))

    network, example = Odd().eval(), torch.randn(2, 3, 4, 4)
    with torch.no_grad():
        before = network(example)
        assert not folding.fold(network, network, example)
        assert torch.allclose(network(example), before)


def test_config__of_another_kind_of_network_is_refused() -> None:
    network = openmmlab.build_pose(config_of("tiny"))
    regression = config_of("tiny")
    regression.model.head.decoder.type = "RegressionLabel"
    with pytest.raises(ArtifactError, match=r"not usable as a top-down estimator.*its codec is RegressionLabel"):
        MMPoseTopDown(network, regression, device=CPU)
    whole = openmmlab.pose_config(RTMO)
    with pytest.raises(ArtifactError, match=r"its test pipeline is LoadImage, BottomupResize"):
        MMPoseTopDown(network, whole, device=CPU)
    with pytest.raises(ArtifactError, match=r"not usable as a one-stage estimator.*found HeatmapHead"):
        MMPoseRTMO(network, config_of("tiny"), device=CPU)


def test_layout_of__knows_coco_and_refuses_animals() -> None:
    assert layout_of(openmmlab.pose_config(RTMPOSE)) is COCO_17
    animal = openmmlab.pose_config("td-hm_hrnet-w32_8xb64-210e_ap10k-256x256")
    with pytest.raises(ArtifactError, match=r"its 17 joints \(L_Eye, R_Eye.*no known layout"):
        layout_of(animal)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hrnet-w32", "rtmpose-m"])
def test_joints__on_real_video_are_mmposes_own(tmp_path: Path, shared: Path, name: str) -> None:
    config = config_of(name)
    file = fitted.checkpoint(config, tmp_path / "fitted.pth", PEOPLE)
    capture = cv2.VideoCapture(str(shared / "data/videos/pose_squats.mp4"))
    frames = [capture.read()[1] for _ in range(4)]
    boxes = np.array([[100, 150, 600, 1000], [150, 200, 560, 900], [-50, 100, 500, 1300], [0, 0, 720, 1280]], dtype=np.float32)
    positions, _ = registry.build(name, checkpoint=str(file), device="cpu", progress=Silent()).joints(frames, boxes)
    assert np.abs(positions - fitted.peer(config, file)(frames, boxes)[0]).max() <= 0.5


@pytest.fixture(scope="module")
def rtmo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, list[Array]]:
    """RTMO with calibrated random weights that finds a few people, in the published format."""
    config, frames = openmmlab.pose_config(RTMO), [*PEOPLE.frames[:2], np.ascontiguousarray(PEOPLE.frames[2][:, :100])]
    torch.manual_seed(0)
    network: Any = openmmlab.build_pose(config)
    inputs = torch.stack([torch.from_numpy(Letterbox((640, 640)).fit(frame)).permute(2, 0, 1).float() for frame in frames])
    fitted.calibrate(network, lambda: network.head.forward(network.extract_feat(inputs)))
    with torch.no_grad():
        scores = torch.cat([level.flatten(1) for level in network.head.forward(network.extract_feat(inputs))[0]], dim=1)
        for layer in network.head.head_module.out_cls:
            layer.bias -= scores.topk(30).values[:, -1].max() + 2.197  # at most 30 in a frame come above a score of 0.1
        for layer in (*network.head.head_module.out_bbox, network.head.dcc.x_fc, network.head.dcc.y_fc):
            layer.weight *= 0.1  # boxes of a person's size, and a soft-max over them that is soft: no rounding moves a joint far
    file = tmp_path_factory.mktemp("rtmo") / "rtmo.pth"
    torch.save({"state_dict": network.state_dict(), "meta": {}}, file)
    return config, file, frames


def test_people__are_mmposes_own(rtmo: tuple[Any, Path, list[Array]]) -> None:
    from mmengine.registry import DefaultScope
    from mmpose.apis.inference import dataset_meta_from_config, inference_bottomup

    config, file, frames = rtmo
    peer: Any = openmmlab.build_pose(config)
    peer.load_state_dict(torch.load(file)["state_dict"])
    peer.cfg, peer.dataset_meta = config, dataset_meta_from_config(config, "test")
    with DefaultScope.overwrite_default_scope("mmpose"):
        theirs = [inference_bottomup(peer, frame)[0].pred_instances for frame in frames]
    found = registry.build("rtmo-s", checkpoint=str(file), device="cpu", progress=Silent()).people(frames)
    assert 1 <= max(len(people.scores) for people in found) <= 30
    for people, instances in zip(found, theirs, strict=True):
        assert len(people.scores) == len(instances.bbox_scores)
        order = np.argsort(-instances.bbox_scores, kind="stable")
        assert np.all(np.diff(people.scores) <= 0)
        assert np.allclose(people.scores, instances.bbox_scores[order], atol=1e-4)
        assert np.abs(people.boxes - instances.bboxes[order]).max(initial=0) <= 0.5
        assert np.abs(people.positions - instances.keypoints[order]).max(initial=0) <= 0.5
        assert np.allclose(people.confidence, instances.keypoint_scores[order], atol=1e-3)


def test_people__do_not_depend_on_the_batch(rtmo: tuple[Any, Path, list[Array]]) -> None:
    config, file, frames = rtmo
    network = openmmlab.build_pose(config)
    weights.load_into(network, weights.read_state(file), str(file))
    estimator = MMPoseRTMO(network, config, device=CPU, batch=2)
    together = estimator.people(frames)
    alone = [estimator.people([frame])[0] for frame in frames]
    for one, other in zip(together, alone, strict=True):
        assert np.array_equal(one.positions, other.positions)
        assert np.array_equal(one.boxes, other.boxes)
    assert estimator.people([]) == []
