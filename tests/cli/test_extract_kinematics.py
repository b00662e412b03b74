"""``aqa extract-kinematics``: from poses and JIGSAWS to features, skipping, refusing, shards, bad clips, and every error's exit code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stages.artifacts import store
from stages.artifacts.store import Header
from stages.datasets.jigsaws.kinematics import Trial, load_motion
from stages.engine.opening import open_clips
from stages.engine.options import RunOptions
from stages.extract_kinematics.spectra import spans, spectrum
from stages.skeletons.layouts import KINECT_20
from stages.skeletons.poses import sequence, to_artifact
from tests.small import clip, write_pose_set


@pytest.fixture
def poses(workspace: Path) -> Path:
    """A pose set of 18 clips in the workspace."""
    folder = workspace / "poses/arms"
    write_pose_set(folder)
    return folder


@pytest.fixture
def jigsaws(tmp_path: Path) -> Path:
    """A data root with four trials of suturing in the published layout."""
    home = tmp_path / "data/JIGSAWS/Suturing"
    (home / "kinematics/AllGestures").mkdir(parents=True)
    names = ["Suturing_B001", "Suturing_B002", "Suturing_C001", "Suturing_C002"]
    (home / "meta_file_Suturing.txt").write_text("".join(f"{name}\t\tN\t12\t\t2\t2\t2\t2\t2\t2\n" for name in names))
    for seed, name in enumerate(names):
        np.savetxt(kinematics(tmp_path / "data", name), np.random.default_rng(seed).normal(size=(100 + seed, 76)), fmt="%.6f")
    return tmp_path / "data"


def kinematics(root: Path, trial: str) -> Path:
    return root / f"JIGSAWS/Suturing/kinematics/AllGestures/{trial}.txt"


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.h5"))}


def _failures(folder: Path) -> dict[str, str]:
    return {(row := json.loads(line))["id"]: row["message"] for line in (folder / "failures.jsonl").read_text().splitlines()}


def _write(folder: Path, name: str, positions: np.ndarray) -> None:
    seen = sequence(clip(0.5, positions.shape[1], 0), KINECT_20, units="m")
    poses = replace(seen, positions=positions.astype(np.float32))  # sequence() itself refuses poses without any joint
    store.write(folder / f"{name}.h5", to_artifact(poses, Header("poses", "import-poses", 1, name), {}, {}))


def test_poses__features_manifest_and_a_second_run_that_skips(aqa, workspace, poses) -> None:
    code, out, err = aqa("extract-kinematics", "--views", "original,flip")
    folder = workspace / "features/arms/kinematic-dct"
    assert (code, out) == (0, f"18 done, 0 skipped, 0 failed; in {folder}\n"), err
    artifact = store.read(folder / "s1/clip-2.h5", "features")
    assert (artifact.arrays["features"].shape, artifact.arrays["features"].dtype) == ((2, 12, 480), np.float32)
    assert artifact.documents["clip"] == {
        "frames": 32,
        "seconds": 1.033333,
        "signals": ["positions"],
        "bodies": ["person 1"],
        "joints": list(KINECT_20.joints),
        "axes": ["x", "y", "z"],
        "coefficients": 8,
    }
    original, flipped = artifact.documents["sampling"]["views"]
    assert (original["name"], flipped["name"], flipped["transform"]) == ("original", "flip", {"flip": True})
    assert original["first_and_last_frame"] == [[start, end - 1] for start, end in spans(32, 12)]
    assert original["times"][0] == [0.0, 0.066667]
    assert artifact.documents["provenance"]["inputs"][0]["role"] == "poses"
    assert (folder / "manifest.csv").read_text() == (poses / "manifest.csv").read_text()
    before = _contents(folder)
    assert aqa("extract-kinematics", "--views", "original,flip")[1].startswith("0 done, 18 skipped, 0 failed")
    assert _contents(folder) == before
    assert aqa("validate", folder)[0] == 0
    code, out, _ = aqa("inspect", folder)
    assert (code, "extract-kinematics 1" in out, "from poses:" in out) == (0, True, True)
    code, _, err = aqa("extract-kinematics", "--coefficients", 4)
    assert (code, "coefficients: was 8, now 4" in err, "--overwrite" in err) == (3, True, True)
    assert aqa("extract-kinematics", "--coefficients", 4, "--overwrite")[1].startswith("18 done")


def test_poses__flags_set_and_file_say_the_same(aqa, workspace, poses, tmp_path) -> None:
    flags = ("--segments", 3, "--overlap", 0.5, "--coefficients", 2, "--signals", "positions,velocities", "--values", "signed")
    assert aqa("extract-kinematics", *flags, "--skeleton", "kinect-25", "--name", "flags")[0] == 0
    (tmp_path / "c.yaml").write_text(
        "segments: 3\noverlap: 0.5\ncoefficients: 2\nsignals: [positions, velocities]\nvalues: signed\ninput: {skeleton: kinect-25}\n"
    )
    assert aqa("extract-kinematics", "--config", tmp_path / "c.yaml", "--name", "file")[0] == 0
    found = _contents(workspace / "features/arms/flags")
    assert found == _contents(workspace / "features/arms/file")
    values = store.read(workspace / "features/arms/flags/s0/clip-0.h5").arrays["features"]
    assert values.shape == (1, 3, 2 * 25 * 3 * 2)


def test_poses__labels_selection_names_and_places(aqa, workspace, poses, tmp_path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("clip,grade\ns0/clip-0,3\ns0/clip-1,4\nnobody,5\n")
    given = ("extract-kinematics", "--poses", poses, "--manifest", labels, "--where", "subject=s0", "--set-name", "mine", "--name", "dct")
    code, out, err = aqa(*given)
    folder = workspace / "features/mine/dct"
    assert (code, out.split(";")[0]) == (0, "3 done, 0 skipped, 0 failed"), err
    assert "1 clip(s) of the given manifest are not there and are left out: nobody" in err
    rows = open_clips("mine", {"features": "dct"}, RunOptions()).manifest.by_clip()
    assert set(rows) == {"s0/clip-0", "s0/clip-1", "s0/clip-2"}
    assert (rows["s0/clip-1"].text("grade"), rows["s0/clip-1"].text("subject")) == ("4", "s0")
    assert aqa("merge", poses)[0] == 0
    assert aqa("extract-kinematics", "--poses", workspace / "poses/arms.h5", "-o", tmp_path / "out")[0] == 0
    assert _contents(tmp_path / "out")["s0/clip-0.h5"] == (folder / "s0/clip-0.h5").read_bytes()


def test_shards_and_dry_run__equal_one_run(aqa, workspace, poses) -> None:
    code, _, err = aqa("extract-kinematics", "--name", "whole", "--dry-run")
    assert (code, err.count("make "), (workspace / "features").exists()) == (0, 18, False)
    assert aqa("extract-kinematics", "--name", "whole")[0] == 0
    for shard in range(3):
        assert aqa("extract-kinematics", "--name", "parts", "--shard", f"{shard}/3")[1].startswith("6 done")
    assert _contents(workspace / "features/arms/parts") == _contents(workspace / "features/arms/whole")


def test_bad_clips__the_others_are_done_exit_4_and_a_later_run_mends_them(aqa, workspace, poses) -> None:
    _write(poses, "empty", np.full((1, 5, 20, 3), np.nan))
    damaged = bytearray((poses / "s0/clip-0.h5").read_bytes())
    (poses / "s0/clip-0.h5").write_bytes(damaged[: len(damaged) // 2])
    code, out, err = aqa("extract-kinematics")
    folder = workspace / "features/arms/kinematic-dct"
    assert (code, out.split(";")[0]) == (4, "17 done, 0 skipped, 2 failed")
    found = _failures(folder)
    assert found["empty"] == "No joint was seen in any frame: there is no motion to describe."
    assert "s0/clip-0" in found["s0/clip-0"]
    assert "the same command retries just these" in err
    assert aqa("extract-kinematics", "--fail-fast")[0] == 3
    write_pose_set(poses)
    _write(poses, "empty", clip(0.5, 5, 0))
    assert aqa("extract-kinematics")[1].startswith("2 done, 17 skipped, 0 failed")
    assert not (folder / "failures.jsonl").exists()


def test_short_clips__one_frame_is_enough(aqa, workspace) -> None:
    for frames in (1, 5, 30):
        _write(workspace / "poses/short", f"clip-{frames}", clip(0.5, frames, 0))
    assert aqa("extract-kinematics", "--signals", "positions,velocities")[0] == 0
    values = {path.stem: store.read(path).arrays["features"] for path in (workspace / "features/short/kinematic-dct").glob("*.h5")}
    assert {array.shape for array in values.values()} == {(1, 12, 960)}
    assert all(np.isfinite(array).all() for array in values.values())
    np.testing.assert_array_equal(values["clip-1"][0, 0], values["clip-1"][0, 11])


def test_mixed_skeletons__are_noted_and_one_can_be_chosen(aqa, workspace, poses) -> None:
    write_pose_set(workspace / "poses/kinect25", skeleton="kinect-25", subjects=1)
    (workspace / "poses/kinect25/s0").rename(poses / "other")
    (poses / "manifest.csv").unlink()
    code, _, err = aqa("extract-kinematics", "--poses", "arms")
    assert (code, "The clips move differently: kinect-25 in 3-D (other/clip-0), kinect-20 in 3-D" in err) == (0, True)
    code, _, err = aqa("extract-kinematics", "--poses", "arms", "--skeleton", "kinect-20", "--overwrite")
    assert (code, "move differently" in err) == (0, False)


def test_jigsaws__the_spectrum_of_the_tools(aqa, workspace, jigsaws) -> None:
    given = ("extract-kinematics", "--dataset", "JIGSAWS", "--data-root", jigsaws, "--signals", "positions,velocities")
    code, out, err = aqa(*given, "--views", "original,flip", "--values", "signed", "--set", "input.centre=none")
    folder = workspace / "features/jigsaws/kinematic-dct"
    assert (code, out) == (0, f"4 done, 0 skipped, 0 failed; in {folder}\n"), err
    assert "jigsaws: Needle_Passing: no meta_file_Needle_Passing.txt" in err
    artifact = store.read(folder / "Suturing_C001.h5", "features")
    values = artifact.arrays["features"].reshape(2, 12, 2, 2, 2, 3, 8)  # view, segment, signal, body, tool, axis, coefficient
    assert (artifact.documents["clip"]["bodies"], artifact.documents["clip"]["joints"]) == (
        ["master", "slave"],
        ["left_tool", "right_tool"],
    )
    table = np.loadtxt(kinematics(jigsaws, "Suturing_C001"))
    start, end = spans(102, 12)[3]
    for signal, first in enumerate((57, 69)):  # the slave's right tool: positions, velocities
        np.testing.assert_allclose(values[0, 3, signal, 1, 1], spectrum(table[start:end, first : first + 3], 8).T, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(values[1], values[0][:, :, :, ::-1] * np.array([-1, 1, 1])[:, None], atol=1e-6)
    assert artifact.documents["config"]["dataset"] == "jigsaws"
    assert open_clips("jigsaws", {"features": None}, RunOptions()).manifest.by_clip()["Suturing_C001"].number("score") == 12


def test_jigsaws__stereo_describes_each_trial_once_per_camera(aqa, workspace, jigsaws) -> None:
    assert aqa("extract-kinematics", "--dataset", "jigsaws-stereo", "--data-root", jigsaws)[1].startswith("8 done")
    left, right = (
        store.read(workspace / f"features/jigsaws-stereo/kinematic-dct/Suturing_B001{view}.h5").arrays["features"]
        for view in ("", "_right")
    )
    np.testing.assert_array_equal(left, right)


def test_jigsaws__the_published_labels_alone(aqa, workspace, shared) -> None:
    code, _, err = aqa("extract-kinematics", "--dataset", "jigsaws", "--data-root", shared / "data/annotations")
    assert (code, "holds labels of jigsaws, but none of its kinematics" in err) == (3, True)


def test_jigsaws__the_recording_s_columns(jigsaws) -> None:
    table = np.loadtxt(kinematics(jigsaws, "Suturing_B001"))
    motion = load_motion(Trial(kinematics(jigsaws, "Suturing_B001"), "kinematics"))
    for body, tool, first in ((0, 0, 0), (0, 1, 19), (1, 0, 38), (1, 1, 57)):
        np.testing.assert_array_equal(motion.signals["positions"][body, :, tool], table[:, first : first + 3])
        np.testing.assert_array_equal(motion.signals["velocities"][body, :, tool], table[:, first + 12 : first + 15])
    assert motion.timestamps[30] == pytest.approx(1.0)


def test_jigsaws__bad_files_are_single_bad_items(aqa, workspace, jigsaws) -> None:
    kinematics(jigsaws, "Suturing_B001").write_text("1 2 3\n")
    kinematics(jigsaws, "Suturing_B002").write_text("")
    kinematics(jigsaws, "Suturing_C001").write_text(" ".join(["1"] * 76) + "\n" + " ".join(["nan"] * 76) + "\n")
    code, out, _ = aqa("extract-kinematics", "--dataset", "jigsaws", "--data-root", jigsaws)
    assert (code, out.split(";")[0]) == (4, "1 done, 0 skipped, 3 failed")
    assert _failures(workspace / "features/jigsaws/kinematic-dct") == {
        "Suturing_B001": "Suturing_B001.txt, line 1: expected 76 columns (4 manipulators × 19), found 3.",
        "Suturing_B002": "Suturing_B002.txt holds no frames.",
        "Suturing_C001": "Suturing_C001.txt, frame 2: a number is not finite.",
    }


def test_jigsaws__labels_alone_settings_for_people_and_no_data_root(aqa, workspace, jigsaws) -> None:
    given = ("extract-kinematics", "--dataset", "jigsaws")
    code, _, err = aqa(*given)
    assert (code, "Where is jigsaws?" in err, "--data-root" in err) == (2, True, True)
    code, _, err = aqa(*given, "--data-root", jigsaws, "--skeleton", "kinect-25")
    assert (code, "input.skeleton: only for people; jigsaws is the motion of a robot" in err) == (2, True)
    for file in kinematics(jigsaws, "x").parent.iterdir():
        file.unlink()
    code, _, err = aqa(*given, "--data-root", jigsaws)
    assert (code, "holds labels of jigsaws, but none of its kinematics" in err, "expected Suturing/" in err) == (3, True, True)
    code, _, err = aqa(*given, "--data-root", workspace)
    assert (code, "jigsaws was not found under" in err) == (3, True)


def test_dataset__names_a_pose_set_of_any_spelling(aqa, workspace) -> None:
    write_pose_set(workspace / "poses/nw-ucla", subjects=1)
    write_pose_set(workspace / "poses/my_own", subjects=1)
    assert aqa("extract-kinematics", "--dataset", "NWUCLA")[1].startswith("3 done")
    assert aqa("extract-kinematics", "--dataset", "MyOwn")[1].startswith("3 done")
    assert open_clips("nw-ucla", {"features": None, "poses": None}, RunOptions()).collections["features"].ids


@pytest.mark.parametrize(
    ("arguments", "expected", "hint"),
    [
        (("--poses", "arms", "--dataset", "kimore"), "Poses or a data set are described, found both", "give one of them"),
        (("--poses", "legs"), "There are no poses 'legs' (sets in", "--poses SET, or the folder of the poses"),
        (("--dataset", "kimore"), "There are no poses of 'kimore' in", "aqa import-poses --dataset kimore --data-root DIR"),
        (("--dataset", "arm"), "Unknown data set or pose set 'arm'. Did you mean 'arms'?", "known:"),
        (("--skeleton", "kinect-2"), "Did you mean 'kinect-2", "known:"),
        (("--where", "subjekt=s0"), "arms has no column 'subjekt'. Did you mean 'subject'?", "columns:"),
        (("--set-name", "a/b"), "--set-name takes a plain name, found 'a/b'.", ""),
        (("--name", ""), "--name takes a plain name, found ''.", ""),
        (("--segments", 0), "'segments' (flag): Input should be greater than or equal to 1, found 0.", "aqa config show"),
        (("--overlap", 1), "'overlap' (flag): Input should be less than 1, found 1.0.", "aqa config show"),
        (("--views", "flip"), "'views' (flag): the first view is the clip itself, 'original', found", "aqa config show"),
        (("--views", "original,still"), "'views.1' (flag): Input should be 'original' or 'flip', found 'still'.", "aqa config show"),
        (("--signals", "positions,positions"), "'signals' (flag): a name occurs twice, found", "aqa config show"),
        (("--set", "input.center=frame"), "Unknown key 'input.center' (--set). Did you mean 'input.centre'?", "aqa config show"),
    ],
)
def test_usage__exit_2(aqa, workspace, poses, arguments: tuple[object, ...], expected: str, hint: str) -> None:
    code, _, err = aqa("extract-kinematics", *arguments)
    assert (code, expected in err, hint in err) == (2, True, True), err
    assert not (workspace / "features").exists()


def test_nothing_several_and_empty_sets(aqa, workspace, tmp_path) -> None:
    code, _, err = aqa("extract-kinematics")
    assert (code, "There is no pose set in the workspace." in err, "aqa import-poses" in err) == (2, True, True)
    for name in ("a", "b"):
        write_pose_set(workspace / "poses" / name, subjects=1)
    code, _, err = aqa("extract-kinematics")
    assert (code, "Several pose sets are possible: a, b." in err, "--poses SET" in err) == (2, True, True)
    (tmp_path / "nothing").mkdir()
    code, _, err = aqa("extract-kinematics", "--poses", tmp_path / "nothing")
    assert (code, "holds no pose artifacts." in err, "aqa extract-pose" in err) == (3, True, True)
    code, _, err = aqa("extract-kinematics", "--poses", workspace / "poses/a/s0/clip-0.h5")
    assert (code, "holds a single clip, expected a folder or a merged file." in err) == (3, True)


def test_finetune__ridge_on_the_motion_of_arms(aqa, workspace, poses) -> None:
    assert aqa("extract-kinematics", "--segments", 4)[1].startswith("18 done")
    code, out, err = aqa("finetune", "--method", "features-ridge", "--protocol", "3-fold")
    assert (code, out.split(";")[0]) == (0, "3 done, 0 skipped, 0 failed"), err
    assert aqa("evaluate", "--set", "resamples=100")[0] == 0
    metrics = json.loads((workspace / "evaluations/arms-features-ridge/metrics.json").read_text())
    assert metrics["overall"]["spearman_pooled"]["value"] > 0.6
    said = store.read_document(workspace / "models/arms-features-ridge/fold-1/0.h5", "config")
    assert said["settings"]["features"]["backbone"] == "kinematic-dct"
