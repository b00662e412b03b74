"""Clips below the paths that a user gave: ids, frame folders, windows, and what is missing."""

from __future__ import annotations

import hashlib
import os
import time

import pytest

from stages.artifacts import fingerprint
from stages.datasets import manifest as manifests
from stages.errors import ArtifactError, UsageError
from stages.video.frame import Source
from stages.video.source import clips, digest, find, images


def touch(root, *names: str):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


def ids(found):
    return {clip: source.path.name for clip, source in found.sources.items()}


def test_find__ids_are_relative_paths(tmp_path) -> None:
    touch(tmp_path, "b/two.MP4", "a/one.mp4", "a/deep/er/one.avi", "notes.txt", ".hidden.mp4", ".trash/x.mp4", "a/._one.mp4")
    assert ids(find([tmp_path])) == {"a/deep/er/one": "one.avi", "a/one": "one.mp4", "b/two": "two.MP4"}
    assert list(find([tmp_path]).sources) == sorted(find([tmp_path]).sources)


def test_find__a_file_is_named_by_its_stem_whatever_its_ending(tmp_path) -> None:
    touch(tmp_path, "a/one.mp4", "a/two.strange")
    assert ids(find([tmp_path / "a/one.mp4", tmp_path / "a/two.strange"])) == {"one": "one.mp4", "two": "two.strange"}


def test_find__names_with_dots(tmp_path) -> None:
    touch(tmp_path, "v1.5/dive.01.mp4", "v1.5/dive.02.mp4")
    assert list(find([tmp_path]).sources) == ["v1.5/dive.01", "v1.5/dive.02"]


def test_find__files_that_would_share_an_id_keep_their_endings(tmp_path) -> None:
    touch(tmp_path, "a.mp4", "a.avi", "b.mp4", "c.mp4", "c/img_1.jpg")
    assert ids(find([tmp_path])) == {"a.avi": "a.avi", "a.mp4": "a.mp4", "b": "b.mp4", "c": "c", "c.mp4": "c.mp4"}


@pytest.mark.parametrize("name", ["img_{:05d}.jpg", "{:08d}.jpg", "{:06d}.png", "frame_{}.jpg", "image-{:03d}.JPEG", "{}.bmp"])
def test_find__a_folder_of_numbered_images_is_one_clip(tmp_path, name: str) -> None:
    touch(tmp_path, *(f"set/clip/{name.format(number)}" for number in (9, 10, 11)), "set/clip/extra.mp4", "set/clip/sub/x.mp4")
    assert ids(find([tmp_path])) == {"set/clip": "clip", "set/clip/sub/x": "x.mp4"}
    assert [image.number for image in images(tmp_path / "set/clip")] == [9, 10, 11]


def test_find__a_folder_of_maps_named_after_their_frames_is_one_clip_beside_frames_they_are_left_out(tmp_path) -> None:
    touch(tmp_path, *(f"maps/img_{number:03d}_IUV.png" for number in (3, 1, 2)))
    touch(tmp_path, *(f"both/img_{number:03d}{end}" for number in (1, 2) for end in (".jpg", "_IUV.png", "_INDS.png")))
    assert ids(find([tmp_path])) == {"both": "both", "maps": "maps"}
    assert [image.name for image in images(tmp_path / "maps")] == ["img_001_IUV.png", "img_002_IUV.png", "img_003_IUV.png"]
    assert [image.name for image in images(tmp_path / "both")] == ["img_001.jpg", "img_002.jpg"]


def test_find__a_frame_folder_that_is_given_itself_has_its_own_name(tmp_path) -> None:
    touch(tmp_path, "dive7/1.jpg", "dive7/2.jpg")
    assert list(find([tmp_path / "dive7"]).sources) == ["dive7"]


def test_find__pictures_of_videos_and_flow_make_no_clip(tmp_path) -> None:
    touch(tmp_path, "a1.mp4", "a1.jpg", "thumb_01.jpg", "flow_x_00001.jpg", "cover.png", "thumbs/1.jpg")
    assert ids(find([tmp_path])) == {"a1": "a1.mp4"}


