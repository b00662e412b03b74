"""Infants: pickled pandas tables of both structures, CSV, defects, and the four risk levels."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.datasets import dataframes, infants
from stages.datasets.check import check
from stages.engine.progress import Silent
from stages.errors import ArtifactError
from stages.skeletons.layouts import OPENPOSE_18
from tests.small import clip as moving

pandas = pytest.importorskip("pandas")
RISKS = {1: 0, 2: 1, 3: 2}


def rows_of(video: str, quality: float, seed: int, frames: int = 8) -> list[dict[str, Any]]:
    joints = 200 + 80 * moving(quality, frames, seed, OPENPOSE_18)[0, :, :, :2]
    return [
        {"video": video, "frame": frame, "x": joints[frame, joint, 0], "y": joints[frame, joint, 1], "bp": name, "fps": 25.0}
        for frame in range(frames)
        for joint, name in enumerate(infants.JOINTS)
    ]


def plain(rows: list[dict[str, Any]]):
    """Return a table whose text is of objects, as the pandas of 2020 had it."""
    table = pandas.DataFrame({name: pandas.Series([row[name] for row in rows], dtype=type(rows[0][name])) for name in rows[0]})
    table = table.astype({name: object for name in rows[0] if isinstance(rows[0][name], str)})
    table.columns = pandas.Index(list(rows[0]), dtype=object)
    return table


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(plain(rows), protocol=4))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two healthy infants, and six of the clinic at three risks."""
    data = tmp_path / "Infant_movement_assessment/data"
    write(data / "pose_estimates/youtube/py/pose_estimates.pkl", [r for n in range(2) for r in rows_of(f"video_{n:06d}", 0.9, n)])
    clinic = [(infant, session) for infant in (1, 2, 3) for session in (1, 2)]
    videos = [
        r for infant, session in clinic for r in rows_of(f"822487_{infant:02d}_{session}_1_GP_edited", 0.2 * infant, 10 * infant + session)
    ]
    write(data / "pose_estimates/clinical/py/pose_estimates.pkl", videos)
    write(data / "video_meta_data/meta_data_yt.pkl", [{"video": f"video_{n:06d}", "infant_id": float(n), "age": 12.0} for n in range(2)])
    facts = [
        {
            "infant": infant,
            "session": session,
            "Risk_low0_mod1_high2_corr": float("nan") if infant == 1 else float(RISKS[infant]),
            "Risk_low0_mod1_high2_chron": float(RISKS[1]),
            "Months_corr": 2.0,
            "Days_corr": 7.0,
        }
        for infant, session in clinic
    ]
    write(data / "video_meta_data/meta_data_clin.pkl", facts)
    return tmp_path


def scan(root: Path):
    folder = infants.locate(root)
    assert folder == root / "Infant_movement_assessment/data"
    return infants.scan(folder)


def meta(root: Path) -> Path:
    return root / "Infant_movement_assessment/data/video_meta_data"


def test_scan__risks_infants_and_ages(root: Path) -> None:
    found = scan(root)
    assert found.problems == []
    rows = found.manifest.by_clip()
    assert rows["youtube/video_000001"].values == {"label": "healthy", "cohort": "youtube", "subject": "yt_1", "age_in_weeks": "12"}
    labels = {row.text("subject"): row.text("label") for row in found.manifest.rows if row.text("cohort") == "clinical"}
    assert labels == {"clin_1": "low", "clin_2": "moderate", "clin_3": "high"}
    assert rows["clinical/822487_02_1_1_GP_edited"].values["age_in_weeks"] == "9.0"


