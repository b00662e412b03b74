"""``aqa render``: what is drawn over what, what is skipped, and what fails."""

from __future__ import annotations

import json

import numpy as np
import pytest

from stages.render.draw import PALETTES
from stages.video.frame import Source
from stages.video.opencv import cv2
from stages.video.reader import probe, read
from tests.render.poses import PLACES, poses, write
from tests.skeletons.importers.files import ntu_text
from tests.video.make import broken_video, make_frames, make_video

SIZE = (120, 120)


@pytest.fixture
def videos(tmp_path, workspace):
    """Two videos with poses, one in a folder of its own."""
    for name in ("a", "more/b"):
        make_video(tmp_path / f"videos/{name}.mp4", 20, size=SIZE)
        write(workspace / f"poses/videos/{name}.h5", poses())
    return tmp_path / "videos"


def near(image: np.ndarray, joint: str, colour, centre=(40, 60), scale: float = 1) -> bool:
    """Whether the colour is seen where the joint of the tests' person is."""
    x, y = (round(scale * (centre[axis] + PLACES[joint][axis])) for axis in (0, 1))
    return bool(np.abs(image[y - 1 : y + 2, x - 1 : x + 2].astype(int) - colour).sum(axis=2).min() < 90)


def frames_of(path):
    return list(read(Source(path)))


def test_videos__drawn_over_with_nothing_else_said(aqa, workspace, videos) -> None:
    code, out, _ = aqa("render", videos)
    folder = workspace / "renders/videos"
    assert (code, out) == (0, f"2 done, 0 skipped, 0 failed; in {folder}\n")
    frames = frames_of(folder / "more/b.mp4")
    assert len(frames) == 20
    assert probe(Source(folder / "a.mp4")).fps == 30
    for frame in (frames[0], frames[19]):
        assert near(frame.image, "left_knee", PALETTES[0].left)
        assert near(frame.image, "right_knee", PALETTES[0].right)
    code, out, err = aqa("render", videos)
    assert (code, out.split(";")[0]) == (0, "0 done, 2 skipped, 0 failed")
    assert "2 are there already, and are not drawn again, even from new poses; --overwrite does." in err
    assert aqa("render", videos, "--overwrite")[1].startswith("2 done")


def test_sheet__frames_side_by_side(aqa, workspace, videos) -> None:
    code, _, _ = aqa("render", videos / "a.mp4", "--sheet", 4)
    image = cv2().imread(str(workspace / "renders/videos/a.png"))
    assert code == 0
    assert image.shape == (640, 640, 3)
    scale = 320 / 120
    assert near(image, "left_knee", PALETTES[0].left, scale=scale)
    assert near(image[320:, 320:], "left_knee", PALETTES[0].left, scale=scale)


def test_frames__every_so_many(aqa, tmp_path, videos) -> None:
    code, _, _ = aqa("render", videos, "--frames", "--every", 8, "-o", tmp_path / "out")
    assert code == 0
    assert sorted(entry.name for entry in (tmp_path / "out/a").iterdir()) == ["img_00001.png", "img_00002.png", "img_00003.png"]
    aqa("render", videos, "--every", 4, "-o", tmp_path / "out")
    info = probe(Source(tmp_path / "out/a.mp4"))
    assert (info.frames, info.fps) == (5, 7.5)


