"""``--dataset`` for the stages that read videos and features: data sets as published, from the folder to artifacts and to a model."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from stages.artifacts import store
from stages.datasets import manifest as manifests
from stages.datasets.generated import Clip as GeneratedClip
from stages.datasets.generated import film
from stages.extract_pose.estimators import registry
from stages.video.writer import writing
from tests.datasets.trees import features, matrix, pickled
from tests.extract_features import tiny
from tests.extract_pose import toys
from tests.skeletons.importers.files import ntu_text
from tests.video.make import make_frames, picture

FAST = ("--backbone", "tiny", "--segments", 2, "--set", "sampling.length=4")


@pytest.fixture
def estimators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "build", toys.build)
    monkeypatch.setattr(registry, "fingerprint_of", toys.fingerprint_of)


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    return tiny.install(monkeypatch, tmp_path / "weights")


def lists(folder: Path, train: list, test: list) -> None:
    """AQA-7's lists: rows of class, number, score."""
    for part, rows in (("train", train), ("test", test)):
        matrix(folder / f"Split_4/split_4_{part}_list.mat", f"consolidated_{part}_list", np.asarray(rows, dtype=float))


@pytest.fixture
def aqa_7(tmp_path: Path) -> Path:
    """AQA-7 with three dives as videos and folders of frames, of four in its lists."""
    folder = tmp_path / "data/AQA-7"
    lists(folder, [[1, 1, 84.15], [1, 2, 70.0], [1, 4, 65.0]], [[1, 3, 60.0]])
    toys.film(folder / "diving-out/001.mp4", toys.walk(12))
    toys.film(folder / "diving-out/003.mp4", toys.walk(9))
    (folder / "diving-out/002").mkdir()
    for number, image in enumerate(toys.walk(10), start=1):
        cv2.imwrite(str(folder / f"diving-out/002/img_{number:05d}.png"), image)
    return tmp_path / "data"


@pytest.fixture
def mtl_aqa(tmp_path: Path) -> Path:
    """MTL-AQA with three dives, windows of one event's 310 frames."""
    folder = tmp_path / "data/MTL-AQA"
    dive = {"position": 2, "armstand": 0, "rotation_type": 3, "ss_no": 5, "tw_no": 1, "difficulty": 3.2, "final_score": 72.0}
    pickled(folder / "info/final_annotations_dict.pkl", {(1, n): {**dive, "end_frame": 103 * n} for n in (1, 2, 3)})
    pickled(folder / "info/train_split_0.pkl", [(1, 1), (1, 2)])
    pickled(folder / "info/test_split_0.pkl", [(1, 3)])
    make_frames(folder / "new/new_total_frames_256s/01", 310, name="{:08d}.png")
    return tmp_path / "data"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.h5"))}


def table(folder: Path) -> list[list[str]]:
    return [line.split(",") for line in (folder / "manifest.csv").read_text().splitlines()]


def test_extract_pose__videos_labels_and_lineage_of_a_data_set(aqa, workspace, estimators, aqa_7) -> None:
    code, out, err = aqa("extract-pose", "--dataset", "aqa7", "--data-root", aqa_7)
    folder = workspace / "poses/aqa-7"
    assert (code, out) == (0, f"3 done, 0 skipped, 0 failed; in {folder}\n"), err
    assert "aqa-7: diving/004: no recording in diving-out" in err
    assert table(folder) == [
        ["clip", "score", "action", "split"],
        ["diving/001", "84.15", "diving", "train"],
        ["diving/002", "70.0", "diving", "train"],
        ["diving/003", "60.0", "diving", "test"],
    ]
    assert json.loads((folder / "worklist.json").read_text()) == ["diving/001", "diving/002", "diving/003"]
    artifact = store.read(folder / "diving/002.h5", "poses")
    facts = artifact.documents["clip"]
    assert (facts["file"], facts["start"], facts["frames"]) == ("diving-out/002", None, 10)
    made = artifact.documents["provenance"]
    assert (made["dataset"], made["adapter_version"]) == ("aqa-7", 1)
    assert str(aqa_7) not in json.dumps(artifact.documents)
    assert aqa("extract-pose", "--dataset", "AQA-7", "--data-root", aqa_7)[1].startswith("0 done, 3 skipped, 0 failed")


