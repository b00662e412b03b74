"""``aqa inspect``: one glance at anything; a damaged file is a clear error."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stages.artifacts import store
from stages.artifacts.collection import merge
from stages.artifacts.provenance import provenance
from stages.artifacts.store import Artifact, Header
from stages.version import __version__
from tests.artifacts.making import flip, model, pose_folder, poses, restamp

COMMON = {"config": {}, "provenance": provenance("toy", 1, {})}


def test_inspect__poses(aqa, tmp_path: Path) -> None:
    store.write(tmp_path / "p.h5", poses(26, dataset="toy"))
    code, out, _ = aqa("inspect", tmp_path / "p.h5")
    assert code == 0
    assert "'poses' artifact (joint positions of the people in one clip)" in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    for line in (
        "skeleton leg",
        "frames 26",
        "fps 25",
        "missing_share 0.0128",
        "units px",
        "/positions float32, 1 person × 26 frame × 3 joint × 2 axis, in px",
        "/timestamps float64, 26 frame, in s",
        "config dataset=toy",
        f"made by import-poses 1 (aqa-toolkit {__version__}): dataset toy",
        f"fingerprint {'f' * 64}",
    ):
        assert line in lines


def test_inspect__json(aqa, tmp_path: Path) -> None:
    store.write(tmp_path / "p.h5", poses(26, dataset="toy"))
    code, out, _ = aqa("inspect", tmp_path / "p.h5", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["kind"], found["form"], found["facts"]["frames"], found["config"]) == ("poses", "artifact", 26, {"dataset": "toy"})
    assert found["arrays"][1] == {
        "name": "positions",
        "dtype": "float32",
        "shape": [1, 26, 3, 2],
        "dimensions": ["person", "frame", "joint", "axis"],
        "units": "px",
    }


@pytest.mark.parametrize("merged", [False, True], ids=["folder", "merged"])
def test_inspect__many_clips_with_their_manifest(aqa, tmp_path: Path, merged: bool) -> None:
    path = tmp_path / "toy"
    pose_folder(path, 4)
    if merged:
        merge(path, tmp_path / "toy.h5", "poses")
        path = tmp_path / "toy.h5"
    code, out, _ = aqa("inspect", path)
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert code == 0
    assert f"{'merged file' if merged else 'folder'} of 4 artifact(s)" in lines[0]
    for line in (
        "4 × 'poses' (joint positions of the people in one clip)",
        "ids group/clip-0, group/clip-1, group/clip-2 …",
        "frames 10 to 13, median 11.5",
        "skeleton leg",
        f"made by 4 × import-poses 1 (aqa-toolkit {__version__}): dataset toy",
        "manifest 4 rows",
        "score 0 to 3",
        "action squat",
    ):
        assert line in lines
    assert json.loads(aqa("inspect", path, "--json")[1])["manifest"]["columns"]["score"] == {"filled": 4, "range": [0.0, 3.0]}


def test_inspect__manifest(aqa, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("clip,score,subject\na,1.5,x\nb,,x\nc,4,y\n")
    code, out, _ = aqa("inspect", tmp_path / "m.csv")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert code == 0
    assert {"manifest 3 rows", "score 1.5 to 4, 1 empty", "subject x (2), y (1)"} <= set(lines)


KINDS = {
    "features": ({"features": np.zeros((1, 9, 64), np.float16)}, {"clip": {}, "sampling": {}}, "segments 9"),
    "flow": ({"flow": np.zeros((2, 2, 4, 5)), "timestamps": np.arange(2.0)}, {"clip": {}}, "columns 5"),
    "images": (
        {"images": np.zeros((1, 2, 3, 4, 5), np.uint8), "timestamps": np.arange(2.0)},
        {"clip": {"kind": "parts", "views": [{"name": "original"}]}},
        "channels 3",
    ),
    "encoder": (
        {"weights/a": np.zeros(7), "weights/b": np.zeros(3)},
        {"encoder": {"name": "ctr-gcn", "skeleton": "leg"}, "training": {"clips": ["a", "b"], "history": [{}]}},
        "weights 10",
    ),
    "model": (
        {"arrays/w": np.zeros(3)},
        {"method": {"name": "ridge"}, "data": {"fold": "fold-2", "train": ["a"], "test": ["b", "c"]}, "training": {"select": "val"}},
        "fold fold-2",
    ),
    "predictions": (
        {"predicted": np.array([[1.0, 2], [3, 9]]), "truth": np.array([4.0, np.nan])},
        {"samples": {"clip": ["a", "b"], "facts": {"protocol": "5-fold"}}},
        "predicted_to 9",
    ),
    "checkpoint": ({"tensors/0": np.zeros(3)}, {"state": {"position": {"phase": 0, "total_epochs": 4, "step": 2}}}, "epochs_done 4"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_inspect__every_other_kind(aqa, tmp_path: Path, kind: str) -> None:
    arrays, documents, line = KINDS[kind]
    store.write(tmp_path / "a.h5", Artifact(Header(kind, "toy", 1, "0" * 64), arrays, COMMON | documents))
    code, out, _ = aqa("inspect", tmp_path / "a.h5")
    assert code == 0
    assert line in [" ".join(text.split()) for text in out.splitlines()]


def test_inspect__many_arrays_are_summed_up(aqa, tmp_path: Path) -> None:
    artifact = model()
    store.write(tmp_path / "m.h5", Artifact(artifact.header, {f"weights/{n}": np.zeros(2) for n in range(40)}, artifact.documents))
    code, out, _ = aqa("inspect", tmp_path / "m.h5")
    assert code == 0
    assert "… and 28 more arrays (--json lists all)" in out


def test_inspect__a_folder_of_several_kinds_with_a_damaged_file(aqa, tmp_path: Path) -> None:
    pose_folder(tmp_path / "w/poses", 2)
    store.write(tmp_path / "w/m.h5", model())
    merge(tmp_path / "w/poses", tmp_path / "w/all.h5", "poses")
    flip(tmp_path / "w/poses/group/clip-1.h5", 700)
    code, out, err = aqa("inspect", tmp_path / "w")
    assert code == 3
    assert "2 × 'poses'" in out
    assert "1 × 'model'" in out
    assert "merged files     all.h5" in out
    assert "1 file(s) in" in err
    assert "poses/group/clip-1.h5" in err
    assert "aqa validate" in err


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is not a readable HDF5 artifact"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 900, "is not a readable HDF5 artifact"),
        (None, "does not exist"),
    ],
    ids=["empty", "rubbish", "absent"],
)
def test_inspect__not_an_artifact(aqa, tmp_path: Path, content: bytes | None, text: str) -> None:
    if content is not None:
        (tmp_path / "a.h5").write_bytes(content)
    code, out, err = aqa("inspect", tmp_path / "a.h5")
    assert (code, out) == (3, "")
    assert text in err
    assert "Traceback" not in err


def test_inspect__newer_major_version(aqa, tmp_path: Path) -> None:
    store.write(tmp_path / "a.h5", model())
    restamp(tmp_path / "a.h5", schema_version="2.1")
    code, _, err = aqa("inspect", tmp_path / "a.h5")
    assert code == 3
    assert "has format version 2.1; this version of the toolkit reads 1.x." in err


def test_inspect__an_empty_folder(aqa, tmp_path: Path) -> None:
    code, _, err = aqa("inspect", tmp_path)
    assert code == 3
    assert "holds no artifacts" in err