def test_load__joints_by_name(root: Path) -> None:
    file = root / "Infant_movement_assessment/data/pose_estimates/youtube/py/pose_estimates.pkl"
    rows = rows_of("video_000000", 0.5, 0)
    seen = [row for row in reversed(rows) if not (row["frame"] == 2 and row["bp"] == "LWrist")]
    write(file, [*seen, {**rows[0], "bp": "Tail"}, {**rows[0], "x": 1.0}])
    poses = infants.load_poses(scan(root).sources["youtube/video_000000"])
    assert (poses.positions.shape, poses.fps, poses.units) == ((1, 8, 18, 2), pytest.approx(25), "px")
    assert np.isnan(poses.positions[0, 2, OPENPOSE_18.index["left_wrist"]]).all()
    assert poses.positions[0, 3, OPENPOSE_18.index["neck"]] == pytest.approx([rows[3 * 18 + 1]["x"], rows[3 * 18 + 1]["y"]])
    assert poses.clip["defects"] == ["1 name(s) of no joint are left out: Tail", "1 joint(s) occur twice in a frame: the last is used"]
    assert poses.positions[0, 0, 0, 0] == 1


def test_scan__everything_odd_is_named(root: Path) -> None:
    data = root / "Infant_movement_assessment/data"
    write(
        data / "pose_estimates/clinical/py/pose_estimates.pkl",
        [*rows_of("822487_01_1_1", 0.1, 0), *rows_of("822487_09_1_1", 0.1, 0), *rows_of("somebody", 0.1, 0)],
    )
    fact = {"infant": 1, "session": 1, "Risk_low0_mod1_high2_corr": 7.0, "Risk_low0_mod1_high2_chron": 0.0}
    write(meta(root) / "meta_data_clin.pkl", [fact, fact])
    write(meta(root) / "meta_data_yt.pkl", [{"video": "video_000000", "infant_id": 4.0}])
    assert scan(root).problems == [
        "youtube/video_000001: not in meta_data_yt; its infant is not known",
        "clinical: infant and session 1/1 in meta_data_clin.pkl: the risk 7 is none of 0, 1, 2",
        "clinical: 1/1 is listed twice in meta_data_clin.pkl, the first is used",
        "clinical/822487_01_1_1: no risk for infant 1, session 1",
        "clinical/822487_09_1_1: no risk for infant 9, session 1",
        "clinical/somebody: not a name of the form 822487_INFANT_SESSION_TRIAL; its infant and risk are not known",
    ]


def test_scan__missing_and_unreadable_tables(root: Path) -> None:
    (meta(root) / "meta_data_yt.pkl").unlink()
    (meta(root) / "meta_data_clin.pkl").write_bytes(b"\x80\x04K")
    (root / "Infant_movement_assessment/data/pose_estimates/youtube/py/pose_estimates.pkl").unlink()
    problems = scan(root).problems
    assert problems[0] == "youtube: no pose_estimates/youtube/py/pose_estimates.pkl"
    assert problems[1].startswith("clinical: meta_data_clin.pkl is not a readable pickle")
    (root / "Infant_movement_assessment/data/pose_estimates/clinical/py/pose_estimates.pkl").write_bytes(b"\x80\x04K")
    with pytest.raises(ArtifactError, match=r"holds no poses.(.|\n)*pose_estimates.pkl is not a readable pickle"):
        scan(root)


def test_scan__the_same_tables_as_csv(root: Path) -> None:
    pickled = {clip: infants.load_poses(recording).positions for clip, recording in scan(root).sources.items()}
    for file in (root / "Infant_movement_assessment").rglob("*.pkl"):
        pandas.read_pickle(file).to_csv(file.with_suffix(".csv"))
        file.unlink()
    found = scan(root)
    assert found.problems == []
    for clip, recording in found.sources.items():
        np.testing.assert_allclose(infants.load_poses(recording).positions, pickled[clip], rtol=1e-6)


def test_check__counts(root: Path) -> None:
    report = check(infants.ADAPTER, root / "Infant_movement_assessment/data", Silent())
    assert report.usable
    assert report.warnings == 0
    assert ("label", 4, 4) in [(count.what, count.found, count.published) for count in report.counts]


class Stored:
    """An object as old versions pickled it: its class by name, then its state."""

    def __init__(self, module: str, name: str, state: object) -> None:
        self.module, self.name, self.state = module, name, state


class Called:
    """A function's result as it is pickled: the function and its class by name, then the attributes."""

    def __init__(self, attributes: dict[str, object]) -> None:
        self.attributes = attributes