def test_extract_pose__the_video_is_the_same_as_when_given_as_a_path(aqa, workspace, estimators, aqa_7, monkeypatch) -> None:
    monkeypatch.setenv("AQA_DATA", str(aqa_7))
    assert aqa("extract-pose", "--dataset", "aqa-7", "--set-name", "mine")[0] == 0
    assert aqa("extract-pose", aqa_7 / "AQA-7/diving-out/001.mp4")[0] == 0
    first, second = workspace / "poses/mine/diving/001.h5", workspace / "poses/001/001.h5"
    assert store.read_header(first).fingerprint == store.read_header(second).fingerprint


def test_extract_pose__where_chooses_before_anything_is_read(aqa, workspace, estimators, aqa_7) -> None:
    given = ("--dataset", "aqa-7", "--data-root", aqa_7)
    (aqa_7 / "AQA-7/diving-out/001.mp4").write_bytes(b"no video, and of a part that is not asked for")
    assert aqa("extract-pose", *given, "--where", "split=test")[:2] == (
        0,
        f"1 done, 0 skipped, 0 failed; in {workspace / 'poses/aqa-7'}\n",
    )
    assert [row[0] for row in table(workspace / "poses/aqa-7")] == ["clip", "diving/003"]
    assert aqa("extract-pose", *given, "--where", "split=train", "--where", "clip=diving/002")[0] == 0
    assert [row[0] for row in table(workspace / "poses/aqa-7")] == ["clip", "diving/003", "diving/002"]
    code, out, err = aqa("extract-pose", *given)
    assert (code, out.split(";")[0]) == (4, "0 done, 2 skipped, 1 failed")
    assert "diving/001: " in err
    assert "it holds text" in err


def test_extract_pose__a_manifest_adds_labels(aqa, workspace, estimators, aqa_7, tmp_path) -> None:
    (tmp_path / "mine.csv").write_text("clip,subject,score\ndiving/001,anna,\ndiving/003,ben,61.5\ndiving/099,eve,1\n")
    code, _, err = aqa(
        *("extract-pose", "--dataset", "aqa-7", "--data-root", aqa_7, "--manifest", tmp_path / "mine.csv"),
        *("--where", "subject=anna,ben"),
    )
    assert code == 0
    assert "1 clip(s) of the given manifest are not there and are left out: diving/099" in err
    assert table(workspace / "poses/aqa-7") == [
        ["clip", "score", "action", "split", "subject"],
        ["diving/001", "84.15", "diving", "train", "anna"],
        ["diving/003", "61.5", "diving", "test", "ben"],
    ]


def test_extract_pose__where_and_the_manifest_of_paths(aqa, workspace, estimators, aqa_7, tmp_path) -> None:
    (tmp_path / "m.csv").write_text("clip,video,start,end,subject\na,001,0,0.2,anna\nb,003,,,ben\nc,gone,,,ben\n")
    code, out, _ = aqa("extract-pose", aqa_7, "--manifest", tmp_path / "m.csv", "--where", "subject=anna", "--set-name", "x")
    assert (code, out.split(";")[0]) == (4, "0 done, 0 skipped, 1 failed")  # the video's path is relative to the given folder
    videos = aqa_7 / "AQA-7/diving-out"
    code, out, err = aqa("extract-pose", videos, "--manifest", tmp_path / "m.csv", "--where", "subject=anna", "--set-name", "y")
    assert (code, out.split(";")[0]) == (0, "1 done, 0 skipped, 0 failed"), err
    assert [row[0] for row in table(workspace / "poses/y")] == ["clip", "a"]


