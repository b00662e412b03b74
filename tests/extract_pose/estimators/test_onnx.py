"""Exported networks: what a graph is recognised as, and where its joints come out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from stages.engine.progress import Silent
from stages.errors import ArtifactError, MissingDependencyError, UsageError
from stages.extract_pose.estimators import onnx, registry
from stages.skeletons.layouts import COCO_17, MEDIAPIPE_33
from tests.extract_pose.estimators.graphs import write

CPU = torch.device("cpu")
FRAME = np.zeros((200, 100, 3), dtype=np.uint8)
BOX = np.array([[10, 20, 70, 100]], dtype=np.float32)  # three to four, as the input is: the padded region is 75 × 100 around (40, 60)
INPUT = (1, 3, 64, 48)


def heatmaps(x: int, y: int) -> np.ndarray:
    maps = np.zeros((1, 17, 16, 12), dtype=np.float32)
    maps[:, :, y, x], maps[:, :, y, x + 1] = 0.9, 0.5
    return maps


def simcc(bins: int, place: int) -> np.ndarray:
    vector = np.zeros((1, 17, bins), dtype=np.float32)
    vector[:, :, place] = 0.8
    return vector


def test_heatmaps__peak_comes_out_in_the_frame(tmp_path: Path) -> None:
    graph = onnx.load(write(tmp_path / "net.onnx", INPUT, {"out": heatmaps(6, 8)}), CPU)
    estimator = onnx.OnnxTopDown(graph)
    positions, confidence = estimator.joints([FRAME], BOX)
    # 6.25 of 12 bins along a region 75 wide that begins at 2.5; 8 of 16 along one 100 high that begins at 10
    assert np.allclose(positions[0], (2.5 + 75 * 6.25 / 12, 10 + 100 * 8 / 16))
    assert np.allclose(confidence, 0.9)
    assert (graph.kind, graph.size, estimator.batch, estimator.layout.name) == ("heat maps", (48, 64), 1, "coco-17")


@pytest.mark.parametrize("swapped", [False, True], ids=["x-first", "y-first"])
def test_simcc__bins_come_out_in_the_frame(tmp_path: Path, swapped: bool) -> None:
    outputs = {"simcc_x": simcc(96, 30), "simcc_y": simcc(128, 100)}
    if swapped:
        outputs = dict(reversed(outputs.items()))
    estimator = onnx.OnnxTopDown(onnx.load(write(tmp_path / "net.onnx", INPUT, outputs), CPU))
    positions, confidence = estimator.joints([FRAME], BOX)
    assert np.allclose(positions[0], (2.5 + 75 * 30 / 96, 10 + 100 * 100 / 128))
    assert np.allclose(confidence, 0.8)


def test_flip_test__averages_with_the_mirrored_outputs(tmp_path: Path) -> None:
    """A graph that always says the same is, mirrored, its own opposite: the average has two peaks of half the height."""
    graph = onnx.load(write(tmp_path / "net.onnx", INPUT, {"out": heatmaps(2, 8)}), CPU)
    _, plain = onnx.OnnxTopDown(graph).joints([FRAME], BOX)
    _, flipped = onnx.OnnxTopDown(graph, flip=True).joints([FRAME], BOX)
    assert np.allclose(flipped, plain / 2)


@pytest.mark.parametrize("order", ["dets-first", "keypoints-first"])
def test_rtmo__people_come_out_best_first(tmp_path: Path, order: str) -> None:
    dets = np.array([[[10, 10, 20, 30, 0.3], [0, 0, 32, 32, 0.9], [1, 1, 2, 2, 0.01]]], dtype=np.float32)
    keypoints = np.tile(np.array([16, 32, 0.7], dtype=np.float32), (1, 3, 17, 1))
    keypoints[0, 1, :, :2] = 8, 4
    outputs = {"dets": dets, "keypoints": keypoints}
    if order == "keypoints-first":
        outputs = dict(reversed(outputs.items()))
    graph = onnx.load(write(tmp_path / "net.onnx", (1, 3, 64, 64), outputs), CPU)
    assert graph.kind == "RTMO"
    people = onnx.OnnxRTMO(graph).people([FRAME, FRAME])
    assert len(people) == 2
    scale = 200 / 64
    assert np.allclose(people[1].scores, [0.9, 0.3])
    assert np.allclose(people[1].boxes[0], np.array([0, 0, 32, 32]) * scale)
    assert np.allclose(people[1].positions[0, 3], np.array([8, 4]) * scale)
    assert np.allclose(people[1].confidence, 0.7)


def test_open_batch__is_run_at_a_fixed_size_and_changes_nothing(tmp_path: Path) -> None:
    file = write(tmp_path / "net.onnx", ("batch", 3, 64, 48), {"out": heatmaps(6, 8)}, open_batch=True)
    estimator = onnx.OnnxTopDown(onnx.load(file, CPU, batch=4, threads=1))
    assert estimator.batch == 4
    boxes = BOX + np.arange(6, dtype=np.float32)[:, None]
    together = estimator.joints([FRAME] * 6, boxes)[0]
    assert np.array_equal(together, np.concatenate([estimator.joints([FRAME], box[None])[0] for box in boxes]))
    assert estimator.joints([], np.zeros((0, 4)))[0].shape == (0, 17, 2)


@pytest.mark.parametrize(
    ("shape", "outputs", "found"),
    [
        (INPUT, {"features": np.zeros((1, 100), dtype=np.float32)}, r"outputs features \(1, 100\)"),
        ((1, 1, 64, 48), {"out": heatmaps(1, 1)}, r"inputs input \(1, 1, 64, 48\)"),
        ((1, 3, "h", "w"), {"out": heatmaps(1, 1)}, r"inputs input \(1, 3, 'h', 'w'\)"),
        (INPUT, {"dets": np.zeros((1, 2, 7), np.float32), "more": np.zeros((1, 2, 17, 3), np.float32)}, r"dets \(1, 2, 7\)"),
    ],
    ids=["features", "grey", "open-size", "boxes-of-seven"],
)
def test_load__another_graph_is_named_by_what_it_has(tmp_path: Path, shape: tuple[int, ...], outputs: dict, found: str) -> None:
    file = write(tmp_path / "net.onnx", shape, outputs)
    with pytest.raises(ArtifactError, match=f"no pose network that is known here.*found .*{found}"):
        onnx.load(file, CPU)


def test_load__unknown_number_of_joints(tmp_path: Path) -> None:
    file = write(tmp_path / "net.onnx", INPUT, {"out": heatmaps(1, 1)[:, :5]})
    with pytest.raises(ArtifactError, match=r"finds 5 joints; known numbers of joints are 17 \(coco-17\)"):
        onnx.OnnxTopDown(onnx.load(file, CPU))


def test_load__damaged_or_absent(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    with pytest.raises(ArtifactError, match="does not exist"):
        onnx.load(file, CPU)
    file.write_bytes(b"no graph")
    with pytest.raises(ArtifactError, match="not a readable ONNX network"):
        onnx.load(file, CPU)


def test_load__without_onnxruntime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "net.onnx", INPUT, {"out": heatmaps(1, 1)})
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError, match="needs onnxruntime") as caught:
        onnx.load(file, CPU)
    assert (caught.value.exit_code, caught.value.hint) == (5, "pip install aqa-toolkit[video]")


def test_load__on_a_gpu_that_this_onnxruntime_cannot_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(UsageError, match="cannot run on 'cuda:0'"):
        onnx.load(write(tmp_path / "net.onnx", INPUT, {"out": heatmaps(1, 1)}), torch.device("cuda:0"))


def test_real_network__reaches_its_published_accuracy_on_real_video(shared: Path) -> None:
    """PCK@0.2 by the larger side of the reference's box, over the 17 joints that both layouts have; boxes from the reference."""
    reference = np.array(json.loads((shared / "data/videos/pose_squats.full.json").read_text()))[:, :, :2]
    capture, frames = cv2.VideoCapture(str(shared / "data/videos/pose_squats.mp4")), []
    while (read := capture.read())[0]:
        frames.append(read[1])
    boxes = np.concatenate([reference.min(1), reference.max(1)], axis=1).astype(np.float32)
    name = str(shared / "data/weights/ultralight_simplepose_coco17_256x192.onnx")
    positions, confidence = registry.build(name, device="cpu", progress=Silent()).joints(frames, boxes)
    apart = np.linalg.norm(positions - reference[:, MEDIAPIPE_33.numbers(COCO_17.joints)], axis=2)
    size = (boxes[:, 2:] - boxes[:, :2]).max(1)[:, None]
    assert (apart < 0.2 * size).mean() >= 0.99
    assert (apart < 0.05 * size).mean() >= 0.9
    assert 0.5 < np.median(confidence) <= confidence.max() <= 1.0
