"""``aqa import-features``: other people's files into a set, with labels, shards, refusals and failures."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from stages.artifacts import store
from stages.engine.opening import open_clips
from stages.engine.options import RunOptions


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "swin"
    (root / "test").mkdir(parents=True)
    for number in range(3):
        np.save(root / f"Ball_{number:03d}.npy", np.full((2 + number, 4), number, np.float64))
    np.save(root / "test/Ball_009.npy", np.ones(4, np.float32))
    return root


def _contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.h5"))}


def test_folder__one_artifact_per_file_with_the_users_labels(aqa, workspace, folder, tmp_path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("clip,score\nBall_000,12.5\ntest/Ball_009,7\n")
    code, out, err = aqa("import-features", folder, "--name", "vst", "--manifest", labels)
    place = workspace / "features/swin/vst"
    assert (code, out) == (0, f"4 done, 0 skipped, 0 failed; in {place}\n"), err
    artifact = store.read(place / "Ball_002.h5", "features")
    assert (artifact.arrays["features"].shape, artifact.arrays["features"].dtype) == ((1, 4, 4), np.float32)
    assert artifact.documents["clip"] == {"file": "Ball_002.npy"}
    assert artifact.documents["sampling"] == {"views": [{"name": "original", "frames": None}]}
    records = open_clips("swin", {"features": "vst"}, RunOptions()).load(["Ball_000", "test/Ball_009"])
    assert [(record.row.number("score"), record.features().values.shape) for record in records] == [(12.5, (1, 2, 4)), (7, (1, 1, 4))]
    before = _contents(place)
    code, out, _ = aqa("import-features", folder, "--name", "vst")
    assert (code, out.split(";")[0]) == (0, "0 done, 4 skipped, 0 failed")
    assert _contents(place) == before
    assert aqa("validate", place)[0] == 0


def test_shards__equal_one_run(aqa, workspace, folder) -> None:
    aqa("import-features", folder, "--name", "whole")
    for shard in range(3):
        assert aqa("import-features", folder, "--name", "parts", "--shard", f"{shard}/3")[0] == 0
    assert _contents(workspace / "features/swin/parts") == _contents(workspace / "features/swin/whole")


def test_the_real_file__300_dives_with_scores(aqa, workspace, shared) -> None:
    code, out, _ = aqa("import-features", shared / "data/unlv-dive/p3d_train.npz", "--set-name", "unlv-dive", "--name", "p3d")
    assert (code, out.split(";")[0]) == (0, "300 done, 0 skipped, 0 failed")
    features = open_clips(None, {"features": None}, RunOptions())
    assert (features.name, features.collections["features"].path.name) == ("unlv-dive", "p3d")
    assert features.manifest.columns == ["score", "difficulty"]
    [record] = features.load(["2"])
    assert (record.features().values.shape, record.row.values) == ((1, 1, 2048), {"score": 72.0, "difficulty": 3.2})


def test_bad_files__the_others_are_done_and_exit_4(aqa, workspace, folder) -> None:
    (folder / "broken.npy").write_bytes(b"no")
    np.save(folder / "endless.npy", np.array([[np.inf]]))
    code, out, _ = aqa("import-features", folder)
    assert (code, out.split(";")[0]) == (4, "4 done, 0 skipped, 2 failed")
    failures = [json.loads(line) for line in (workspace / "features/swin/imported/failures.jsonl").read_text().splitlines()]
    assert {line["id"]: line["message"].split(":")[0] for line in failures} == {
        "broken": "broken.npy is not a readable .npy file",
        "endless": "endless.npy",
    }


def test_changes__refused_by_key(aqa, workspace, folder) -> None:
    aqa("import-features", folder)
    code, _, err = aqa("import-features", folder, "--store", "float16")
    assert code == 3
    assert '- store: was "float32", now "float16"' in err
    np.save(folder / "Ball_000.npy", np.ones((2, 4)))
    code, _, err = aqa("import-features", folder)
    assert code == 3
    assert "its inputs changed" in err


def test_different_dimensions__are_noted_and_refused_together(aqa, workspace, folder) -> None:
    np.save(folder / "wide.npy", np.ones((2, 5)))
    code, _, err = aqa("import-features", folder)
    assert code == 0
    assert "features of different dimensions, which no method takes together: 4 (Ball_000), 5 (wide)" in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("gone",), 2, "gone does not exist."),
        (("EMPTY",), 3, "There are no files of features in"),
        (("FOLDER", "--format", "npyz"), 2, "'format' (flag)"),
        (("FOLDER", "--format", "npz"), 3, "looked for files that end in .npz"),
        (("FOLDER", "--set-name", "a/b"), 2, "--set-name takes a plain name"),
        (("FOLDER", "--name", ""), 2, "--name takes a plain name"),
        (("BOTH",), 2, "would both become the clip 'a'"),
    ],
)
def test_errors__say_what_is_wrong(aqa, workspace, folder, tmp_path, arguments, code, message) -> None:
    places = {"FOLDER": folder, "EMPTY": tmp_path / "empty", "BOTH": tmp_path / "both"}
    for name in ("empty", "both"):
        (tmp_path / name).mkdir()
    np.save(tmp_path / "both/a.npy", np.ones(3))
    (tmp_path / "both/a.pkl").write_bytes(pickle.dumps(np.ones(3)))
    found, _, err = aqa("import-features", *(places.get(part, part) for part in arguments))
    assert found == code, err
    assert message in err


def test_a_file_of_unknown_ending__needs_its_format(aqa, workspace, tmp_path) -> None:
    (tmp_path / "a.dat").write_bytes(pickle.dumps({"x": np.ones((1, 3))}))
    code, _, err = aqa("import-features", tmp_path / "a.dat")
    assert code == 4
    assert "a.dat has none of the known formats." in err
    code, out, _ = aqa("import-features", tmp_path / "a.dat", "--format", "pickle", "--name", "again")
    assert (code, out.split(";")[0]) == (0, "1 done, 0 skipped, 0 failed")
