"""The check of a downloaded data set: counts, and everything that is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stages.datasets import check as checks
from stages.datasets import nw_ucla
from stages.datasets.check import Count, check
from stages.datasets.registry import adapter_for
from stages.engine.progress import Silent
from stages.skeletons.layouts import KINECT_20
from stages.skeletons.poses import sequence


def write(folder: Path, name: str, positions: object) -> None:
    (folder / f"{name}.json").write_text(json.dumps({"skeletons": np.asarray(positions).tolist()}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0).normal(size=(6, 20, 3))
    write(tmp_path, "a01_s01_e00_v01", random)
    write(tmp_path, "a01_s01_e00_v02", random)
    write(tmp_path, "a02_s02_e01_v01", random[:1])
    write(tmp_path, "a03_s02_e01_v01", random[:, :19])
    write(tmp_path, "a99_s02_e01_v01", random)
    return tmp_path


def test_check__everything_is_named_and_counted(folder: Path) -> None:
    report = check(nw_ucla.ADAPTER, folder, Silent())
    assert report.usable
    assert report.frames == (1, 6, 6)
    assert report.counts == (
        Count("clips", 4, 1494),
        Count("recordings", 4, None),
        Count("readable", 3, None),
        Count("subject", 2, 10),
        Count("action", 3, 10),
        Count("view", 2, 3),
    )
    assert [problem.split(":")[0] for problem in report.problems] == ["a99_s02_e01_v01.json"]
    assert report.unreadable == ("a03_s02_e01_v01: a03_s02_e01_v01.json: expected skeletons [T][20][3], found (6, 19, 3).",)
    assert report.odd == ("a01_s01_e00_v02: the same recording as a01_s01_e00_v01", "a02_s02_e01_v01: a single frame")
    assert report.warnings == 4
    assert json.loads(json.dumps(report.to_json()))["usable"] is True


def test_check__nothing_readable_is_not_usable(tmp_path: Path) -> None:
    write(tmp_path, "a01_s01_e00_v01", np.zeros((0, 20, 3)))
    report = check(nw_ucla.ADAPTER, tmp_path, Silent())
    assert not report.usable
    assert report.frames == (0, 0, 0)


def test_check__scores_are_counted() -> None:
    report = check(adapter_for("generated-3x1+2"), Path(), Silent())
    assert Count("scored", 3, None) in report.counts
    assert {"what": "scored", "found": 3, "published": None} in json.loads(json.dumps(report.to_json()))["counts"]


def test_oddities__missing_joints_and_repairs() -> None:
    positions = np.ones((4, 20, 3))
    positions[0, :10] = np.nan
    poses = sequence(positions, KINECT_20, clip={"defects": ["2 bodies in the file: the first is used"]})
    assert checks.oddities(poses) == ["2 bodies in the file: the first is used", "12.5 % of the joints are missing"]
    assert checks.oddities(sequence(np.ones((2, 20, 3)), KINECT_20)) == []
