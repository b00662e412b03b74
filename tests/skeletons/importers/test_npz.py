"""NumPy ``.npz``."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from tests.skeletons.importers.files import COCO, read_one, refuses

POSITIONS = np.random.default_rng(4).uniform(1, 9, size=(5, 17, 2))


def _write(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def test_npz__positions_alone(tmp_path) -> None:
    poses = read_one("npz", _write(tmp_path / "c.npz", positions=POSITIONS))
    np.testing.assert_allclose(poses.positions[0], POSITIONS, rtol=1e-6)
    assert (poses.layout.name, poses.clip["fps_from"]) == ("coco-17", "assumed")


def test_npz__everything(tmp_path) -> None:
    positions = np.stack([POSITIONS, POSITIONS + 100])
    times = np.array([0, 0.1, 0.2, 0.5, 0.6])
    file = _write(
        tmp_path / "c.npz", positions=positions, confidence=np.full((2, 5, 17), 0.5), timestamps=times, fps=10, joints=np.array(COCO[::-1])
    )
    poses = read_one("npz", file)
    np.testing.assert_allclose(poses.positions, positions[:, :, ::-1], rtol=1e-6)
    np.testing.assert_allclose(poses.timestamps, times)
    assert poses.confidence.max() == 0.5


def test_npz__fps_of_the_file(tmp_path) -> None:
    poses = read_one("npz", _write(tmp_path / "c.npz", positions=POSITIONS, fps=np.float32(50)))
    assert (poses.fps, poses.clip["fps_from"]) == (pytest.approx(50), "file")


def test_npz__a_skeleton_by_name(tmp_path) -> None:
    poses = read_one("npz", _write(tmp_path / "c.npz", positions=np.ones((3, 22, 3))), skeleton="ui-prmd-22")
    assert poses.layout.name == "ui-prmd-22"


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"poses": POSITIONS}, "the array 'positions' is missing"),
        ({"positions": POSITIONS[0]}, "positions: expected ([M,] T, V, 2 or 3), found (17, 2)"),
        ({"positions": POSITIONS.astype(str)}, "positions: expected numbers, found <U"),
        ({"positions": POSITIONS.astype(object)}, "an array of objects is a pickle and is not read"),
        ({"positions": POSITIONS[:, :9]}, "expected 17, 18, 20, 25, 26, 33, 133 joints, found 9"),
        ({"positions": POSITIONS * np.nan}, "No joint was seen"),
        ({"positions": POSITIONS[:0]}, "no frames"),
        ({"positions": POSITIONS, "confidence": np.ones(3)}, "confidence: expected (1, 5, 17), found (3,)"),
        ({"positions": POSITIONS, "timestamps": np.ones(3)}, "timestamps: expected (5,), found (3,)"),
        ({"positions": POSITIONS, "timestamps": np.ones(5)}, "the times of the frames must increase"),
        ({"positions": POSITIONS, "fps": np.ones(2)}, "fps: expected one number, found (2,)"),
        ({"positions": POSITIONS, "fps": -1.0}, "the frame rate must be positive, found -1"),
        ({"positions": POSITIONS, "joints": np.array(["nose"])}, "joints: expected 17 names, found 1"),
        ({"positions": POSITIONS, "joints": np.arange(17)}, "joints: expected names of joints, found a whole number"),
    ],
)
def test_npz__defects(tmp_path, arrays, message) -> None:
    refuses("npz", _write(tmp_path / "c.npz", **arrays), message)


def test_npz__truncated(tmp_path) -> None:
    file = _write(tmp_path / "c.npz", positions=POSITIONS)
    file.write_bytes(file.read_bytes()[:200])
    refuses("npz", file, "is not a readable .npz file: truncated or damaged")


def _header(shape: str) -> bytes:
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize("shape", ["(1000000000, 17, 2)", "(-5, 17, 2)", "(5, 17, 99999999999999999999)"])
def test_npz__a_header_that_lies_costs_nothing(tmp_path, shape) -> None:
    file = tmp_path / "c.npz"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("positions.npy", _header(shape) + bytes(64))
    refuses("npz", file, "the header promises")


def test_npz__a_flood_of_zeros_is_refused(tmp_path) -> None:
    file = tmp_path / "c.npz"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("positions.npy", "w", force_zip64=True) as member:
        member.write(_header("(9000000, 17, 2)"))
        member.write(bytes(1 << 20))
    refuses("npz", file, "the header promises (9000000, 17, 2)")
