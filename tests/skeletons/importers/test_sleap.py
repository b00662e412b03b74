"""SLEAP analysis HDF5."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from tests.skeletons.importers.files import COCO, read_one, refuses

AXES = ("track", "frame", "node", "xy")
TRACKS = np.random.default_rng(2).uniform(1, 100, size=(2, 6, 17, 2))


def _write(path, order=("track", "xy", "node", "frame"), *, dims=False, tracks=TRACKS, names=COCO, scores=None, change=None):
    with h5py.File(path, "w") as file:
        file["tracks"] = tracks.transpose([AXES.index(axis) for axis in order])
        if dims:
            file["tracks"].attrs["dims"] = json.dumps(order)
        values = np.full(tracks.shape[:3], 0.5) if scores is None else scores
        file["point_scores"] = values.transpose([AXES.index(axis) for axis in order if axis != "xy"])
        file["node_names"] = np.array(names, dtype="S")
        file["track_names"] = np.array(["a", "b"], dtype="S")
        if change:
            change(file)
    return path


@pytest.mark.parametrize(
    ("order", "dims"),
    [
        (("track", "xy", "node", "frame"), False),
        (("track", "xy", "node", "frame"), True),
        (("frame", "track", "node", "xy"), False),
        (("frame", "track", "node", "xy"), True),
        (("frame", "node", "xy", "track"), False),
        (("xy", "frame", "node", "track"), True),
    ],
)
def test_sleap__every_order_of_axes(tmp_path, order, dims) -> None:
    poses = read_one("sleap", _write(tmp_path / "v.h5", order, dims=dims))
    np.testing.assert_allclose(poses.positions, TRACKS, rtol=1e-6)
    assert poses.confidence.max() == 0.5
    assert (poses.layout.name, poses.units) == ("coco-17", "px")


def test_sleap__missing_points_and_points_of_a_person(tmp_path) -> None:
    tracks, scores = TRACKS.copy(), np.full(TRACKS.shape[:3], np.nan)
    tracks[0, :4] = np.nan
    poses = read_one("sleap", _write(tmp_path / "v.h5", tracks=tracks, scores=scores))
    np.testing.assert_allclose(poses.positions[0], TRACKS[1], rtol=1e-6)
    assert np.isnan(poses.positions[1, :4]).all()
    assert poses.confidence[0].min() == 1
    assert poses.confidence[1, :4].max() == 0


def _without(name):
    return lambda file: file.__delitem__(name)


def _replaced(name, value):
    def change(file) -> None:
        del file[name]
        file[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without("tracks"), "'tracks' is missing; found node_names, point_scores, track_names"),
        (_without("node_names"), "'node_names' is missing"),
        (_replaced("tracks", np.zeros((3, 4))), "expected 'tracks' of shape (tracks, 2, 17 nodes, frames), found (3, 4)"),
        (_replaced("tracks", np.zeros((1, 2, 17, 0))), "'point_scores' must have the shape (1, 17, 0)"),
        (_replaced("tracks", np.zeros((1, 2, 17, 3), dtype=int)), "'tracks' must be numbers, found int64"),
        (_replaced("point_scores", np.zeros(3)), "'point_scores' must have the shape (2, 17, 6), found float64 (3,)"),
        (_replaced("node_names", np.zeros(3)), "'node_names' must be a list of names"),
        (_replaced("node_names", np.array(["thorax", "abdomen"] * 8 + ["x"], dtype="S")), "the joint name(s) abdomen, thorax appear twice"),
        (_replaced("node_names", np.array([f"n{n}" for n in range(17)], dtype="S")), "the joint names fit no skeleton"),
    ],
)
def test_sleap__defects(tmp_path, change, message) -> None:
    refuses("sleap", _write(tmp_path / "v.h5", change=change), message)


def test_sleap__data_in_another_file_is_not_read(tmp_path) -> None:
    _write(tmp_path / "other.h5")
    change = _replaced("tracks", h5py.ExternalLink(str(tmp_path / "other.h5"), "tracks"))
    refuses("sleap", _write(tmp_path / "v.h5", change=change), "'tracks' lies in another file, which is not read")

    def raw(file) -> None:
        del file["tracks"]
        (tmp_path / "secret").write_bytes(b"\0" * 8 * TRACKS.size)
        file.create_dataset("tracks", (2, 2, 17, 6), "f8", external=[(str(tmp_path / "secret"), 0, 8 * TRACKS.size)])

    refuses("sleap", _write(tmp_path / "w.h5", change=raw), "'tracks' lies in another file, which is not read")


def test_sleap__no_frames(tmp_path) -> None:
    refuses("sleap", _write(tmp_path / "v.h5", tracks=TRACKS[:, :0]), "the clip has no frames or no tracks")


def test_sleap__dims_that_make_no_sense(tmp_path) -> None:
    def change(file) -> None:
        file["tracks"].attrs["dims"] = "[1"

    refuses("sleap", _write(tmp_path / "v.h5", change=change), "expected 'tracks' of shape")