def test_find__skips_what_it_is_told_to(tmp_path) -> None:
    touch(tmp_path, "a.mp4", "work/b.mp4", "c.mp4")
    assert list(find([tmp_path], [tmp_path / "work", tmp_path / "c.mp4"]).sources) == ["a"]


def test_find__links_are_followed_but_not_in_circles(tmp_path) -> None:
    touch(tmp_path, "real/a.mp4", "set/b.mp4")
    (tmp_path / "set/more").symlink_to(tmp_path / "real")
    (tmp_path / "real/back").symlink_to(tmp_path / "set")
    assert list(find([tmp_path / "set"]).sources) == ["b", "more/a"]


def test_find__nothing(tmp_path) -> None:
    touch(tmp_path, "notes.txt")
    with pytest.raises(ArtifactError, match="There are no videos in") as caught:
        find([tmp_path])
    assert ".mp4, " in caught.value.hint
    assert "img_00001.jpg" in caught.value.hint
    with pytest.raises(UsageError, match="absent does not exist"):
        find([tmp_path / "absent"])


def test_find__two_folders_with_the_same_clip(tmp_path) -> None:
    touch(tmp_path, "x/a.mp4", "y/a.mp4")
    with pytest.raises(UsageError, match=r"x/a\.mp4 and .*y/a\.mp4 would both become the clip 'a'") as caught:
        find([tmp_path / "x", tmp_path / "y"])
    assert caught.value.hint == "give the folder above both"
    assert list(find([tmp_path / "x", tmp_path / "x"]).sources) == ["a"]


def test_clips__windows_of_a_manifest(tmp_path) -> None:
    touch(tmp_path, "long.mp4", "day 1/long.mp4", "frames/1.jpg", "a.mp4", "a.avi", "b.odd")
    rows = ["d1,long,1.5,3", "d2,day 1/long.mp4,,", "long,,0,2", "d3,gone,,", "frames,,,", "a,,,", "d4,a.avi,,1", "d5,b.odd,,", "d6,../x,,"]
    found = clips([tmp_path], manifests.parse("\n".join(["clip,video,start,end", *rows]), "m"))
    assert found.sources == {
        "d1": Source(tmp_path / "long.mp4", 1.5, 3.0),
        "d2": Source(tmp_path / "day 1/long.mp4"),
        "long": Source(tmp_path / "long.mp4", 0.0, 2.0),
        "frames": Source(tmp_path / "frames"),
        "d4": Source(tmp_path / "a.avi", None, 1.0),
        "d5": Source(tmp_path / "b.odd"),
    }
    assert list(found.sources) == ["d1", "d2", "long", "frames", "d4", "d5"]
    assert set(found.missing) == {"d3", "a", "d6"}
    assert found.missing["d3"].startswith("there is no video 'gone' in ")
    assert found.missing["a"].startswith("several videos are called 'a': ")


def test_clips__without_a_manifest_is_find(tmp_path) -> None:
    touch(tmp_path, "a.mp4")
    assert clips([tmp_path], None) == find([tmp_path])


def test_clips__a_given_file_and_a_manifest(tmp_path) -> None:
    touch(tmp_path, "long.mp4")
    found = clips([tmp_path / "long.mp4"], manifests.parse("clip,video,start\nd1,long.mp4,2\n", "m"))
    assert found.sources == {"d1": Source(tmp_path / "long.mp4", 2.0)}


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["img_1.jpg", "img_2.jpg", "img_5.jpg", "img_7.jpg"], "from 1 to 7, but 3 of these frames are missing, the first of them 3"),
        (["1.jpg", "01.jpg"], "holds frame 1 twice"),
        (["a_1.jpg", "b_1.jpg", "b_2.jpg"], r"several series of images: a_\*\.jpg \(1\), b_\*\.jpg \(2\)"),
        (["x.jpg"], "holds no numbered images"),
    ],
    ids=["gap", "twice", "series", "none"],
)
def test_images__out_of_order(tmp_path, names: list[str], problem: str) -> None:
    with pytest.raises(ArtifactError, match=problem):
        images(touch(tmp_path, *names))