def test_extract_pose__shards_equal_one_run(aqa, workspace, estimators, aqa_7, tmp_path) -> None:
    given = ("extract-pose", "--dataset", "aqa-7", "--data-root", aqa_7)
    aqa(*given)
    for shard in range(2):
        assert aqa(*given, "--workspace", tmp_path / "shards", "--shard", f"{shard}/2")[0] == 0
    assert contents(tmp_path / "shards/poses") == contents(workspace / "poses")
    assert (tmp_path / "shards/poses/aqa-7/manifest.csv").read_bytes() == (workspace / "poses/aqa-7/manifest.csv").read_bytes()


def test_extract_pose__dry_run_writes_nothing(aqa, workspace, estimators, aqa_7) -> None:
    code, _, err = aqa("extract-pose", "--dataset", "aqa-7", "--data-root", aqa_7, "--dry-run")
    assert (code, err.count("make ")) == (0, 3)
    assert not workspace.exists()


def test_extract_features__windows_of_one_long_folder(aqa, workspace, weights, mtl_aqa) -> None:
    given = ("extract-features", *FAST, "--dataset", "mtl-aqa", "--data-root", mtl_aqa)
    code, out, err = aqa(*given)
    folder = workspace / "features/mtl-aqa/tiny"
    assert (code, out) == (0, f"3 done, 0 skipped, 0 failed; in {folder}\n"), err
    artifact = store.read(folder / "01_02.h5", "features")
    facts = artifact.documents["clip"]
    assert (facts["file"], facts["frames"]) == ("new/new_total_frames_256s/01", 103)
    assert (facts["start"], facts["end"]) == pytest.approx((103 / 30, 206 / 30))
    assert artifact.documents["provenance"]["dataset"] == "mtl-aqa"
    assert [row.text("split") for row in manifests.read(folder / "manifest.csv").rows] == ["train", "train", "test"]
    image = mtl_aqa / "MTL-AQA/new/new_total_frames_256s/01/00000310.png"  # behind every window
    image.write_bytes(cv2.imencode(".png", picture(0))[1].tobytes())
    assert aqa(*given)[1].startswith("0 done, 3 skipped, 0 failed")
    (image.parent / "00000207.png").write_bytes(image.read_bytes())  # the first frame of the last window
    code, _, err = aqa(*given)
    assert (code, "1 output exists but was made differently" in err, "its inputs changed" in err) == (3, True, True), err
    assert aqa(*given, "--where", "split=train")[1].startswith("0 done, 2 skipped, 0 failed")


def test_extract_features__patches_and_heat_maps_take_the_data_sets_poses(aqa, workspace, estimators, weights, aqa_7) -> None:
    data = ("--dataset", "aqa-7", "--data-root", aqa_7)
    (aqa_7 / "AQA-7/Split_4").rename(aqa_7 / "AQA-7/info")
    assert aqa("extract-pose", *data)[0] == 0
    assert aqa("extract-pose", aqa_7 / "AQA-7/diving-out/001.mp4", "--set-name", "other")[0] == 0
    code, out, err = aqa("extract-features", *FAST, *data, "--patches")
    assert (code, out.split(";")[0]) == (0, "3 done, 0 skipped, 0 failed"), err
    features = workspace / "features/aqa-7"
    assert store.read(features / "tiny-patches/diving/003.h5").arrays["features"].shape == (1, 2, tiny.DIMENSIONS, 17)
    maps = ("extract-features", "--backbone", "heatmaps", "--set", "heatmaps.size=8")
    code, out, err = aqa(*maps, "--dataset", "aqa7", "--where", "split=test")  # of the poses alone: no data root
    assert (code, out) == (0, f"1 done, 0 skipped, 0 failed; in {features / 'heatmaps'}\n"), err
    assert table(features / "heatmaps") == [["clip", "score", "action", "split"], ["diving/003", "60.0", "diving", "test"]]
    assert aqa(*maps, "--dataset", "aqa7")[1].startswith("2 done, 1 skipped, 0 failed")
    code, out, _ = aqa("extract-features", *FAST, *data, "--patches", "--poses", "other", "--name", "o")
    assert (code, out.split(";")[0]) == (4, "0 done, 0 skipped, 3 failed")  # the other set's clips have other names
    assert aqa(*maps, "--dataset", "aqa7", "--poses", "other")[1].endswith(f"in {features / 'heatmaps'}\n")
    code, _, err = aqa(*maps)
    assert (code, "Several pose sets are possible: aqa-7, other." in err) == (2, True)


