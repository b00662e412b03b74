"""mmpose's networks, ours against its own inference, with weights in the published checkpoint format.

Two ways of computing the same joints can be told apart from rounding only where rounding does not decide: a map without a peak, or a
soft-max that is as good as an arg-max, moves its joint by any distance when the last bit of an input changes.  So the weights are
trained ones where there are some (the tiny network, under every codec), else random ones whose last layer is fitted to drawn figures,
or, for RTMO, whose soft-max is soft.  On those every joint must agree, to far less than half a pixel.
"""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from benchmarks import fitted
from benchmarks.fitted import Figures
from stages import openmmlab, weights
from stages.arrays import Array
from stages.engine.progress import Silent
from stages.errors import ArtifactError
from stages.extract_pose.estimators import folding, mmpose_rtmo, registry, tiny
from stages.extract_pose.estimators.letterbox import Letterbox
from stages.extract_pose.estimators.mmpose_rtmo import MMPoseRTMO
from stages.extract_pose.estimators.mmpose_topdown import MMPoseTopDown, layout_of
from stages.skeletons.layouts import COCO_17

CPU = torch.device("cpu")
PEOPLE, FILMED = fitted.figures(12), fitted.filmed()
SAME = 0.01
"""Pixels of the frame, for every joint."""
RTMPOSE, RTMO = "rtmpose-t_8xb256-420e_body8-256x192", "rtmo-s_8xb32-600e_body7-640x640"


def people_for(name: str) -> Figures:
    return PEOPLE if name == "rtmpose-t" else FILMED


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
    """Fitted weights for RTMPose, and the trained ones of the tiny network, as published checkpoints."""
    folder = tmp_path_factory.mktemp("weights")
    trained = folder / "tiny.pth"
    torch.save({"state_dict": weights.read_state(tiny.WEIGHTS), "meta": {}}, trained)
    rtmpose = fitted.checkpoint(config_of("rtmpose-t"), folder / "rtmpose-t.pth", PEOPLE)
    return {"rtmpose-t": rtmpose, "tiny": trained, "heatmap": trained, "unbiased": trained}


def ours(config: Any, file: Path, **settings: Any) -> MMPoseTopDown:
    network = openmmlab.build_pose(config)
    weights.load_into(network, weights.read_state(file), str(file))
    return MMPoseTopDown(network, config, device=CPU, **settings)


@pytest.mark.parametrize("flip", [False, True], ids=["plain", "flip"])
@pytest.mark.parametrize("name", ["rtmpose-t", "heatmap", "unbiased", "tiny"])
def test_joints__are_mmposes_own(files: dict[str, Path], name: str, flip: bool) -> None:
    config, people = config_of(name), people_for(name)
    positions, confidence = ours(config, files[name], flip=flip).joints(people.frames, people.boxes)
    theirs, sure = fitted.peer(config, files[name])(people.frames, people.boxes, flip=flip)
    assert np.abs(positions - theirs).max() <= SAME
    assert np.allclose(confidence, np.clip(sure, 0, 1), atol=1e-4)
    assert np.median(np.linalg.norm(theirs - people.joints, axis=2)) < 8  # what they agree on are the joints


def test_joints__bf16_hardly_moves_those_of_a_trained_network(files: dict[str, Path]) -> None:
    exact, positions = (
        ours(config_of("tiny"), files["tiny"], precision=precision).joints(FILMED.frames, FILMED.boxes)[0] for precision in ("fp32", "bf16")
    )
    assert 0.01 < np.linalg.norm(positions - exact, axis=2).max() < 0.5


