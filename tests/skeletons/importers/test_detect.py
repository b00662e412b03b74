"""Which format a file has."""

from __future__ import annotations

import importlib
import json

import h5py
import numpy as np
import pytest

from stages.errors import ArtifactError, UsageError
from stages.skeletons.importers.detect import detect
from stages.skeletons.importers.registry import FORMATS, format_named, reader_of
from tests.skeletons.importers.files import COCO, coco_results, dlc_table, dlc_text, generic_text, mmpose_frame, person, with_confidence


@pytest.mark.parametrize("name", FORMATS)
def test_registry__every_reader_can_be_imported(name) -> None:
    module, _, function = FORMATS[name].reader.partition(":")
    assert reader_of(name) is getattr(importlib.import_module(module), function)
    assert FORMATS[name].extensions


def test_registry__an_unknown_format_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"Unknown format 'mmpos'\. Did you mean 'mmpose'\?"):
        format_named("mmpos")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.skeleton", "", "ntu"),
        ("A.TRC", "", "trc"),
        ("a.npz", "", "npz"),
        ("a.pickle", "", "pyskl"),
        ("a_000000000001_keypoints.json", "", "openpose"),
        ("a.json", json.dumps([mmpose_frame(0, [person()])]), "mmpose"),
        ("a.json", json.dumps({"meta_info": {}, "instance_info": []}), "mmpose"),
        ("a.json", json.dumps({"people": []}), "openpose"),
        ("a.json", json.dumps(coco_results([[with_confidence(person())]])), "coco"),
        ("a.json", json.dumps({"info": {}, "images": [], "annotations": []}), "coco"),
        ("a.json", "{}", None),
        ("a.csv", dlc_text([], np.ones((1, 51))), "dlc-csv"),
        ("a.csv", generic_text(COCO, np.ones((1, 34))), "csv"),
        ("a.csv", "clip,score\na,1\n", None),
        ("a.csv", "", None),
        ("a.mp4", "", None),
    ],
)
def test_detect__by_name_and_beginning(tmp_path, name, text, expected) -> None:
    (tmp_path / name).write_text(text)
    assert detect(tmp_path / name) == expected


def test_detect__hdf5(tmp_path) -> None:
    path = tmp_path / "a.h5"
    dlc_table(path, [("s", "nose", "x")], np.ones((1, 1)))
    assert detect(path) == "dlc-h5"
    with h5py.File(path, "w") as file:
        file["tracks"], file["node_names"] = np.ones(1), np.ones(1)
    assert detect(path) == "sleap"
    with h5py.File(path, "w") as file:
        file["x"] = np.ones(1)
    assert detect(path) is None
    with h5py.File(path, "w") as file:
        file.attrs["aqa_kind"] = "poses"
    with pytest.raises(ArtifactError, match="is an artifact of this toolkit already"):
        detect(path)
    path.write_bytes(b"not HDF5")
    with pytest.raises(ArtifactError, match="is not a readable HDF5 file"):
        detect(path)
