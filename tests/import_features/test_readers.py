"""Every kind of file that other people keep features in, and what is wrong with those that cannot be taken."""

from __future__ import annotations

import pickle

import h5py
import numpy as np
import pytest

from stages.errors import ArtifactError
from stages.import_features.readers import FORMATS, read_csv, read_h5, read_npy, read_npz, read_pickle, shaped


def _array(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def _same(clips, expected: dict[str, np.ndarray]) -> None:
    assert [clip.id for clip in clips] == list(expected)
    for clip in clips:
        np.testing.assert_array_equal(clip.load(), expected[clip.id])


@pytest.mark.parametrize("shape", [(8,), (3, 8), (2, 3, 8)], ids=["vector", "segments", "views"])
def test_npy__one_clip(tmp_path, shape) -> None:
    np.save(tmp_path / "a.npy", _array(*shape))
    _same(read_npy(tmp_path / "a.npy", None), {"": _array(*shape)})


def test_npy__a_pickled_dictionary(tmp_path) -> None:
    content = {"Ball_001": _array(4, 8), "Ball_002": _array(5, 8)}
    np.save(tmp_path / "Ball_rgb_VST.npy", content, allow_pickle=True)
    _same(read_npy(tmp_path / "Ball_rgb_VST.npy", None), content)


def test_npz__features_with_ids_and_labels(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", features=_array(3, 8), video_id=[7, 2, 5], score=[1.5, np.nan, 3], difficulty=[1, 2, 3])
    clips = read_npz(tmp_path / "a.npz", None)
    _same(clips, dict(zip(("7", "2", "5"), _array(3, 8), strict=True)))
    assert [dict(clip.values) for clip in clips] == [
        {"score": 1.5, "difficulty": 1.0},
        {"score": None, "difficulty": 2.0},
        {"score": 3.0, "difficulty": 3.0},
    ]


def test_npz__ids_of_two_numbers_and_another_name_of_the_features(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", i3d=_array(2, 4, 8), ids=[(1, 5), (26, 13)])
    _same(read_npz(tmp_path / "a.npz", None), dict(zip(("01_05", "26_13"), _array(2, 4, 8), strict=True)))


def test_npz__one_array_per_clip_or_one_clip(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", a=_array(2, 8), b=_array(3, 8))
    _same(read_npz(tmp_path / "a.npz", None), {"a": _array(2, 8), "b": _array(3, 8)})
    np.savez(tmp_path / "b.npz", features=_array(2, 8))
    _same(read_npz(tmp_path / "b.npz", None), {"": _array(2, 8)})
    _same(read_npz(tmp_path / "a.npz", "b"), {"": _array(3, 8)})


def test_npz__the_real_one(shared) -> None:
    clips = read_npz(shared / "data/unlv-dive/p3d_train.npz", None)
    assert (len(clips), clips[0].load().shape) == (300, (2048,))
    assert all(set(clip.values) == {"score", "difficulty"} for clip in clips)


@pytest.mark.parametrize("protocol", range(6))
def test_pickle__a_dictionary_of_arrays(tmp_path, protocol) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({(1, 5): _array(2, 8), (26, 13): _array(3, 8)}, protocol=protocol))
    _same(read_pickle(path, None), {"01_05": _array(2, 8), "26_13": _array(3, 8)})


def test_pickle__a_dictionary_of_dictionaries(tmp_path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"a": {"feat": _array(2, 8), "fps": 25}, "b": {"feat": _array(1, 8), "fps": 25}}))
    _same(read_pickle(path, None), {"a": _array(2, 8), "b": _array(1, 8)})
    path.write_bytes(pickle.dumps({"a": {"rgb": _array(2, 8), "flow": _array(1, 8)}}))
    _same(read_pickle(path, "flow"), {"a": _array(1, 8)})
    with pytest.raises(ArtifactError, match=r"'a': which entry holds the features\? There are rgb, flow"):
        read_pickle(path, None)


def test_pickle__features_and_names_side_by_side(tmp_path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"features": _array(2, 8), "names": ["x", "y"], "scores": np.array([1.0, 2.0])}))
    clips = read_pickle(path, None)
    _same(clips, dict(zip(("x", "y"), _array(2, 8), strict=True)))
    assert clips[1].values == {"score": 2.0}


