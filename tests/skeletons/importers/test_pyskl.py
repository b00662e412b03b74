"""MMAction2 / PYSKL pickles, and the reader that runs nothing."""

from __future__ import annotations

import os
import pickle
import struct

import numpy as np
import pytest

from stages.errors import ArtifactError
from stages.skeletons.importers import safe_pickle
from tests.skeletons.importers.files import read_all, refuses


def _annotation(name: str, frames: int = 4, people: int = 1, label: int = 3, dtype: str = "f2"):
    points = np.arange(people * frames * 34, dtype=float).reshape(people, frames, 17, 2) % 97 + 1
    scores = np.full((people, frames, 17), 0.75)
    return {
        "frame_dir": name,
        "label": label,
        "img_shape": (1080, 1920),
        "total_frames": frames,
        "keypoint": points.astype(dtype),
        "keypoint_score": scores.astype(dtype),
    }


def _write(path, document, protocol=pickle.HIGHEST_PROTOCOL):
    path.write_bytes(pickle.dumps(document, protocol))
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pyskl__clips_labels_and_splits_in_every_protocol(tmp_path, protocol) -> None:
    annotations = [_annotation("a", 4), _annotation("S001C001P001R001A007", 6, people=2)]
    document = {"split": {"xsub_train": ["a"], "xsub_val": ["S001C001P001R001A007"], "train": ["a"]}, "annotations": annotations}
    clips = read_all("pyskl", _write(tmp_path / "set.pkl", document, protocol))
    poses, values = clips["a"]
    np.testing.assert_array_equal(poses.positions, annotations[0]["keypoint"])
    assert poses.confidence.max() == 0.75
    assert poses.layout.name == "coco-17"
    assert values == {"split.xsub": "train", "split": "train", "label": "3", "action": "3"}
    poses, values = clips["S001C001P001R001A007"]
    assert poses.positions.shape == (2, 6, 17, 2)
    assert (values["subject"], values["action"], values["label"], values["split.xsub"]) == ("P001", "A007", "3", "val")


def test_pyskl__arrays_of_older_numpy_and_other_orders(tmp_path) -> None:
    annotation = _annotation("a")
    annotation["keypoint"] = np.asfortranarray(annotation["keypoint"].astype(">f4"))
    annotation["label"] = np.int64(5)
    data = pickle.dumps([annotation], 2).replace(b"numpy._core", b"numpy.core")
    assert b"numpy.core" in data
    (tmp_path / "a.pkl").write_bytes(data)
    poses, values = read_all("pyskl", tmp_path / "a.pkl")["a"]
    np.testing.assert_array_equal(poses.positions, annotation["keypoint"].astype("f4"))
    assert values["label"] == "5"


def test_pyskl__3d_padding_people_are_left_out(tmp_path) -> None:
    points = np.zeros((2, 5, 25, 3), dtype=np.float32)
    points[0] = np.random.default_rng(0).normal(size=(5, 25, 3))
    points[0, 2, 4] = 0
    poses, _ = read_all("pyskl", _write(tmp_path / "a.pkl", [{"frame_dir": "x", "keypoint": points, "label": 0}]))["x"]
    assert poses.layout.name == "kinect-25"
    assert poses.positions.shape == (1, 5, 25, 3)
    assert np.isnan(poses.positions[0, 2, 4]).all()