def test_digest__changes_with_bytes_names_and_window(tmp_path) -> None:
    touch(tmp_path, "a.mp4", "f/1.jpg", "f/2.jpg")
    whole = digest(Source(tmp_path / "a.mp4"))
    assert len(whole) == len(hashlib.sha256().hexdigest())
    assert digest(Source(tmp_path / "a.mp4", 1.0)) != whole
    touch(tmp_path / "copy", "a.mp4")
    assert digest(Source(tmp_path / "copy/a.mp4")) == whole
    folder = digest(Source(tmp_path / "f"))
    (tmp_path / "f/2.jpg").rename(tmp_path / "f/3.jpg")
    renamed = digest(Source(tmp_path / "f"))
    (tmp_path / "f/3.jpg").write_bytes(b"other")
    assert len({folder, renamed, digest(Source(tmp_path / "f"))}) == 3
    with pytest.raises(ArtifactError, match=r"gone\.mp4 cannot be read: No such file"):
        digest(Source(tmp_path / "gone.mp4"))


def aged(path, seconds: float = 60):
    """Make a file or folder look as if it had not changed for a while."""
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def test_images__a_folder_is_listed_once_until_it_changes(tmp_path, monkeypatch) -> None:
    folder = touch(tmp_path, *(f"{number}.jpg" for number in range(1, 4)))
    listed = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or real(path))
    aged(folder)
    for _ in range(3):
        assert [image.number for image in images(folder)] == [1, 2, 3]
        digest(Source(folder, 0.0, 0.05))
    assert len(listed) == 1
    images(folder).clear()
    assert len(images(folder)) == 3
    touch(folder, "4.jpg")
    assert [image.number for image in images(folder)] == [1, 2, 3, 4]
    (folder / "4.jpg").unlink()
    aged(folder, 30)
    assert [image.path.name for image in images(folder)] == ["1.jpg", "2.jpg", "3.jpg"]


def test_images__a_folder_that_changes_all_the_time_is_never_out_of_date(tmp_path) -> None:
    for number in range(1, 50):
        touch(tmp_path, f"{number}.jpg")
        assert len(images(tmp_path)) == number


def test_digest__of_a_window_of_frames_knows_just_these(tmp_path) -> None:
    touch(tmp_path, *(f"f/{number}.jpg" for number in range(1, 10)))
    window = Source(tmp_path / "f", 2 / 30, 5 / 30)
    before = digest(window)
    (tmp_path / "f/2.jpg").write_bytes(b"before it")
    (tmp_path / "f/6.jpg").write_bytes(b"behind it")
    assert digest(window) == before
    for inside in (3, 5):
        (tmp_path / f"f/{inside}.jpg").write_bytes(b"changed")
        assert digest(window) != before
        (tmp_path / f"f/{inside}.jpg").write_bytes(f"f/{inside}.jpg".encode())
    assert digest(window) == before
    (tmp_path / "f/4.jpg").unlink()
    with pytest.raises(ArtifactError, match="1 of these frames are missing, the first of them 4"):
        digest(window)


def test_digest__a_long_video_is_hashed_once_for_its_windows_until_it_changes(tmp_path, monkeypatch) -> None:
    video = aged(touch(tmp_path, "long.mp4") / "long.mp4")
    hashed = []
    real = fingerprint.of_file
    monkeypatch.setattr(fingerprint, "of_file", lambda path: hashed.append(path) or real(path))
    first = [digest(Source(video, start, start + 1.0)) for start in range(5)]
    assert (len(hashed), len(set(first))) == (1, 5)
    video.write_bytes(b"Long.mp4")
    assert digest(Source(video, 0, 1.0)) != first[0]
    video.write_bytes(b"long.mp4")
    assert digest(Source(video, 0, 1.0)) == first[0]
    aged(video, 30)
    assert digest(Source(video, 0, 1.0)) == first[0]