def test_h5__by_the_path_of_the_data_set(tmp_path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["day/a/features"], file["day/b/features"] = _array(2, 8), _array(3, 8)
        file["day/a/fps"] = 25.0
    _same(read_h5(tmp_path / "a.h5", None), {"day/a": _array(2, 8), "day/b": _array(3, 8)})
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["features"], file["ids"] = _array(2, 8), [b"x", b"y"]
    _same(read_h5(tmp_path / "b.h5", None), dict(zip(("x", "y"), _array(2, 8), strict=True)))
    with pytest.raises(ArtifactError, match="has no array 'rgb'; there are features"):
        read_h5(tmp_path / "a.h5", "rgb")


def test_csv__one_row_per_clip_or_segment(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("clip,segment,score,f0,f1\na,1,9,3,4\na,0,9,1,2\nb,0,,5,\n")
    first, second = read_csv(path, None)
    assert (first.id, first.load().tolist(), first.values) == ("a", [[1, 2], [3, 4]], {"score": 9.0})
    assert second.load()[0, 0] == 5
    assert np.isnan(second.load()[0, 1])
    assert second.values == {"score": None}


def _object_array(path) -> None:
    np.save(path, np.array([{}, 1], dtype=object), allow_pickle=True)


class _Evil:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("a.npy", lambda path: path.write_bytes(b"\x93NUMPY"), "a.npy is not a readable .npy file"),
        ("a.npy", lambda path: path.write_bytes(b""), "a.npy is not a readable .npy file"),
        ("a.npy", _object_array, "expected numbers or one pickled dictionary, found an array of objects (2,)"),
        ("a.npy", lambda path: np.save(path, {"a": _Evil()}, allow_pickle=True), "a.npy is refused"),
        ("a.npz", lambda path: path.write_bytes(b"PK"), "a.npz is not a readable .npz file"),
        ("a.npz", lambda path: np.savez(path, a=np.array([{}], dtype=object)), "write the arrays again as numbers and text"),
        ("a.npz", lambda path: np.savez(path, x=_array(3, 8), score=[1, 2, 3]), "'score' has 3 values, so 'x' holds as many clips"),
        (
            "a.npz",
            lambda path: np.savez(path, a=_array(3, 8), b=_array(3, 8), ids=[1, 2, 3]),
            "which array holds the features? There are a, b",
        ),
        (
            "a.npz",
            lambda path: np.savez(path, features=_array(3, 8), ids=[1, 2]),
            "'ids' names 2 clips, but 'features' has the shape (3, 8)",
        ),
        ("a.npz", np.savez, "a.npz holds no arrays"),
        ("a.pkl", lambda path: path.write_bytes(pickle.dumps(_Evil())), "a.pkl is refused"),
        ("a.pkl", lambda path: path.write_bytes(b"no"), "a.pkl is not a readable pickle"),
        ("a.pkl", lambda path: path.write_bytes(pickle.dumps({"a": "text"})), "a.pkl, 'a': expected an array, found a str"),
        ("a.pkl", lambda path: path.write_bytes(pickle.dumps({})), "expected a dictionary clip → array, found dict"),
        ("a.h5", lambda path: path.write_bytes(b"no"), "a.h5 is not a readable HDF5 file"),
        ("a.csv", lambda path: path.write_text("a,b\n1,2\n"), "a.csv must have a column 'clip'; found a, b"),
        ("a.csv", lambda path: path.write_text("clip,score\na,2\n"), "a.csv has no columns of features beside clip, score"),
        ("a.csv", lambda path: path.write_text("clip,f\na,x\n"), "a.csv, row 2: expected a number, found 'x'"),
        ("a.csv", lambda path: path.write_text("clip,f\na\n"), "a.csv, row 2: expected 2 cells, found 1"),
    ],
)
def test_bad_files__are_named_with_their_reason(tmp_path, capfd, name, make, message) -> None:
    path = tmp_path / name
    make(path)
    reader = next(reader for reader, ends in FORMATS.values() if name.endswith(ends))
    with pytest.raises(ArtifactError) as caught:
        [clip.load() for clip in reader(path, None)]
    assert message in str(caught.value)
    assert "run" not in capfd.readouterr().out  # nothing of a pickle was called


@pytest.mark.parametrize("shape", [(8,), (3, 8), (2, 3, 8), (2, 3, 8, 1, 4, 4)])
def test_shaped__views_segments_dimensions(shape) -> None:
    found = shaped(np.ones(shape), "a", "float32")
    assert found.shape == (1,) * (3 - len(shape)) + shape
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array(["a"]), "a: expected numbers, found <U1"),
        (np.float64(3), r"expected features, found an array of shape \(\)"),
        (np.zeros((0, 8)), r"found an array of shape \(0, 8\)"),
        (np.array([1, np.inf]), "a: 1 values are infinite"),
        (np.array([np.nan]), "every value is missing"),
        (np.array([1e6]), r"values up to 1e\+06 are too large for float16"),
    ],
)
def test_shaped__refuses(array, message) -> None:
    with pytest.raises(ArtifactError, match=message):
        shaped(np.asarray(array), "a", "float16")