@pytest.mark.parametrize("command", ["extract-pose", "extract-features"])
@pytest.mark.parametrize(
    ("arguments", "code", "message", "hint"),
    [
        ((), 2, "No video was given.", "--dataset NAME --data-root DIR"),
        (("v.mp4", "--dataset", "aqa-7"), 2, "Paths or a data set are read, found both: v.mp4 and --dataset aqa-7.", "aqa COMMAND VIDEO"),
        (("--dataset", "aqa-8"), 2, "Unknown data set 'aqa-8'. Did you mean 'aqa-7'?", "known: "),
        (("--dataset", "aqa-7"), 2, "Where is aqa-7?", "give --data-root DIR or set AQA_DATA"),
        (("--dataset", "finediving", "--data-root", "DATA"), 3, "finediving was not found under", "expected FineDiving/Annotations"),
        (("--dataset", "ntu60", "--data-root", "DATA"), 2, "has no videos; it has skeletons.", "aqa import-poses --dataset ntu60"),
        (("--dataset", "fis-v", "--data-root", "DATA"), 2, "has no videos; it has features.", "aqa import-features --dataset fis-v"),
        (("--dataset", "generated"), 2, "generated is made on the spot, without videos.", "aqa import-poses --dataset generated"),
        (("--dataset", "aqa-7", "--data-root", "LABELS"), 3, "holds labels of aqa-7, but none of its videos.", "expected AQA-7/Split_4"),
        (("--dataset", "aqa-7", "--data-root", "DATA", "--where", "spilt=test"), 2, "has no column 'spilt'. Did you mean 'split'?", ""),
        (("--dataset", "aqa-7", "--data-root", "DATA", "--where", "split=val"), 2, "No clip of aqa-7 has split=val.", "test, train"),
        (("--dataset", "aqa-7", "--data-root", "DATA", "--where", "split"), 2, "--where takes COLUMN=VALUE, found 'split'.", ""),
        (("DATA", "--where", "split=test"), 2, "--where selects by the columns of a manifest, and none was given.", "--manifest FILE"),
        (("--dataset", "aqa-7", "--data-root", "DATA", "--set-name", "a/b"), 2, "--set-name takes a plain name, found 'a/b'.", ""),
        (("--dataset", "aqa-7", "--data-root", "DATA", "--manifest", "OTHERS"), 3, "No clip of", "'clip' must hold"),
    ],
)
def test_videos__errors(aqa, workspace, estimators, weights, aqa_7, tmp_path, command, arguments, code, message, hint) -> None:
    (aqa_7 / "NTU/nturgb+d_skeletons").mkdir(parents=True)
    (aqa_7 / "NTU/nturgb+d_skeletons/S001C001P001R001A001.skeleton").write_text(ntu_text([{"1": 1}]))
    (aqa_7 / "Fis-V").mkdir()
    (aqa_7 / "Fis-V/train.txt").write_text("1 30.5 25.25 0\n")
    features(aqa_7 / "Fis-V/swintx_avg_fps25_clip32/1.npy", np.ones((3, 4)))
    lists(tmp_path / "labels", [[1, 1, 84.15]], [[1, 2, 70.0]])
    (tmp_path / "others.csv").write_text("clip,score\nx,1\n")
    places = {"DATA": aqa_7, "LABELS": tmp_path / "labels", "OTHERS": tmp_path / "others.csv"}
    backbone = FAST if command == "extract-features" else ()
    found, _, err = aqa(command, *(places.get(argument, argument) for argument in arguments), *backbone)
    assert (found, message in err, hint.replace("COMMAND", command) in err) == (code, True, True), err
    assert not workspace.exists()


