"""``aqa extract-maps``: poses, videos and published maps to pictures, skipping, refusing, shards, bad clips, every error's exit code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stages.artifacts import store
from stages.artifacts.collection import Collection
from stages.artifacts.store import Header
from stages.datasets import manifest as manifests
from stages.skeletons.body_maps import Camera, draw
from stages.skeletons.layouts import COCO_17, KINECT_20
from stages.skeletons.poses import from_artifact, sequence, to_artifact
from stages.video.opencv import cv2
from tests.extract_maps.made import depth, iuv, walk, write
from tests.small import clip, write_pose_set
from tests.video.make import make_frames, make_video

SMALL = ("--size", 32)


@pytest.fixture
def poses(workspace: Path) -> Path:
    """A pose set of 6 clips in the workspace."""
    folder = workspace / "poses/arms"
    write_pose_set(folder, subjects=2)
    return folder


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """A folder with two films of somebody who walks."""
    for name in ("one", "deep/two"):
        make_video(tmp_path / f"films/{name}.avi", walk(), size=(160, 120), codec="MJPG")
    return tmp_path / "films"


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.h5"))}


def _failures(folder: Path) -> dict[str, str]:
    return {(row := json.loads(line))["id"]: row["message"] for line in (folder / "failures.jsonl").read_text().splitlines()}


def _write_2d(folder: Path) -> None:
    flat = sequence(100 * np.random.default_rng(0).random((1, 6, 17, 2)), COCO_17, units="px", origin="image top left")
    store.write(folder / "clip.h5", to_artifact(flat, Header("poses", "extract-pose", 1, "flat"), {}, {}))


def test_poses__one_artifact_per_clip_and_a_second_run_skips(aqa, workspace, poses) -> None:
    given = ("extract-maps", *SMALL, "--cameras", "0,45,[90,20]")
    code, out, err = aqa(*given)
    folder = workspace / "images/arms"
    assert (code, out) == (0, f"6 done, 0 skipped, 0 failed; in {folder}\n"), err
    artifact = store.read(folder / "s1/clip-2.h5", "images")
    images = artifact.arrays["images"]
    assert (images.shape, images.dtype) == ((3, 32, 3, 32, 32), np.uint8)
    original = from_artifact(store.read(poses / "s1/clip-2.h5"), "s1/clip-2")
    for number, camera in enumerate((Camera(), Camera(45), Camera(90, 20))):
        drawn, box = draw(original, camera, "parts", 32)
        np.testing.assert_array_equal(images[number], drawn)
        said = artifact.documents["clip"]["views"][number]
        assert (said["name"], said["yaw"], said["pitch"]) == (camera.name, camera.yaw, camera.pitch)
        np.testing.assert_allclose(said["box"], box, atol=1e-5)
    facts = {key: artifact.documents["clip"][key] for key in ("kind", "size", "units", "people")}
    assert facts == {"kind": "parts", "size": 32, "units": "tangent", "people": 1}
    np.testing.assert_array_equal(artifact.arrays["timestamps"], original.timestamps)
    assert artifact.documents["provenance"]["inputs"][0]["role"] == "poses"
    assert (folder / "manifest.csv").read_text() == (poses / "manifest.csv").read_text()
    before = _contents(folder)
    assert aqa(*given)[1].startswith("0 done, 6 skipped, 0 failed")
    assert _contents(folder) == before
    code, _, err = aqa("extract-maps", *SMALL, "--style", "depth")
    assert (code, 'style: was "parts", now "depth"' in err, "cameras: was [0.0, 45.0, [90.0, 20.0]], now [0.0]" in err) == (3, True, True)
    assert aqa("extract-maps", *SMALL, "--style", "depth", "--overwrite")[1].startswith("6 done")
    assert store.read_document(folder / "s0/clip-0.h5", "clip")["kind"] == "depth"


def test_images__are_understood_by_the_other_commands(aqa, workspace, poses) -> None:
    assert aqa("extract-maps", *SMALL, "--cameras", "0,45")[0] == 0
    folder = workspace / "images/arms"
    assert aqa("validate", folder)[0] == 0
    out = " ".join(aqa("inspect", folder)[1].split())
    for said in ("6 × 'images'", "kind parts", "views original, yaw+45", "rows 32", "extract-maps 1", "from poses:"):
        assert said in out
    assert "images/arms 6 6 0 0" in " ".join(aqa("status")[1].split())
    assert aqa("merge", folder)[0] == 0
    merged = Collection(workspace / "images/arms.h5", "images")
    np.testing.assert_array_equal(merged.read("s0/clip-1").arrays["images"], store.read(folder / "s0/clip-1.h5").arrays["images"])
    with store.opening(folder / "s0/clip-1.h5") as file:
        assert file["images"].chunks == (1, 1, 3, 32, 32)
        assert file["images"].attrs["dimensions"] == b"view,frame,channel,row,column"


def test_poses__flags_set_and_file_say_the_same(aqa, workspace, poses, tmp_path) -> None:
    flags = (*SMALL, "--style", "depth", "--cameras", "0,90", "--people", 1, "--fps", 10, "--frames", 4)
    assert aqa("extract-maps", *flags, "--set-name", "flags")[0] == 0
    (tmp_path / "c.yaml").write_text("size: 32\nstyle: depth\ncameras: [0, 90]\npeople: 1\nfps: 10\nframes: 4\n")
    assert aqa("extract-maps", "--config", tmp_path / "c.yaml", "--set-name", "file")[0] == 0
    found = _contents(workspace / "images/flags")
    assert found == _contents(workspace / "images/file")
    artifact = store.read(workspace / "images/flags/s0/clip-0.h5")
    assert artifact.arrays["images"].shape == (2, 4, 3, 32, 32)
    np.testing.assert_allclose(artifact.arrays["timestamps"] * 30, [0, 6, 15, 21], atol=1e-6)


def test_poses__labels_selection_and_places(aqa, workspace, poses, tmp_path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("clip,grade\ns0/clip-0,3\nnobody,5\n")
    given = ("extract-maps", *SMALL, "--poses", poses, "--manifest", labels, "--where", "subject=s0", "--set-name", "mine", "--preview")
    code, out, err = aqa(*given)
    folder = workspace / "images/mine"
    assert (code, out.split(";")[0]) == (0, "3 done, 0 skipped, 0 failed"), err
    assert "1 clip(s) of the given manifest are not there and are left out: nobody" in err
    rows = manifests.read(folder / "manifest.csv").by_clip()
    assert (list(rows), rows["s0/clip-0"].text("grade"), rows["s0/clip-0"].text("subject")) == (
        ["s0/clip-0", "s0/clip-1", "s0/clip-2"],
        "3",
        "s0",
    )
    sheet = cv2().imread(str(folder / "preview.png"))
    assert (f"A contact sheet lies in {folder / 'preview.png'}." in err, sheet.shape) == (True, (3 * 128, 2 * 128, 3))
    first = store.read(folder / "s0/clip-0.h5").arrays["images"][0, 6]  # 24 frames: one from the middle of either half
    np.testing.assert_array_equal(sheet[:64:4, :128:4], first[:, :16].transpose(1, 2, 0))  # the caption lies below
    assert aqa("merge", poses)[0] == 0
    assert aqa("extract-maps", *SMALL, "--dataset", "Arms", "--where", "subject=s0", "-o", tmp_path / "out")[0] == 0
    assert aqa("extract-maps", *SMALL, "--poses", workspace / "poses/arms.h5", "-o", tmp_path / "packed")[0] == 0
    for other in ("out", "packed"):
        assert _contents(tmp_path / other)["s0/clip-0.h5"] == (folder / "s0/clip-0.h5").read_bytes()


def test_shards_and_dry_run__equal_one_run(aqa, workspace, poses) -> None:
    code, _, err = aqa("extract-maps", *SMALL, "--dry-run", "--preview")
    assert (code, err.count("make "), (workspace / "images").exists()) == (0, 6, False)
    assert aqa("extract-maps", *SMALL, "--set-name", "whole")[0] == 0
    for shard in range(2):
        assert aqa("extract-maps", *SMALL, "--set-name", "parts", "--shard", f"{shard}/2")[1].startswith("3 done")
    assert _contents(workspace / "images/parts") == _contents(workspace / "images/whole")


def test_bad_poses__the_others_are_done_exit_4_and_a_later_run_mends_them(aqa, workspace, poses) -> None:
    seen = sequence(clip(0.5, 5, 0), KINECT_20, units="m")
    empty = replace(seen, positions=np.full_like(seen.positions, np.nan))  # sequence() itself refuses poses without any joint
    store.write(poses / "empty.h5", to_artifact(empty, Header("poses", "import-poses", 1, "empty"), {}, {}))
    damaged = (poses / "s0/clip-0.h5").read_bytes()
    (poses / "s0/clip-0.h5").write_bytes(damaged[: len(damaged) // 2])
    code, out, err = aqa("extract-maps", *SMALL)
    folder = workspace / "images/arms"
    assert (code, out.split(";")[0], "the same command retries just these" in err) == (4, "5 done, 0 skipped, 2 failed", True)
    assert _failures(folder)["empty"] == "No joint was seen in any frame: there is nothing to draw."
    assert "s0/clip-0" in _failures(folder)["s0/clip-0"]
    assert aqa("extract-maps", *SMALL, "--fail-fast")[0] == 3
    (poses / "s0/clip-0.h5").write_bytes(damaged)
    (poses / "empty.h5").unlink()
    assert aqa("extract-maps", *SMALL)[1].startswith("1 done, 5 skipped, 0 failed")
    assert not (folder / "failures.jsonl").exists()


def test_silhouettes__of_videos_a_broken_one_is_named_exit_4(aqa, workspace, videos) -> None:
    (videos / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(500))
    given = ("extract-maps", videos, "--source", "silhouettes", *SMALL)
    code, out, err = aqa(*given)
    folder = workspace / "images/films"
    assert (code, out.split(";")[0], "broken" in err) == (4, "2 done, 0 skipped, 1 failed", True)
    assert "broken.mp4" in _failures(folder)["broken"]
    artifact = store.read(folder / "deep/two.h5", "images")
    assert artifact.arrays["images"].shape == (1, 30, 3, 32, 32)
    assert {"file": "deep/two.avi", "kind": "silhouettes", "size": 32}.items() <= artifact.documents["clip"].items()
    (videos / "broken.mp4").unlink()
    assert aqa(*given)[1].startswith("0 done, 2 skipped, 0 failed")
    code, _, err = aqa(*given, "--set", "threshold=40")
    assert (code, "threshold: was 20, now 40" in err) == (3, True)
    for shard in range(2):
        assert aqa(*given, "-o", workspace / "shards", "--shard", f"{shard}/2")[1].startswith("1 done")
    assert _contents(workspace / "shards") == _contents(folder)


def test_frames__windows_of_a_manifest(aqa, workspace, videos, tmp_path) -> None:
    (tmp_path / "cuts.csv").write_text("clip,video,start,end,score\na,one,0,0.3,1\nb,one,0.5,0.9,2\nc,absent,0,1,3\n")
    code, out, _ = aqa("extract-maps", videos, "--source", "frames", "--manifest", tmp_path / "cuts.csv", *SMALL, "--preview")
    folder = workspace / "images/films"
    assert (code, out.split(";")[0]) == (4, "2 done, 0 skipped, 1 failed")
    assert "there is no video 'absent'" in _failures(folder)["c"]
    assert [store.read(folder / f"{name}.h5").arrays["images"].shape[1] for name in "ab"] == [9, 12]
    assert (folder / "preview.png").is_file()


def test_pictures__published_layouts(aqa, workspace, tmp_path) -> None:
    root = tmp_path / "nturgb+d_depth_masked"
    for name in ("S001C001P001R001A001", "S001C002P001R001A001"):
        write(root / name, [depth(), depth(32)])
    code, out, err = aqa("extract-maps", root, "--source", "pictures", "--set-name", "ntu", *SMALL)
    assert (code, out.split(";")[0]) == (0, "2 done, 0 skipped, 0 failed"), err
    assert Collection(workspace / "images/ntu", "images").ids == ["S001C001P001R001A001", "S001C002P001R001A001"]
    assert store.read_document(workspace / "images/ntu/S001C001P001R001A001.h5", "clip")["kind"] == "depth"
    write(tmp_path / "dense/1/2/device_0/COLOR", [iuv()], "{:05d}_IUV.png")
    write(tmp_path / "dense/1/2/device_1/COLOR", [iuv(), iuv(30)], "{:05d}_IUV.png")
    make_frames(tmp_path / "dense/rgb", 2)
    code, out, _ = aqa("extract-maps", tmp_path / "dense", "--source", "pictures", *SMALL)
    folder = workspace / "images/dense"
    assert (code, out.split(";")[0]) == (4, "1 done, 0 skipped, 2 failed")
    assert store.read_document(folder / "1/2/device_0/COLOR.h5", "clip")["kind"] == "iuv"
    assert "00002_IUV.png is no IUV map: its first channel goes up to 30" in _failures(folder)["1/2/device_1/COLOR"]
    assert "img_00002.png is no IUV map" in _failures(folder)["rgb"]


@pytest.mark.parametrize(
    ("arguments", "expected", "hint"),
    [
        (
            ("--source", "posse"),
            "'source' (flag): Input should be 'poses', 'silhouettes', 'pictures' or 'frames', found 'posse'",
            "config show",
        ),
        (("--style", "depht"), "'style' (flag): Input should be 'parts' or 'depth', found 'depht'", "config show"),
        (("--size", 4), "'size' (flag): Input should be greater than or equal to 8, found 4", "config show"),
        (("--cameras", "45,0"), "'cameras' (flag): the first camera is the clip's own, 0, found", "config show"),
        (("--cameras", "0,45,405"), "'cameras' (flag): a camera occurs twice, found", "config show"),
        (("--cameras", "0,[0,95]"), "'cameras' (flag): a pitch lies between -90 and 90 degrees, found", "config show"),
        (("--cameras", "0,left"), "Input should be a valid number", "config show"),
        (("--set", "camera=[0]"), "Unknown key 'camera' (--set). Did you mean 'cameras'?", "config show"),
        (("FILM",), "Body maps are drawn of poses, not of videos.", "--source silhouettes or frames"),
        (
            ("FILM", "--source", "frames", "--style", "depth"),
            "'style' is a setting of the source poses; the source is 'frames'.",
            "leave out style",
        ),
        (("FILM", "--source", "frames", "--poses", "arms"), "--poses is for body maps; the source is 'frames'.", "leave out --poses"),
        (("--source", "frames"), "No video was given.", "aqa extract-maps VIDEO|FOLDER"),
        (
            ("--poses", "arms", "--dataset", "kimore"),
            "One set of poses is drawn, found two: --poses arms and --dataset kimore.",
            "give one",
        ),
        (("--poses", "legs"), "There are no poses 'legs' (sets in", "--poses SET, or the folder of the poses"),
        (("--dataset", "kimore"), "There are no poses of 'kimore' in", "aqa import-poses --dataset kimore --data-root DIR"),
        (("--dataset", "arm"), "Unknown data set or pose set 'arm'. Did you mean 'arms'?", "known:"),
        (("--where", "subjekt=s0"), "arms has no column 'subjekt'. Did you mean 'subject'?", "columns:"),
        (("--set-name", "a/b"), "--set-name takes a plain name, found 'a/b'.", ""),
    ],
)
def test_usage__exit_2(aqa, workspace, poses, videos, arguments: tuple[object, ...], expected: str, hint: str) -> None:
    code, _, err = aqa("extract-maps", *(videos if argument == "FILM" else argument for argument in arguments))
    assert (code, expected in err, hint in err) == (2, True, True), err
    assert not (workspace / "images").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--style", "depth"), "The poses are 2-D, and depth needs 3-D ones."),
        (("--cameras", "0,45"), "The poses are 2-D, and the virtual camera 'yaw+45' needs 3-D ones."),
    ],
)
def test_two_dimensional_poses__exit_2(aqa, workspace, arguments: tuple[object, ...], expected: str) -> None:
    _write_2d(workspace / "poses/flat")
    code, _, err = aqa("extract-maps", *SMALL, *arguments)
    assert (code, expected in err, "--style parts --cameras 0" in err) == (2, True, True), err
    assert aqa("extract-maps", *SMALL)[0] == 0
    assert store.read_document(workspace / "images/flat/clip.h5", "clip")["units"] == "px"


def test_nothing_and_several_sets(aqa, workspace, tmp_path) -> None:
    code, _, err = aqa("extract-maps")
    assert (code, "There is no pose set in the workspace." in err, "aqa import-poses" in err) == (2, True, True)
    for name in ("a", "b"):
        write_pose_set(workspace / "poses" / name, subjects=1)
    code, _, err = aqa("extract-maps")
    assert (code, "Several pose sets are possible: a, b." in err, "--poses SET" in err) == (2, True, True)
    (tmp_path / "nothing").mkdir()
    code, _, err = aqa("extract-maps", "--poses", tmp_path / "nothing")
    assert (code, "holds no pose artifacts." in err, "aqa extract-pose" in err) == (3, True, True)
    code, _, err = aqa("extract-maps", tmp_path / "nothing", "--source", "pictures")
    assert (code, "There are no videos in" in err, "folders of numbered images" in err) == (3, True, True)