class Old(pickle._Pickler):  # the C implementation takes no instructions from outside
    """Writes tables as pandas 0.25 did."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_stored(self, stored: Stored) -> None:
        self.write(pickle.GLOBAL + f"{stored.module}\n{stored.name}\n".encode() + pickle.EMPTY_TUPLE + pickle.NEWOBJ)
        self.save(stored.state)
        self.write(pickle.BUILD)

    def save_called(self, called: Called) -> None:
        self.write(pickle.GLOBAL + b"pandas.core.indexes.base\n_new_Index\n" + pickle.GLOBAL + b"pandas.core.indexes.base\nIndex\n")
        self.save(called.attributes)
        self.write(pickle.TUPLE2 + pickle.REDUCE)

    dispatch[Stored] = save_stored
    dispatch[Called] = save_called


def old_table(path: Path, names: list[str], blocks: list[dict[str, object]]) -> None:
    axes = [Called({"data": np.array(names, dtype=object), "name": None}), Called({"data": np.arange(2), "name": None})]
    manager = Stored("pandas.core.internals.managers", "BlockManager", (axes, [], [], {"0.14.1": {"axes": axes, "blocks": blocks}}))
    with path.open("wb") as file:
        Old(file, protocol=2).dump(Stored("pandas.core.frame", "DataFrame", {"_data": manager, "_typ": "dataframe"}))


def test_dataframes__the_structure_of_old_versions(tmp_path: Path) -> None:
    numbers = {"values": np.array([[1.0, 2.0], [3.0, 4.0]]), "mgr_locs": np.array([2, 0])}
    text = {"values": np.array([["a", None]], dtype=object, order="F"), "mgr_locs": slice(1, 2, 1)}
    old_table(tmp_path / "t.pkl", ["x", "name", "y"], [numbers, text])
    found = dataframes.read(tmp_path / "t.pkl")
    assert {name: values.tolist() for name, values in found.items()} == {"x": [3, 4], "name": ["a", None], "y": [1, 2]}


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([{"values": np.ones((1, 2)), "mgr_locs": np.array([0])}], "the columns of the table are damaged"),
        ([{"values": np.ones((1, 2)), "mgr_locs": np.array([7])}], r"a pandas table of an unknown structure \(IndexError\)(.|\n)*to_csv"),
        ([{"values": np.ones((1, 2))}], r"a pandas table of an unknown structure \(KeyError\)"),
    ],
    ids=["absent", "beyond", "no-place"],
)
def test_dataframes__damaged(tmp_path: Path, blocks: list[dict[str, object]], expected: str) -> None:
    old_table(tmp_path / "t.pkl", ["x", "y"], blocks)
    with pytest.raises(ArtifactError, match=expected):
        dataframes.read(tmp_path / "t.pkl")


def test_dataframes__other_types_are_refused_with_the_way_to_convert(tmp_path: Path) -> None:
    (tmp_path / "t.pkl").write_bytes(pickle.dumps(pandas.DataFrame({"a": pandas.Categorical(["x", "y"])})))
    with pytest.raises(ArtifactError, match=r"t\.pkl is refused(.|\n)*this one asks for pandas"):
        dataframes.read(tmp_path / "t.pkl")
    (tmp_path / "t.pkl").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ArtifactError, match=r"t\.pkl holds no pandas table(.|\n)*to_csv"):
        dataframes.read(tmp_path / "t.pkl")


def test_dataframes__nothing_is_ever_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    for content in (Evil(), [Evil()], pandas.DataFrame({"a": pandas.Series([Evil()], dtype=object)})):
        (tmp_path / "t.pkl").write_bytes(pickle.dumps(content))
        with pytest.raises(ArtifactError, match="is refused"):
            dataframes.read(tmp_path / "t.pkl")
    old_table(tmp_path / "t.pkl", ["x"], [{"values": Evil(), "mgr_locs": slice(0, 1, 1)}])
    with pytest.raises(ArtifactError, match="is refused"):
        dataframes.read(tmp_path / "t.pkl")
    assert not (tmp_path / "ran").exists()