@pytest.fixture
def gymnastics(tmp_path: Path) -> Path:
    """Rhythmic Gymnastics with two sets of features: a file per routine, and one for an apparatus."""
    folder = tmp_path / "data/RG"
    folder.mkdir(parents=True)
    (folder / "train.txt").write_text("Ball_001 6.5 7.75 14.25 0.0 88\nBall_002 6.0 7.0 13.0 0.0 88\n")
    (folder / "test.txt").write_text("Ball_005 5.0 6.0 10.9 0.1 88\n")
    for number in (1, 2, 5):
        features(folder / f"swintx_avg_fps25_clip32/Ball_00{number}.npy", np.full((number, 4), number, np.float64))
    features(folder / "RG-feature/Ball_rgb_VST.npy", {"Ball_001": np.ones((2, 6)), "Ball_005": np.ones((3, 6))})
    return tmp_path / "data"


def test_import_features__one_of_the_published_sets(aqa, workspace, gymnastics) -> None:
    given = ("import-features", "--dataset", "RhythmicGymnastics", "--data-root", gymnastics)
    code, _, err = aqa(*given)
    assert code == 2
    assert "Several features of rhythmic-gymnastics are there: rgb_VST, swintx_avg_fps25_clip32." in err
    assert "choose one with --name" in err
    code, out, err = aqa(*given, "--name", "swintx_avg_fps25_clip32")
    folder = workspace / "features/rhythmic-gymnastics/swintx_avg_fps25_clip32"
    assert (code, out) == (0, f"3 done, 0 skipped, 0 failed; in {folder}\n"), err
    artifact = store.read(folder / "Ball_005.h5", "features")
    assert (artifact.arrays["features"].shape, artifact.arrays["features"].dtype) == ((1, 5, 4), np.float32)
    assert artifact.documents["clip"] == {"file": "Ball_005.npy"}
    assert artifact.documents["config"] == {
        "dataset": "rhythmic-gymnastics",
        "adapter_version": 1,
        "features": "swintx_avg_fps25_clip32",
        "store": "float32",
    }
    rows = manifests.read(folder / "manifest.csv").by_clip()
    assert (rows["Ball_005"].number("score"), rows["Ball_005"].text("split")) == (10.9, "test")
    assert aqa(*given, "--name", "swintx_avg_fps25_clip32")[1].startswith("0 done, 3 skipped")
    assert aqa("validate", folder)[0] == 0
    code, _, err = aqa(*given, "--name", "swintx_avg_fps25_clip32", "--store", "float16")
    assert (code, '- store: was "float32", now "float16"' in err) == (3, True)


def test_import_features__clips_that_a_file_lacks_are_named_and_exit_4(aqa, workspace, gymnastics, tmp_path) -> None:
    (tmp_path / "m.csv").write_text("clip,subject\nBall_001,anna\nBall_777,eve\n")
    given = ("import-features", "--dataset", "rhythmic-gymnastics", "--data-root", gymnastics, "--name", "rgb_VST")
    code, out, err = aqa(*given, "--manifest", tmp_path / "m.csv", "--set-name", "rg")
    assert (code, out.split(";")[0]) == (4, "2 done, 0 skipped, 1 failed")
    assert "Ball_002: Ball_rgb_VST.npy has no clip 'Ball_002'; it holds 2" in err
    assert "1 clip(s) of the given manifest are not there and are left out: Ball_777" in err
    artifact = store.read(workspace / "features/rg/rgb_VST/Ball_001.h5")
    assert artifact.documents["clip"] == {"file": "Ball_rgb_VST.npy", "member": "Ball_001"}
    assert manifests.read(workspace / "features/rg/rgb_VST/manifest.csv").by_clip()["Ball_001"].text("subject") == "anna"


def test_import_features__shards_equal_one_run(aqa, workspace, gymnastics, tmp_path) -> None:
    given = ("import-features", "--dataset", "rhythmic-gymnastics", "--data-root", gymnastics, "--name", "swintx_avg_fps25_clip32")
    aqa(*given)
    for shard in range(2):
        assert aqa(*given, "--workspace", tmp_path / "shards", "--shard", f"{shard}/2")[0] == 0
    assert contents(tmp_path / "shards/features") == contents(workspace / "features")


