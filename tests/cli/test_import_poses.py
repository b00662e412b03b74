"""``aqa import-poses`` on files: exit codes, skipping, refusing, shards, and the manifest beside the poses."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from stages.artifacts import store
from stages.artifacts.collection import Collection
from stages.engine.inputs import Inputs, skeletons_of, to_clips
from stages.engine.records import ClipSet
from stages.errors import UsageError
from stages.skeletons.input import PoseInput, skeleton_of
from tests.skeletons.importers.files import COCO, generic_text, ntu_text, openpose_frame, person, trc_text, with_confidence


def _ntu(folder, *names: str):
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        (folder / f"{name}.skeleton").write_text(ntu_text([{"1": number + 0.1 * frame} for frame in range(4)]))
    return folder


def _contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def clips(tmp_path):
    return _ntu(tmp_path / "clips", *(f"S001C00{n}P00{n}R001A001" for n in range(1, 6)))


def test_folder__poses_manifest_and_a_second_run_that_skips(aqa, workspace, clips) -> None:
    code, out, _ = aqa("import-poses", clips)
    folder = workspace / "poses/clips"
    assert (code, out) == (0, f"5 done, 0 skipped, 0 failed; in {folder}\n")
    assert (folder / "manifest.csv").read_text().splitlines()[:2] == [
        "clip,setup,view,subject,repetition,action",
        "S001C001P001R001A001,S001,C001,P001,R001,A001",
    ]
    artifact = store.read(folder / "S001C001P001R001A001.h5", "poses")
    assert artifact.arrays["positions"].shape == (1, 4, 25, 3)
    assert artifact.documents["config"] == {"format": "ntu", "skeleton": None, "fps": None, "importer_version": 1}
    before = _contents(folder)
    code, out, _ = aqa("import-poses", clips)
    assert (code, out.split(";")[0]) == (0, "0 done, 5 skipped, 0 failed")
    assert _contents(folder) == before


def test_the_real_clip(aqa, workspace, shared) -> None:
    code, out, _ = aqa("import-poses", shared / "data/ntu")
    assert (code, out.split(";")[0]) == (0, "1 done, 0 skipped, 0 failed")
    assert store.read(workspace / "poses/ntu/S001C001P001R001A001.h5", "poses").arrays["positions"].shape == (1, 103, 25, 3)


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--fps", "25"), "fps: was null, now 25.0"),
        (("--skeleton", "kinect-25"), 'skeleton: was null, now "kinect-25"'),
    ],
)
def test_changed_configuration__refused_by_key_then_overwritten(aqa, workspace, clips, flags, reason) -> None:
    aqa("import-poses", clips)
    code, _, err = aqa("import-poses", clips, *flags)
    assert code == 3
    assert "5 outputs exist but were made differently" in err
    assert reason in err
    assert "--overwrite" in err
    code, out, _ = aqa("import-poses", clips, *flags, "--overwrite")
    assert (code, out.split(";")[0]) == (0, "5 done, 0 skipped, 0 failed")


def test_changed_file__refused(aqa, workspace, clips) -> None:
    aqa("import-poses", clips)
    (clips / "S001C001P001R001A001.skeleton").write_text(ntu_text([{"1": 7}]))
    code, _, err = aqa("import-poses", clips)
    assert code == 3
    assert "its inputs changed" in err


def test_dry_run__writes_nothing(aqa, workspace, clips) -> None:
    code, _, err = aqa("import-poses", clips, "--dry-run")
    assert code == 0
    assert err.count("make ") == 5
    assert not workspace.exists()


def test_bad_files__the_others_are_done_and_exit_4(aqa, workspace, clips) -> None:
    (clips / "cut.skeleton").write_text("".join(ntu_text([{"1": 1}]).splitlines(keepends=True)[:9]))
    (clips / "strange.json").write_text("{}")
    (clips / "movie.mp4").write_bytes(b"")
    code, out, err = aqa("import-poses", clips)
    assert (code, out.split(";")[0]) == (4, "5 done, 0 skipped, 2 failed")
    assert "cut.skeleton is truncated after line" in err
    failures = [json.loads(line) for line in (workspace / "poses/clips/failures.jsonl").read_text().splitlines()]
    assert [failure["id"] for failure in failures] == ["cut", "strange"]
    assert failures[1]["message"] == "strange.json has none of the known formats."
    (clips / "cut.skeleton").write_text(ntu_text([{"1": 1}]))
    (clips / "strange.json").unlink()
    code, out, _ = aqa("import-poses", clips)
    assert (code, out.split(";")[0]) == (0, "1 done, 5 skipped, 0 failed")
    assert not (workspace / "poses/clips/failures.jsonl").exists()


def test_bad_files__one_that_cannot_be_opened(aqa, workspace, clips) -> None:
    (clips / "gone.skeleton").symlink_to(clips / "nowhere")
    code, out, err = aqa("import-poses", clips)
    assert (code, out.split(";")[0]) == (4, "5 done, 0 skipped, 1 failed")
    assert "gone.skeleton cannot be read: No such file or directory" in err


def test_bad_files__fail_fast(aqa, workspace, clips) -> None:
    (clips / "A.skeleton").write_text("x")
    code, _, err = aqa("import-poses", clips, "--fail-fast")
    assert code == 3
    assert "A.skeleton, line 1, the number of frames: expected a whole number, found 'x'" in err


def test_shards__together_equal_one_run(aqa, workspace, clips, tmp_path) -> None:
    for shard in ("0/2", "1/2"):
        code, _, _ = aqa("import-poses", clips, "--workspace", tmp_path / "shards", "--shard", shard)
        assert code == 0
    aqa("import-poses", clips)
    assert _contents(tmp_path / "shards/poses/clips") == _contents(workspace / "poses/clips")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "A data set or paths are imported, found nothing"),
        (("CLIPS", "--dataset", "kimore"), 2, "A data set or paths are imported, found both"),
        (("nowhere",), 2, "nowhere does not exist"),
        (("CLIPS", "--format", "nut"), 2, "Unknown format 'nut'. Did you mean 'ntu'?"),
        (("CLIPS", "--skeleton", "kinect-52"), 2, "Unknown skeleton 'kinect-52'. Did you mean 'kinect-25'?"),
        (("CLIPS", "--fps", "0"), 2, "'fps' (flag): Input should be greater than 0, found 0.0"),
        (("CLIPS", "--set-name", "../x"), 2, "--set-name takes a plain name, found '../x'"),
        (("CLIPS", "--set", "formt=ntu"), 2, "Unknown key 'formt' (--set). Did you mean 'format'?"),
        (("--dataset", "kimore", "--fps", "3"), 2, "fps: only for files"),
        (("EMPTY",), 3, "There are no pose files in"),
        (("CLIPS", "--format", "trc"), 3, "There are no trc files in"),
        (("CLIPS", "--manifest", "none.csv"), 3, "The manifest none.csv does not exist"),
    ],
)
def test_usage(aqa, workspace, clips, tmp_path, arguments, code, message) -> None:
    (tmp_path / "empty").mkdir()
    places = {"CLIPS": clips, "EMPTY": tmp_path / "empty"}
    found, _, err = aqa("import-poses", *(places.get(argument, argument) for argument in arguments))
    assert (found, message in err) == (code, True), err


def test_several_formats_in_folders__ids_are_paths_and_mixed_skeletons_are_noted(aqa, workspace, tmp_path) -> None:
    root = tmp_path / "all"
    _ntu(root / "a/b", "S001C001P001R001A001")
    (root / "a/walk.trc").write_text(trc_text(list(COCO), np.ones((3, 17, 3))))
    for number in range(3):
        openpose_frame(root / "dive", number, [with_confidence(person(number, 25))])
        openpose_frame(root / "two", number, [with_confidence(person(number, 25))], "left")
        openpose_frame(root / "two", number, [with_confidence(person(number, 25))], "right")
    (root / "plain.csv").write_text(generic_text(COCO, np.ones((2, 34))))
    np.savez(root / "arrays.npz", positions=np.ones((2, 17, 2)), fps=25)
    code, _, err = aqa("import-poses", root)
    assert code == 0, err
    folder = workspace / "poses/all"
    made = sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.h5"))
    assert made == ["a/b/S001C001P001R001A001", "a/walk", "arrays", "dive", "plain", "two/left", "two/right"]
    assert "The set mixes skeletons: coco-17 (3 clips), kinect-25 (1 clips), openpose-25 (3 clips)" in err
    assert "4 clip(s) do not state a frame rate: 30 is assumed" in err
    assert json.loads((folder / "worklist.json").read_text()) == made


def test_pickle__many_clips_with_labels_and_splits(aqa, workspace, tmp_path) -> None:
    annotations = [{"frame_dir": name, "label": 4, "keypoint": np.ones((1, 3, 17, 2))} for name in ("x/one", "two")]
    document = {"split": {"train": ["x/one"], "test": ["two"]}, "annotations": annotations}
    (tmp_path / "gym.pkl").write_bytes(pickle.dumps(document))
    code, out, _ = aqa("import-poses", tmp_path / "gym.pkl")
    assert (code, out.split(";")[0]) == (0, "2 done, 0 skipped, 0 failed")
    folder = workspace / "poses/gym"
    assert (folder / "x/one.h5").is_file()
    assert (folder / "manifest.csv").read_text() == "clip,split,label,action\nx/one,train,4,4\ntwo,test,4,4\n"
    code, _, _ = aqa("import-poses", tmp_path, "--set-name", "folder")
    assert code == 0
    assert (workspace / "poses/folder/gym/two.h5").is_file()


@pytest.mark.parametrize("name", ["../escape", "/tmp/escape", "a/../../escape", "a\nb", ".hidden", "x" * 300, "a\\b", " a"])
def test_pickle__a_name_that_leaves_the_folder_is_refused(aqa, workspace, tmp_path, name) -> None:
    (tmp_path / "in").mkdir()
    good = {"frame_dir": "good", "keypoint": np.ones((1, 3, 17, 2))}
    (tmp_path / "in/bad.pkl").write_bytes(pickle.dumps([{**good, "frame_dir": name}]))
    (tmp_path / "in/good.pkl").write_bytes(pickle.dumps([good]))
    code, out, err = aqa("import-poses", tmp_path / "in")
    assert (code, out.split(";")[0]) == (4, "1 done, 0 skipped, 1 failed")
    assert "cannot name a clip: expected a plain relative path of short names" in err
    assert not list(tmp_path.rglob("*escape*"))


def test_pickle__a_malicious_one_does_not_run(aqa, workspace, tmp_path) -> None:
    mark = tmp_path / "ran"

    class Runs:
        def __reduce__(self):
            return os.system, (f"touch {mark}",)

    (tmp_path / "bad.pkl").write_bytes(pickle.dumps({"annotations": [Runs()]}))
    code, _, err = aqa("import-poses", tmp_path / "bad.pkl")
    assert code == 4
    assert "bad.pkl is refused" in err
    assert not mark.exists()


def test_two_files_of_one_name(aqa, workspace, tmp_path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.csv").write_text(generic_text(COCO, np.ones((2, 34))))
    np.savez(tmp_path / "in/a.npz", positions=np.ones((2, 17, 2)))
    code, _, err = aqa("import-poses", tmp_path / "in")
    assert code == 2
    assert "would both become the clip 'a'" in err
    code, out, _ = aqa("import-poses", tmp_path / "in", "--format", "npz")
    assert (code, out.split(";")[0]) == (0, "1 done, 0 skipped, 0 failed")


def test_manifest__labels_are_merged_and_a_users_cells_stay(aqa, workspace, clips, tmp_path) -> None:
    labels = clips / "labels.csv"
    labels.write_text("clip,score,view\nS001C001P001R001A001,7.5,front\nelsewhere,1,x\n")
    code, _, err = aqa("import-poses", clips, "--manifest", labels)
    assert code == 0
    assert "1 clip(s) of the given manifest were not imported and are left out: elsewhere" in err
    beside = workspace / "poses/clips/manifest.csv"
    lines = beside.read_text().splitlines()
    assert lines[0] == "clip,setup,view,subject,repetition,action,score"
    assert lines[1] == "S001C001P001R001A001,S001,front,P001,R001,A001,7.5"
    beside.write_text(beside.read_text().replace(",P002,", ",someone,"))
    more = _ntu(tmp_path / "more", "S002C001P009R001A001")
    aqa("import-poses", more, "--set-name", "clips")
    code, _, _ = aqa("import-poses", clips, "--format", "ntu")
    text = beside.read_text()
    assert code == 0
    assert "someone" in text
    assert "front" in text
    assert text.splitlines()[-1].startswith("S002C001P009R001A001,S002")
    worklist = json.loads((workspace / "poses/clips/worklist.json").read_text())
    assert len(worklist) == 6
    aqa("import-poses", clips, "--format", "ntu", "--overwrite")
    assert "someone" not in beside.read_text()


def test_manifest__of_other_clips_is_an_error(aqa, workspace, clips, tmp_path) -> None:
    (tmp_path / "labels.csv").write_text("clip,score\nelsewhere,1\n")
    code, _, err = aqa("import-poses", clips, "--manifest", tmp_path / "labels.csv")
    assert code == 3
    assert "is among the imported ones; it has 'elsewhere', there are 'S001C001P001R001A001'" in err
    assert not workspace.exists()


def test_name_of_the_set__several_files_take_the_folder_above(aqa, workspace, clips) -> None:
    code, out, _ = aqa("import-poses", *sorted(clips.glob("*.skeleton"))[:2])
    assert (code, out) == (0, f"2 done, 0 skipped, 0 failed; in {workspace / 'poses/clips'}\n")


def test_config_file__the_example_is_valid(aqa, workspace, clips) -> None:
    file = Path(__file__).parents[2] / "examples/configs/import-poses.yaml"
    code, out, _ = aqa("import-poses", clips, "--config", file)
    assert (code, out.split(";")[0]) == (0, "5 done, 0 skipped, 0 failed")


def test_folder_around_the_workspace__artifacts_are_not_imported_again(aqa, workspace, clips, tmp_path) -> None:
    aqa("import-poses", clips)
    code, out, _ = aqa("import-poses", tmp_path, "--set-name", "all")
    assert (code, out.split(";")[0]) == (0, "5 done, 0 skipped, 0 failed")
    assert (workspace / "poses/all/clips/S001C001P001R001A001.h5").is_file()
    code, _, err = aqa("import-poses", workspace / "poses/clips", "--set-name", "again")
    assert code == 4
    assert "is an artifact of this toolkit already" in err


def test_mixed_skeletons__records_refuse_until_told_which(aqa, workspace, tmp_path) -> None:
    root = _ntu(tmp_path / "mix", "S001C001P001R001A001")
    (root / "walk.trc").write_text(trc_text(list(COCO), np.random.default_rng(0).normal(size=(4, 17, 3))))
    aqa("import-poses", root)
    poses = ClipSet("mix", {"poses": Collection(workspace / "poses/mix", "poses")})
    records = poses.load(poses.manifest.clips)
    with pytest.raises(UsageError, match="The clips have different skeletons: coco-17, kinect-25"):
        skeleton_of(PoseInput(), skeletons_of(records))
    assert to_clips(records, Inputs(PoseInput(frames=4, skeleton="coco-17"))).poses.shape == (2, 3, 4, 17, 1)