def test_no_video__poses_on_an_empty_canvas(aqa, workspace, tmp_path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips/S001C001P001R001A001.skeleton").write_text(ntu_text([{"1": 0.1 * frame} for frame in range(4)]))
    assert aqa("import-poses", tmp_path / "clips")[0] == 0
    code, out, _ = aqa("render")
    assert (code, out) == (0, f"1 done, 0 skipped, 0 failed; in {workspace / 'renders/clips'}\n")
    (path,) = (workspace / "renders/clips").glob("*.mp4")
    assert [frame.image.shape for frame in frames_of(path)] == [(720, 720, 3)] * 4


def test_skeletons_in_3d__are_not_drawn_over_a_video(aqa, workspace, tmp_path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips/x.skeleton").write_text(ntu_text([{"1": 0.1 * frame} for frame in range(4)]))
    make_video(tmp_path / "clips/x.mp4", 4)
    aqa("import-poses", tmp_path / "clips/x.skeleton", "--set-name", "clips")
    code, _, err = aqa("render", tmp_path / "clips", "--sheet", 2)
    assert code == 0
    assert "x: 3-D skeletons are drawn on an empty canvas, without the video." in err


def test_one_file_of_poses(aqa, workspace, tmp_path) -> None:
    video = make_video(tmp_path / "dive.mp4", 20, size=SIZE)
    file = write(tmp_path / "other-name.h5", poses())
    code, out, _ = aqa("render", video, "--poses", file, "--frames")
    assert (code, out) == (0, f"1 done, 0 skipped, 0 failed; in {workspace / 'renders/other-name'}\n")
    image = cv2().imread(str(workspace / "renders/other-name/dive/img_00020.png"))
    assert near(image, "left_knee", PALETTES[0].left)
    assert aqa("render", "--poses", file, "--sheet", 3)[0] == 0
    assert cv2().imread(str(workspace / "renders/other-name/other-name.png")).shape == (640, 640, 3)


def test_merged_poses_and_a_frame_folder(aqa, workspace, tmp_path) -> None:
    make_frames(tmp_path / "set/x", 20, size=SIZE)
    write(tmp_path / "poses/x.h5", poses())
    assert aqa("merge", tmp_path / "poses", "-o", tmp_path / "all.h5")[0] == 0
    assert aqa("render", tmp_path / "set", "--poses", tmp_path / "all.h5", "--sheet", 1)[0] == 0
    assert near(cv2().imread(str(workspace / "renders/all/x.png")), "left_knee", PALETTES[0].left, scale=320 / 120)


def test_people__ids_colours_boxes(aqa, workspace, tmp_path) -> None:
    make_video(tmp_path / "v/x.mp4", 20, size=SIZE)
    boxes = np.tile(np.array([[[20, 10, 60, 110]], [[60, 10, 100, 110]]], np.float32), (1, 20, 1))
    write(workspace / "poses/v/x.h5", poses(people=2, boxes=boxes, clip={"width": 120, "height": 120, "people": ["1", "7"]}))
    aqa("render", tmp_path / "v", "--frames", "-o", tmp_path / "plain")
    aqa("render", tmp_path / "v", "--frames", "--boxes", "-o", tmp_path / "boxes")
    plain, boxed = (cv2().imread(str(tmp_path / f"{name}/x/img_00001.png")) for name in ("plain", "boxes"))
    assert near(plain, "left_ankle", PALETTES[0].left)
    assert near(plain, "left_ankle", PALETTES[1].left, centre=(80, 60))
    np.testing.assert_allclose(boxed[80, 100], PALETTES[1].left, atol=40)
    assert np.ptp(plain[80, 100]) < 10  # the grey of the video


def test_windows__of_the_manifest_beside_the_poses(aqa, workspace, tmp_path) -> None:
    make_video(tmp_path / "v/long.mp4", 60, size=SIZE)
    for name in ("first", "second"):
        write(workspace / f"poses/v/{name}.h5", poses(15))
    table = "clip,video,start,end\nfirst,long,0,0.5\nsecond,long,1.0,1.5\n"
    (workspace / "poses/v/manifest.csv").write_text(table)
    assert aqa("render", tmp_path / "v")[:2] == (0, f"2 done, 0 skipped, 0 failed; in {workspace / 'renders/v'}\n")
    assert len(frames_of(workspace / "renders/v/second.mp4")) == 15
    (tmp_path / "mine.csv").write_text(f"{table}third,gone,,\n")
    code, _, err = aqa("render", tmp_path / "v", "--manifest", tmp_path / "mine.csv", "--overwrite")
    assert code == 4
    assert "third: there is no video 'gone' in" in err


def test_other_rates__each_frame_shows_the_pose_nearest_in_time(aqa, workspace, tmp_path) -> None:
    make_video(tmp_path / "v/x.mp4", 40, size=SIZE)
    write(workspace / "poses/v/x.h5", poses(8, fps=15))
    code, _, err = aqa("render", tmp_path / "v", "--frames")
    assert code == 0
    assert "x: 8 poses for about 40 frames; each frame shows the pose that is nearest in time." in err
    shown = [near(cv2().imread(str(path)), "left_knee", PALETTES[0].left) for path in sorted((workspace / "renders/v/x").iterdir())]
    assert shown == [number <= 15 for number in range(40)]


def test_failures__are_collected_and_retried(aqa, workspace, videos) -> None:
    broken_video(videos / "cut.mp4", "truncated")
    write(workspace / "poses/videos/cut.h5", poses(40, size=None))
    make_video(videos / "none.mp4", 3)
    make_video(videos / "wide.mp4", 20, size=(160, 120))
    write(workspace / "poses/videos/wide.h5", poses())
    code, out, err = aqa("render", videos)
    folder = workspace / "renders/videos"
    assert (code, out) == (4, f"2 done, 0 skipped, 3 failed; in {folder}\n")
    assert "none: the pose set videos has no clip 'none'" in err
    assert "cut off or damaged at" in err
    assert "wide: the poses were found in a picture of 120 × 120 pixels, the video has 160 × 120" in err
    assert sorted(json.loads(line)["id"] for line in (folder / "failures.jsonl").read_text().splitlines()) == ["cut", "none", "wide"]
    assert sorted(path.name for path in folder.rglob("*.mp4")) == ["a.mp4", "b.mp4"]
    for name in ("cut", "none", "wide"):
        (videos / f"{name}.mp4").unlink()
    assert aqa("render", videos)[:2] == (0, f"0 done, 2 skipped, 0 failed; in {folder}\n")
    assert not (folder / "failures.jsonl").exists()


def test_dry_run_and_shards(aqa, workspace, videos) -> None:
    code, _, err = aqa("render", videos, "--dry-run")
    assert code == 0
    assert [line.split()[0] for line in err.splitlines()] == ["make", "make"]
    assert not (workspace / "renders").exists()
    assert aqa("render", videos, "--shard", "1/2")[1].startswith("1 done")
    assert [path.name for path in (workspace / "renders").rglob("*.mp4")] == ["b.mp4"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["absent"], 2, "absent does not exist"),
        (["VIDEOS", "--poses", "vidoes"], 2, "Unknown pose set 'vidoes'. Did you mean 'videos'?"),
        (["VIDEOS", "--sheet", "2", "--frames"], 2, "--frames and --sheet exclude each other"),
        (["VIDEOS", "--sheet", "0"], 2, "'tiles' (flag): Input should be greater than or equal to 1, found 0"),
        (["VIDEOS", "--set", "tile=3"], 2, "Unknown key 'tile' (--set). Did you mean 'tiles'?"),
        (["VIDEOS", "-o", "VIDEOS"], 2, "would take the place of its video"),
        (["POSES"], 2, "is no video"),
        (["EMPTY", "--poses", "videos"], 3, "There are no videos in"),
        (["OTHER", "--poses", "videos"], 3, "Nothing can be drawn: the pose set videos has no clip 'strange'"),
        (["VIDEOS", "--poses", "EMPTY"], 3, "holds no poses"),
    ],
    ids=["no path", "no set", "two kinds", "tiles", "key", "in place", "poses as video", "no videos", "other clips", "no poses"],
)
def test_errors(aqa, workspace, videos, tmp_path, arguments: list[str], code: int, words: str) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("strange", "stranger"):
        make_video(tmp_path / f"other/{name}.mp4", 2)
    places = {"VIDEOS": videos, "EMPTY": tmp_path / "empty", "OTHER": tmp_path / "other", "POSES": workspace / "poses/videos/a.h5"}
    found, _, err = aqa("render", *(places.get(argument, argument) for argument in arguments))
    assert (found, words in err) == (code, True), err
    assert (videos / "a.mp4").stat().st_size > 1000


def test_nothing__neither_videos_nor_poses(aqa, workspace) -> None:
    code, _, err = aqa("render")
    assert code == 2
    assert "There is nothing to draw: neither videos nor poses are given." in err
