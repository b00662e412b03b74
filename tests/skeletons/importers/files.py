"""Small pose files in the layouts that their tools publish, and the two ways in which tests read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from stages.errors import ArtifactError
from stages.skeletons.importers.common import Reading
from stages.skeletons.importers.registry import reader_of
from stages.skeletons.layouts import COCO_17, layout_named
from stages.skeletons.poses import PoseSequence

COCO = COCO_17.joints


def read_all(
    name: str, *files: Path, skeleton: str | None = None, fps: float | None = None
) -> dict[str, tuple[PoseSequence, dict[str, Any]]]:
    """Return every clip of the files as id → (poses, manifest values)."""
    reading = Reading(layout_named(skeleton) if skeleton else None, fps)
    return {clip.id: (clip.load(), dict(clip.values)) for clip in reader_of(name)(files, reading)}


def read_one(name: str, *files: Path, **options: Any) -> PoseSequence:
    """Return the poses of files that are one clip."""
    clips = read_all(name, *files, **options)
    assert list(clips) == [""]
    return clips[""][0]


def refuses(name: str, file: Path, message: str, **options: Any) -> None:
    """Assert that a file is refused with an error that holds ``message`` and names the file."""
    with pytest.raises(ArtifactError) as caught:
        read_all(name, file, **options)
    assert message in str(caught.value)
    assert file.name in str(caught.value)


def person(offset: float = 0.0, joints: int = 17, axes: int = 2) -> np.ndarray:
    """Return joints (V, C) with a distinct value in each cell, moved by ``offset``."""
    return np.arange(joints * axes, dtype=float).reshape(joints, axes) + 1 + offset


def ntu_text(frames: list[dict[str, float]], *, state: int = 2, announced: int | None = None) -> str:
    """Return a ``.skeleton`` text: per frame body id → x of every joint (y is the joint's number, z is 3)."""
    lines = [str(len(frames) if announced is None else announced)]
    for frame in frames:
        lines.append(str(len(frame)))
        for body, x in frame.items():
            lines += [f"{body} 0 1 1 1 1 0 0.02 0.05 2", "25"]
            lines += [f"{x} {joint} 3 277.4 191.8 1036.2 519.1 -0.2 0.05 0.96 -0.12 {state}" for joint in range(25)]
    return "\n".join(lines) + "\n"


def openpose_frame(folder: Path, number: int, people: list[np.ndarray], name: str = "squat") -> Path:
    """Write one frame: each person is (V, 3)."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "version": 1.3,
        "people": [{"person_id": [-1], "pose_keypoints_2d": one.reshape(-1).tolist(), "pose_keypoints_3d": []} for one in people],
    }
    path = folder / f"{name}_{number:012d}_keypoints.json"
    path.write_text(json.dumps(document))
    return path


def with_confidence(points: np.ndarray, confidence: float = 0.9) -> np.ndarray:
    """Append a column of confidence."""
    return np.hstack([points, np.full((len(points), 1), confidence)])


def mmpose_frame(number: int, people: list[np.ndarray]) -> dict[str, Any]:
    """Return one frame of an MMPose document."""
    return {
        "frame_id": number,
        "instances": [
            {"keypoints": one.tolist(), "keypoint_scores": [0.8] * len(one), "bbox": [[0, 0, 9, 9]], "bbox_score": 0.9} for one in people
        ],
    }


def trc_text(names: list[str], rows: np.ndarray, *, units: str = "m", frames: int | None = None, rate: float = 60.0) -> str:
    """Return a TRC text; rows are (T, markers, 3), NaN becomes an empty cell."""
    count = len(rows) if frames is None else frames
    lines = [
        "PathFileType\t4\t(X/Y/Z)\tsquat.trc",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{rate}\t{rate}\t{count}\t{len(names)}\t{units}\t{rate}\t0\t{count}",
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t\t",
        "\t\t" + "\t".join(f"X{n}\tY{n}\tZ{n}" for n in range(1, len(names) + 1)),
        "",
    ]
    for number, row in enumerate(rows):
        cells = ["" if np.isnan(value) else f"{value:.6f}" for value in row.reshape(-1)]
        lines.append("\t".join([str(number), f"{number / rate:.6f}", *cells]))
    return "\n".join(lines) + "\n"


def dlc_text(individuals: list[str], values: np.ndarray, parts: tuple[str, ...] = COCO) -> str:
    """Return a DeepLabCut CSV; values are (T, individuals × parts × 3)."""
    columns = [(one, part, coord) for one in individuals or [""] for part in parts for coord in ("x", "y", "likelihood")]
    lines = [",".join(["scorer", *["DLC_resnet50"] * len(columns)])]
    if individuals:
        lines.append(",".join(["individuals", *(column[0] for column in columns)]))
    lines += [",".join(["bodyparts", *(column[1] for column in columns)]), ",".join(["coords", *(column[2] for column in columns)])]
    lines += [
        ",".join([str(number), *("" if np.isnan(value) else repr(float(value)) for value in row)]) for number, row in enumerate(values)
    ]
    return "\n".join(lines) + "\n"


def dlc_table(path: Path, columns: list[tuple[str, ...]], values: np.ndarray, kind: bytes | None = None) -> None:
    """Write DeepLabCut's HDF5 as pandas and pytables lay it out (``format="table"``)."""
    import pickle

    rows = np.zeros(len(values), dtype=[("index", "<i8"), ("values_block_0", "<f8", (values.shape[1],))])
    rows["index"], rows["values_block_0"] = np.arange(len(values)), values
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        group.attrs["pandas_type"] = np.bytes_(b"frame_table")
        table = group.create_dataset("table", data=rows, chunks=(8,), maxshape=(None,))
        table.attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(columns, 0) if kind is None else kind)


def generic_text(joints: tuple[str, ...], rows: np.ndarray, parts: tuple[str, ...] = ("x", "y")) -> str:
    """Return a generic CSV; rows are (T, joints × parts)."""
    lines = [",".join(["frame", *(f"{joint}_{part}" for joint in joints for part in parts)])]
    lines += [",".join([str(number), *("" if np.isnan(value) else repr(float(value)) for value in row)]) for number, row in enumerate(rows)]
    return "\n".join(lines) + "\n"


def coco_results(frames: list[list[np.ndarray]]) -> list[dict[str, Any]]:
    """Return COCO results: per image the people, each (V, 3)."""
    return [
        {"image_id": number, "category_id": 1, "keypoints": one.reshape(-1).tolist(), "score": 0.9}
        for number, people in enumerate(frames)
        for one in people
    ]