def test_joints__bf16_hardly_moves_clear_peaks(files: dict[str, Path]) -> None:
    config = config_of("rtmpose-t")
    exact = ours(config, files["rtmpose-t"])
    clear = fitted.clear_joints(exact, PEOPLE)
    positions = ours(config, files["rtmpose-t"], precision="bf16").joints(PEOPLE.frames, PEOPLE.boxes)[0]
    apart = np.linalg.norm(positions - exact.joints(PEOPLE.frames, PEOPLE.boxes)[0], axis=2)
    assert clear.mean() > 0.3
    assert 0 < apart[clear].max() <= 2


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
    frames = real_frames(shared, 4)
    boxes = np.array([[100, 150, 600, 1000], [150, 200, 560, 900], [-50, 100, 500, 1300], [0, 0, 720, 1280]], dtype=np.float32)
    positions, _ = registry.build(name, checkpoint=str(file), device="cpu", progress=Silent()).joints(frames, boxes)
    assert np.abs(positions - fitted.peer(config, file)(frames, boxes)[0]).max() <= SAME


def real_frames(shared: Path, count: int) -> list[Array]:
    capture = cv2.VideoCapture(str(shared / "data/videos/pose_squats.mp4"))
    return [capture.read()[1] for _ in range(count)]


def rtmo_network(config: Any, frames: list[Array], *, soft: float = 0.1, most: int = 30) -> Any:
    """RTMO with calibrated random weights that finds at most ``most`` candidates of a score above 0.1 in a frame.

    Its boxes have a person's size, and the soft-max over their bins is soft, where ``soft`` is a tenth.  With 1 the logits lie hundreds
    apart and two far bins compete for being the one that counts.
    """
    torch.manual_seed(0)
    network: Any = openmmlab.build_pose(config)
    inputs = letterboxed(frames)
    fitted.calibrate(network, lambda: network.head.forward(network.extract_feat(inputs)))
    with torch.no_grad():
        scores = torch.cat([level.flatten(1) for level in network.head.forward(network.extract_feat(inputs))[0]], dim=1)
        for layer in network.head.head_module.out_cls:
            layer.bias -= scores.topk(most).values[:, -1].max() + 2.197
        for layer in (*network.head.head_module.out_bbox, network.head.dcc.x_fc, network.head.dcc.y_fc):
            layer.weight *= soft
    return network


def letterboxed(frames: list[Array]) -> torch.Tensor:
    return torch.stack([torch.from_numpy(Letterbox((640, 640)).fit(frame)).permute(2, 0, 1).float() for frame in frames])


@pytest.fixture(scope="module")
def rtmo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, list[Array]]:
    """RTMO in the published format, and three frames of two shapes."""
    config, frames = openmmlab.pose_config(RTMO), [*PEOPLE.frames[:2], np.ascontiguousarray(PEOPLE.frames[2][:, :100])]
    file = tmp_path_factory.mktemp("rtmo") / "rtmo.pth"
    torch.save({"state_dict": rtmo_network(config, frames).state_dict(), "meta": {}}, file)
    return config, file, frames


def rtmo_of(config: Any, file: Path, **settings: Any) -> MMPoseRTMO:
    network = openmmlab.build_pose(config)
    weights.load_into(network, weights.read_state(file), str(file))
    return MMPoseRTMO(network, config, device=CPU, **settings)


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
    assert sum(len(people.scores) for people in found) >= 40
    for people, instances in zip(found, theirs, strict=True):
        assert len(people.scores) == len(instances.bbox_scores)
        order = np.argsort(-instances.bbox_scores, kind="stable")
        assert np.all(np.diff(people.scores) <= 0)
        assert np.allclose(people.scores, instances.bbox_scores[order], atol=1e-4)
        assert np.abs(people.boxes - instances.bboxes[order]).max(initial=0) <= SAME
        assert np.abs(people.positions - instances.keypoints[order]).max(initial=0) <= SAME
        assert np.allclose(people.confidence, instances.keypoint_scores[order], atol=1e-4)


