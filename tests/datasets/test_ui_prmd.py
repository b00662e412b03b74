"""UI-PRMD: names, the two files of an episode, and forward kinematics that put real people on their feet."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from stages.datasets import ui_prmd
from stages.datasets.ui_prmd import Recording, global_positions
from stages.errors import ArtifactError
from stages.skeletons.layouts import UI_PRMD_22


def write(root: Path, name: str, frames: int = 3, *, angles: int | None = None) -> None:
    """Write one episode; ``angles`` is the number of frames in the second file, 0 for none."""
    label = "incorrect" if name.endswith("_inc") else "correct"
    for kind, count in (("Positions", frames), ("Angles", frames if angles is None else angles)):
        folder = root / ui_prmd.FOLDERS[label] / "Kinect" / kind
        folder.mkdir(parents=True, exist_ok=True)
        if count:
            text = (",".join(["1"] * 66) + "\n") * count
            (folder / f"{name.replace('KIND', kind.lower())}.txt").write_text(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "m01_s01_e01_KIND")
    write(tmp_path, "m01_s01_e01_KIND_inc")
    write(tmp_path, "m02_s03_e04_KIND", angles=0)
    write(tmp_path, "m02_s03_e05_KIND", angles=0)
    return tmp_path


def test_scan__labels_and_missing_angles(root: Path) -> None:
    found = ui_prmd.scan(root)
    assert {clip: row.values for clip, row in found.manifest.by_clip().items()}["incorrect/m01_s01_e01"] == {
        "label": "incorrect",
        "subject": "s01",
        "action": "m01",
        "episode": "e01",
    }
    assert list(found.sources) == ["correct/m01_s01_e01", "incorrect/m01_s01_e01"]
    assert found.problems == ["correct/m02_s03: no Angles file for e04, e05; the offsets in Positions are no skeleton without it"]


def test_scan__odd_names(root: Path) -> None:
    write(root, "m11_s01_e01_KIND")
    assert "m11_s01_e01_positions.txt: not a name of the form mMM_sSS_eEE_positions" in ui_prmd.scan(root).problems[0]


def test_scan__empty(tmp_path: Path) -> None:
    (tmp_path / "Segmented Movements/Kinect/Positions").mkdir(parents=True)
    with pytest.raises(ArtifactError, match="holds no episodes"):
        ui_prmd.scan(tmp_path)


def test_locate(root: Path) -> None:
    assert ui_prmd.locate(root) == root
    assert ui_prmd.locate(root / "Segmented Movements") is None


def test_load__centimetres_become_metres(root: Path) -> None:
    poses = ui_prmd.load_poses(ui_prmd.scan(root).sources["correct/m01_s01_e01"])
    assert poses.positions.shape == (1, 3, 22, 3)
    np.testing.assert_allclose(poses.positions[0, :, 0], 0.01)
    assert poses.clip["kinematics"] == "offsets and angles, R = Rz Rx Ry"


def test_load__files_of_different_length(tmp_path: Path) -> None:
    write(tmp_path, "m01_s01_e01_KIND", 5, angles=4)
    poses = ui_prmd.load_poses(ui_prmd.scan(tmp_path).sources["correct/m01_s01_e01"])
    assert poses.frames == 4
    assert poses.clip["defects"] == ["5 frames of positions but 4 of angles: the first 4 are used"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("\n", "a.txt holds no frames"), ("1,2\n", r"a.txt, line 1: expected 66 columns \(22 joints × 3\), found 2"), ("x\n", "not a row")],
    ids=["blank", "short", "text"],
)
def test_load__unreadable(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(ArtifactError, match=expected):
        ui_prmd.load_poses(Recording(tmp_path / "a.txt", tmp_path / "a.txt"))


def test_global_positions__no_rotation_adds_up_the_offsets() -> None:
    offsets = np.random.default_rng(0).normal(size=(2, 22, 3))
    found = global_positions(offsets, np.zeros_like(offsets))
    chain = ["pelvis", "spine", "spine_shoulder", "left_collar", "left_shoulder"]
    np.testing.assert_allclose(found[:, UI_PRMD_22.index["left_shoulder"]], offsets[:, UI_PRMD_22.numbers(tuple(chain))].sum(axis=1))


def test_global_positions__a_joint_turns_what_hangs_from_it() -> None:
    offsets, angles = np.zeros((1, 22, 3)), np.zeros((1, 22, 3))
    hip, knee, ankle, foot = UI_PRMD_22.numbers(("left_hip", "left_knee", "left_ankle", "left_foot"))
    offsets[0, [knee, ankle]] = [0, -40, 0]
    angles[0, knee] = [90, 0, 0]  # the shank turns about x: down becomes backwards, -z
    found = global_positions(offsets, angles)[0]
    np.testing.assert_allclose(found[[hip, knee, ankle, foot]], [[0, 0, 0], [0, -40, 0], [0, -40, -40], [0, -40, -40]], atol=1e-12)


def test_global_positions__rotations_are_z_x_y() -> None:
    angles = np.random.default_rng(1).uniform(-180, 180, size=(4, 22, 3))
    offsets = np.zeros((4, 22, 3))
    offsets[:, 1] = [1, 2, 3]
    turned = Rotation.from_euler("ZXY", angles[:, 0][:, [2, 0, 1]], degrees=True).apply([1, 2, 3])
    np.testing.assert_allclose(global_positions(offsets, angles)[:, 1], turned, atol=1e-12)


@pytest.fixture(scope="session")
def real(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ui-prmd")
    for name in ("kinect_positions_m01_m02", "kinect_angles_m01_s01-s03"):
        with tarfile.open(shared / f"data/ui-prmd/{name}.tar.xz") as archive:
            archive.extractall(root, filter="data")
    return root


def test_real__episodes(real: Path) -> None:
    found = ui_prmd.scan(real)
    assert len(found.manifest) == 400
    assert len(found.sources) == 60
    assert {row.text("label") for row in found.manifest.rows} == {"correct", "incorrect"}
    assert all("no Angles file" in problem for problem in found.problems)


@pytest.mark.parametrize(
    ("order", "expected"),  # the table of docs/datasets.md: the ankles' spread over an episode along x, y, z, centimetres
    [
        ("ZXY", (1.9, 4.2, 1.9)),
        ("YZX", (11.7, 19.9, 19.4)),
        ("XZY", (13.6, 29.4, 11.9)),
        ("XYZ", (14.4, 27.3, 24.7)),
        ("ZYX", (17.9, 18.9, 10.3)),
        ("YXZ", (19.5, 28.4, 18.1)),
    ],
)
def test_real__only_the_order_zxy_keeps_the_feet_on_the_floor(real: Path, order: str, expected: tuple[float, float, float]) -> None:
    ankles, spread = UI_PRMD_22.numbers(("left_ankle", "right_ankle")), []
    for source in ui_prmd.scan(real).sources.values():
        offsets, angles = (np.loadtxt(file, delimiter=",").reshape(-1, 22, 3) for file in (source.file, source.angles))
        columns = ["XYZ".index(axis) for axis in order]
        turned: list[Rotation] = []
        positions = offsets.copy()
        for joint, parent in enumerate(UI_PRMD_22.parents.values()):
            own = Rotation.from_euler(order, angles[:, joint][:, columns], degrees=True)
            if parent is not None:
                number = UI_PRMD_22.index[parent]
                positions[:, joint] = positions[:, number] + turned[number].apply(offsets[:, joint])
                own = turned[number] * own
            turned.append(own)
        spread.append(positions[:, ankles].std(axis=0).mean(axis=0))
        if order == "ZXY":
            np.testing.assert_allclose(global_positions(offsets, angles), positions, atol=1e-9)
    np.testing.assert_allclose(np.mean(spread, axis=0), expected, atol=0.051)


def test_real__deep_squats_are_people_in_metres(real: Path) -> None:
    found, layout = ui_prmd.scan(real), UI_PRMD_22
    sliding, lowered, upright = [], [], []
    for clip, source in found.sources.items():
        if clip.startswith("correct"):
            positions = ui_prmd.load_poses(source).positions[0]
            sliding.append(positions[:, layout.numbers(("left_ankle", "right_ankle"))][..., [0, 2]].std(axis=0).mean())
            lowered.append(np.ptp(positions[:, layout.index["pelvis"], 1]))
            upright.append(np.median(positions[:, layout.index["head"], 1] - positions[:, layout.index["left_ankle"], 1]))
    assert np.mean(sliding) < 0.03
    assert np.mean(lowered) > 0.3
    assert min(upright) > 0.8