def test_pyskl__one_annotation_without_a_name_is_the_file(tmp_path) -> None:
    annotation = _annotation("a")
    del annotation["frame_dir"]
    assert list(read_all("pyskl", _write(tmp_path / "clip.pkl", annotation))) == [""]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (3, "expected 'annotations', a list or one annotation, found a int"),
        ([], "the list of annotations is empty"),
        ([{"frame_dir": "a"}], "annotations[0]: expected a dictionary with 'keypoint', found frame_dir"),
        ([_annotation("a"), _annotation("a")], "annotations[1]: the clip 'a' appears twice"),
        ([_annotation("a") | {"total_frames": 9}], "total_frames is 9, but keypoint has 4 frames"),
        ([_annotation("a") | {"keypoint": np.zeros((4, 17, 2))}], "keypoint: expected numbers (M, T, V, 2 or 3), found float64 (4, 17, 2)"),
        ([_annotation("a") | {"keypoint": [[1, 2]]}], "keypoint: expected an array, found a list"),
        ([_annotation("a") | {"keypoint": np.array([[None]])}], "keypoint: expected an array of numbers, found one of type 'O8'"),
        ([_annotation("a") | {"keypoint_score": np.ones(3)}], "keypoint_score: expected (1, 4, 17), found float64 (3,)"),
        ([_annotation("a") | {"keypoint": np.zeros((1, 4, 17, 2))}], "No joint was seen"),
        ([_annotation(""), _annotation("b")], "annotations[0]: expected 'frame_dir', the clip's name"),
        ({"split": [1], "annotations": [_annotation("a")]}, "'split' must be a dictionary, found a list"),
        ({"split": {"train": 3}, "annotations": [_annotation("a")]}, "'split' must map names to lists of clips, found 'train': int"),
    ],
)
def test_pyskl__defects(tmp_path, document, message) -> None:
    refuses("pyskl", _write(tmp_path / "set.pkl", document), message)


class _Runs:
    """Unpickles by running a command, as a malicious file does."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_safe_pickle__a_malicious_pickle_is_refused_and_does_not_run(tmp_path, protocol) -> None:
    mark = tmp_path / "ran"
    file = _write(tmp_path / "bad.pkl", {"annotations": [_Runs(f"touch {mark}")]}, protocol)
    refuses("pyskl", file, "is refused: a pickle may hold containers, text, numbers and arrays, this one asks for posix.system")
    assert not mark.exists()
    pickle.loads(file.read_bytes())  # the file does what it is meant to where nobody refuses it
    assert mark.exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"cbuiltins\neval\n(S'1'\ntR.", "builtins.eval"),
        (b"cbuiltins\ngetattr\n.", "builtins.getattr"),
        (b"c__builtin__\nbytearray\n(I99\ntR.", "__builtin__.bytearray"),
        (b"(S'x'\nios\nsystem\n.", "objects of other programs"),
        (b"cbuiltins\nlist\n(Nt\x81.", "objects of other programs"),
        (b"\x82\x01.", "objects of other programs"),
        (b"Pid\n.", "objects of other programs"),
        (b"cbuiltins\nlist\n}b.", "the state of a function"),
        (b"cbuiltins\nlist\n(I5\ntR.", "list of a int"),
        (b"(lp0\n(tR.", "a call of a list"),
        (b"c_codecs\nencode\n(VAA==\nVbase64\ntR.", "_codecs.encode of anything but bytes"),
        (b"cnumpy\nload\n(S'x'\ntR.", "numpy.load"),
    ],
)
def test_safe_pickle__instructions_that_could_do_something_are_refused(data, message) -> None:
    with pytest.raises(ArtifactError, match="is refused") as caught:
        safe_pickle.loads(data, "file")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b".",
        b"garbage",
        pickle.dumps({"a": [1, 2, 3]})[:-3],
        b"\x80\x02]r\xff\xff\xff\x7fh\x00.",
        b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"abc.",
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"abc.",
        b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b"abc.",
    ],
    ids=["empty", "stop", "garbage", "cut", "memo", "bytearray", "bytes", "frame"],
)
def test_safe_pickle__damage_and_lengths_that_lie(data) -> None:
    with pytest.raises(ArtifactError, match="file is not a readable pickle: truncated or damaged"):
        safe_pickle.loads(data, "file")


def test_safe_pickle__a_high_memo_index_takes_no_memory() -> None:
    assert safe_pickle.loads(b"\x80\x02]r\xff\xff\xff\x7f.", "file") == []


def test_safe_pickle__an_array_that_lies_about_its_size() -> None:
    data = pickle.dumps(np.zeros(3), 2).replace(b"K\x03\x85", b"J\x00\x00\x00\x01\x85")
    with pytest.raises(ArtifactError, match=r"an array of shape \(16777216,\) has 134217728 bytes, found 24"):
        safe_pickle.array(safe_pickle.loads(data, "file"), "x")


def test_safe_pickle__containers_come_back_as_they_were() -> None:
    value = {"a": [1, 2.5, "text", None, True, (1, 2), {3}, frozenset({4}), b"raw"], 7: {"nested": 2**70}}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert safe_pickle.loads(pickle.dumps(value, protocol), "file") == value