def test_import_features__the_real_dives(aqa, workspace, shared) -> None:
    code, out, err = aqa("import-features", "--dataset", "unlv-dive", "--data-root", shared / "data")
    folder = workspace / "features/unlv-dive/p3d"
    assert (code, out) == (0, f"300 done, 0 skipped, 0 failed; in {folder}\n"), err
    published = np.load(shared / "data/unlv-dive/p3d_train.npz")
    rows = manifests.read(folder / "manifest.csv").by_clip()
    for place in (0, 150, 299):
        number, score = int(published["video_id"][place]), float(published["score"][place])
        assert np.array_equal(store.read(folder / f"{number:03d}.h5").arrays["features"], published["features"][None, None, place])
        assert (rows[f"{number:03d}"].number("score"), rows[f"{number:03d}"].text("split")) == (score, "train")


@pytest.mark.parametrize(
    ("arguments", "code", "message", "hint"),
    [
        ((), 2, "No file of features was given.", "aqa import-features --dataset NAME --data-root DIR"),
        (("x.npy", "--dataset", "fis-v"), 2, "Paths or a data set are read, found both: x.npy and --dataset fis-v.", ""),
        (("--dataset", "kimore"), 2, "kimore is published without features.", "aqa extract-features makes some of videos"),
        (("--dataset", "fis-v"), 2, "Where is fis-v?", "give --data-root DIR or set AQA_DATA"),
        (
            ("--dataset", "unlv-dive", "--data-root", "DATA"),
            3,
            "holds none of the features that are published of unlv-dive.",
            "p3d_train.npz",
        ),
        (("--dataset", "rg", "--data-root", "DATA"), 2, "Unknown data set 'rg'.", "rhythmic-gymnastics"),
        (
            ("--dataset", "rhythmic-gymnastics", "--data-root", "DATA", "--name", "rgb_VTS"),
            *(2, "Unknown features 'rgb_VTS'. Did you mean 'rgb_VST'?", "known: rgb_VST, swintx"),
        ),
        (("--dataset", "fis-v", "--key", "x", "--format", "npy"), 2, "format, key: only for files", "leave them out with --dataset"),
        (("--dataset", "rhythmic-gymnastics", "--data-root", "DATA", "--set-name", ".x"), 2, "--set-name takes a plain name", ""),
    ],
)
def test_import_features__errors(aqa, workspace, gymnastics, arguments, code, message, hint) -> None:
    lists(gymnastics / "AQA-7", [[1, 1, 84.15]], [[1, 2, 70.0]])
    found, _, err = aqa("import-features", *(gymnastics if argument == "DATA" else argument for argument in arguments))
    assert (found, message in err, hint in err) == (code, True, True), err
    assert not workspace.exists()


def test_whole_way__from_a_data_sets_videos_to_a_report(aqa, workspace, tmp_path) -> None:
    data = tmp_path / "AQA-7"
    rows = []
    for number in range(1, 13):  # filmed people in AQA-7's layout, every sixth frame
        whole = film.film_of(GeneratedClip(f"s{number:02d}/c1", 0))
        shot = film.Film(whole.clip, whole.body[::6], whole.lens)
        with writing(data / f"diving-out/{number:03d}.mp4", 10, film.SIZE) as append:
            for image in film.frames(shot):
                append(image)
        rows.append([1, number, 50 + 3 * number])
    lists(data, rows[:8], rows[8:])
    code, out, err = aqa("extract-pose", "--dataset", "aqa7", "--data-root", tmp_path, "--estimator", "tiny")
    assert (code, out) == (0, f"12 done, 0 skipped, 0 failed; in {workspace / 'poses/aqa-7'}\n"), err
    code, _, err = aqa("finetune", "--dataset", "aqa-7", "--method", "kinematics-ridge", "--select", "last")
    assert code == 0, err
    code, _, err = aqa("evaluate", "--dataset", "aqa-7")
    assert code == 0, err
    metrics = json.loads((workspace / "evaluations/aqa-7-kinematics-ridge/metrics.json").read_text())
    assert np.isfinite(metrics["overall"]["spearman"]["value"])
    assert (workspace / "evaluations/aqa-7-kinematics-ridge/report.html").is_file()