@pytest.mark.slow
def test_people__bf16_finds_most_of_them_at_nearly_the_same_place(rtmo: tuple[Any, Path, list[Array]]) -> None:
    config, file, frames = rtmo
    exact, half = (rtmo_of(config, file, precision=precision).people(frames) for precision in ("fp32", "bf16"))
    apart = []
    for one, other in zip(exact, half, strict=True):
        distance = np.linalg.norm(one.positions[:, None] - other.positions[None], axis=-1).mean(axis=2)
        apart += list(distance.min(axis=1, initial=np.inf))
    assert np.median(apart) < 3
    assert max(apart) > 0


@pytest.mark.slow
def test_people__of_sharp_random_weights_are_not_even_mmposes_own(shared: Path) -> None:
    """Why the weights above are made soft: without that mmpose in float32 misses mmpose in float64 as often as we do."""
    config, frames = openmmlab.pose_config(RTMO), real_frames(shared, 2)
    shares: dict[float, tuple[float, float]] = {}
    for soft in (1.0, 0.1):
        network = rtmo_network(config, frames, soft=soft, most=100)
        exact = heads_own(config, copy.deepcopy(network).double(), letterboxed(frames).double())
        rounded = heads_own(config, copy.deepcopy(network), letterboxed(frames))
        mine = [(people.scores, people.positions) for people in MMPoseRTMO(network, config, device=CPU).people(frames)]
        back = [(scores, Letterbox((640, 640)).to_frame(joints, frame)) for (scores, joints), frame in zip(rounded, frames, strict=True)]
        truth = [(scores, Letterbox((640, 640)).to_frame(joints, frame)) for (scores, joints), frame in zip(exact, frames, strict=True)]
        shares[soft] = missed(back, truth), missed(mine, truth)
    theirs, own = shares[1.0]
    assert theirs > 0.01
    assert own < 1.5 * theirs
    assert shares[0.1] == (0.0, 0.0)


def heads_own(config: Any, network: Any, inputs: torch.Tensor) -> list[tuple[Array, Array]]:
    """Scores and joints in pixels of the input that mmpose's head finds, best first."""
    samples = [SimpleNamespace(metainfo={"input_size": (640, 640)})] * len(inputs)
    with torch.inference_mode():
        network.head.featmap_sizes = None  # the grid is made anew, in this precision
        found = network.head.predict(network.extract_feat(inputs), samples, test_cfg=config.model.test_cfg)
    order = [np.argsort(-one.bbox_scores, kind="stable") for one in found]
    return [(one.bbox_scores[best], one.keypoints[best]) for one, best in zip(found, order, strict=True)]


def missed(found: list[tuple[Array, Array]], truth: list[tuple[Array, Array]]) -> float:
    """The share of joints that lie more than half a pixel from those of the person of the same score."""
    far = []
    for (scores, joints), (exact, places) in zip(found, truth, strict=True):
        same = np.abs(scores[:, None] - exact[None]).argmin(axis=1)
        far.append((np.abs(joints - places[same]).max(axis=2) > 0.5).mean())
    return float(np.mean(far))


def test_people__do_not_depend_on_the_batch(rtmo: tuple[Any, Path, list[Array]]) -> None:
    config, file, frames = rtmo
    estimator = rtmo_of(config, file, batch=2)
    together = estimator.people(frames)
    alone = [estimator.people([frame])[0] for frame in frames]
    for one, other in zip(together, alone, strict=True):
        assert np.array_equal(one.positions, other.positions)
        assert np.array_equal(one.boxes, other.boxes)
    assert estimator.people([]) == []


def test_people__of_a_crowd_are_located_in_parts(rtmo: tuple[Any, Path, list[Array]], monkeypatch: pytest.MonkeyPatch) -> None:
    config, file, frames = rtmo
    estimator = rtmo_of(config, file, batch=1)
    (whole,) = estimator.people(frames[:1])
    monkeypatch.setattr(mmpose_rtmo, "_AT_ONCE", 3)
    (parts,) = estimator.people(frames[:1])
    assert len(whole.scores) > 3
    assert np.abs(whole.positions - parts.positions).max() < 1e-3
