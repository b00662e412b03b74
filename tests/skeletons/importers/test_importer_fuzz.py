"""Whatever a file holds, an importer either reads it or raises an error of this toolkit."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.errors import AqaError
from stages.skeletons.importers.common import Reading
from stages.skeletons.importers.registry import reader_of
from tests.skeletons.importers.files import (
    COCO,
    coco_results,
    dlc_text,
    generic_text,
    mmpose_frame,
    ntu_text,
    person,
    trc_text,
    with_confidence,
)

_TWO = [[with_confidence(person())], [with_confidence(person(1)), with_confidence(person(40))]]
_PYSKL = {"frame_dir": "a", "label": 1, "keypoint": np.ones((1, 2, 17, 2), dtype="f2"), "keypoint_score": np.ones((1, 2, 17), dtype="f2")}
SEEDS = {
    "ntu": ("a.skeleton", ntu_text([{"1": 0.5}, {"1": 0.6, "2": 0.1}]).encode()),
    "openpose": (
        "a_000000000000_keypoints.json",
        json.dumps({"people": [{"pose_keypoints_2d": with_confidence(person(0, 18)).reshape(-1).tolist()}]}).encode(),
    ),
    "mmpose": ("a.json", json.dumps([mmpose_frame(0, [person()]), mmpose_frame(1, [person(1), person(9)])]).encode()),
    "coco": ("a.json", json.dumps(coco_results(_TWO)).encode()),
    "trc": ("a.trc", trc_text([*COCO], np.random.default_rng(0).uniform(size=(2, 17, 3))).encode()),
    "dlc-csv": ("a.csv", dlc_text(["p"], np.random.default_rng(0).uniform(size=(2, 51))).encode()),
    "csv": ("a.csv", generic_text(COCO, np.random.default_rng(0).uniform(size=(2, 34))).encode()),
    "pyskl": ("a.pkl", pickle.dumps({"split": {"train": ["a"]}, "annotations": [_PYSKL]}, 4)),
}
_EDITS = (
    b"",
    b"0",
    b"-1",
    b"999999999",
    b"1e400",
    b"nan",
    b"null",
    b"[]",
    b"{}",
    b"\t",
    b",",
    b"\n",
    b'"',
    b"\x00",
    b"\xff",
    b"\xc2\xb2",
    b"true",
)


@st.composite
def mutated(draw: st.DrawFn, seed: bytes) -> bytes:
    """Return ``seed`` cut, or with a few stretches replaced by pieces that parsers trip over."""
    data = seed
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(len(data) - 1, 0)))
        end = start + draw(st.integers(0, 12))
        data = data[:start] + draw(st.one_of(st.sampled_from(_EDITS), st.binary(max_size=6))) + data[end:]
    return data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data


def _read(name: str, file) -> bool:
    try:
        for clip in reader_of(name)([file], Reading()):
            poses = clip.load()
            assert poses.positions.dtype == np.float32
            assert not np.isinf(poses.positions).any()
            assert (np.diff(poses.timestamps) > 0).all()
            json.dumps(dict(poses.clip), allow_nan=False)
    except AqaError:
        return False
    return True


@pytest.mark.parametrize("name", SEEDS)
def test_fuzz__the_seed_itself_is_read(name, tmp_path) -> None:
    file = tmp_path / SEEDS[name][0]
    file.write_bytes(SEEDS[name][1])
    assert _read(name, file)


@pytest.mark.parametrize("name", SEEDS)
def test_fuzz__mutations_raise_nothing_else(name, tmp_path) -> None:
    file = tmp_path / SEEDS[name][0]

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=mutated(SEEDS[name][1]))
    def check(data: bytes) -> None:
        file.write_bytes(data)
        _read(name, file)

    check()


@pytest.mark.parametrize("name", SEEDS)
def test_fuzz__random_bytes_are_refused(name, tmp_path) -> None:
    file = tmp_path / SEEDS[name][0]

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.binary(max_size=300))
    def check(data: bytes) -> None:
        file.write_bytes(data)
        assert not _read(name, file)

    check()
