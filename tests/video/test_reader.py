"""Reading clips: exact frames and times, windows, rotation, threads that end, and what each broken video says."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from stages.errors import ArtifactError, UsageError
from stages.video import decode, reader
from stages.video.frame import Source
from stages.video.opencv import cv2
from stages.video.reader import Info, VideoError, count, probe, read
from tests.conftest import run_python
from tests.video.make import broken_video, index_first, level, make_frames, make_video, number_of, picture, rotated, uneven

REAL = ["videos/ta_chi.mp4", "videos/v_GGSY1Qvo990.mp4", "videos/pose_squats.mp4", "ntu/S001C001P001R001A001_rgb.avi"]


def numbers(frames) -> list[int]:
    return [number_of(frame.image) for frame in frames]


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv", "a.mov", "a folder"])
def test_read__all_frames_in_order_with_their_times(tmp_path, name: str) -> None:
    path = make_frames(tmp_path / name) if name == "a folder" else make_video(tmp_path / name, codec="MJPG" if name == "a.avi" else "mp4v")
    frames = list(read(Source(path)))
    assert numbers(frames) == list(range(20))
    assert [frame.index for frame in frames] == list(range(20))
    assert [frame.time for frame in frames] == pytest.approx([number / 30 for number in range(20)], abs=1e-3)  # mkv rounds to ms
    assert frames[0].image.shape == (48, 64, 3)
    assert frames[0].image.dtype == np.uint8
    np.testing.assert_allclose(frames[0].image[3, 3], [0, 0, 255], atol=25)  # blue-green-red
    assert count(Source(path)) == 20
    assert probe(Source(path)) == Info(64, 48, 30.0, 20, 0, "frames" if path.is_dir() else "video")


def test_read__only_what_is_wanted_is_converted(tmp_path, monkeypatch) -> None:
    path = make_video(tmp_path / "a.mp4")
    converted, grabbed = [], []
    retrieve, tell = decode._retrieve, decode._Clock.tell
    monkeypatch.setattr(decode, "_retrieve", lambda *arguments: converted.append(arguments[2]) or retrieve(*arguments))
    monkeypatch.setattr(decode._Clock, "tell", lambda self, stamp: grabbed.append(stamp) or tell(self, stamp))
    frames = list(read(Source(path), [2, 2, 2, 5, 9]))
    assert [frame.index for frame in frames] == [2, 2, 2, 5, 9]
    assert numbers(frames) == [2, 2, 2, 5, 9]
    assert converted == [2, 5, 9]
    assert len(grabbed) == 10


def test_read__indices_that_cannot_be(tmp_path) -> None:
    source = Source(make_video(tmp_path / "a.mp4"))
    assert list(read(source, [])) == []
    for indices in ([3, 2], [-1, 0]):
        with pytest.raises(UsageError, match="Frames are read forwards"):
            list(read(source, indices))
    with pytest.raises(VideoError, match=r"Frame 20 of .*a\.mp4 is wanted, but the clip has 20 frames") as caught:
        list(read(source, [0, 20, 20]))
    assert caught.value.frames_read == 20


@pytest.mark.parametrize(("degrees", "corner"), [(0, (3, 3)), (90, (3, -4)), (180, (-4, -4)), (270, (-4, 3))])
def test_read__rotated_by_its_metadata(tmp_path, degrees: int, corner: tuple[int, int]) -> None:
    source = Source(rotated(make_video(tmp_path / "a.mp4", 3), degrees))
    frame = next(iter(read(source)))
    size = (64, 48) if degrees in (90, 270) else (48, 64)
    assert frame.image.shape[:2] == size
    np.testing.assert_allclose(frame.image[corner], [0, 0, 255], atol=25)
    info = probe(source)
    assert (info.height, info.width, info.rotation) == (*size, degrees)


def test_read__variable_frame_rate_keeps_its_times(tmp_path) -> None:
    source = Source(uneven(make_video(tmp_path / "a.mp4", 6), [512, 1024, 512, 2048, 512, 512]))
    frames = list(read(source))
    unit = 1 / 15360
    assert [frame.time for frame in frames] == pytest.approx([0, 512 * unit, 1536 * unit, 2048 * unit, 4096 * unit, 4608 * unit])
    assert numbers(frames) == list(range(6))
    assert numbers(read(Source(source.path, 0.09, 0.2))) == [2, 3]


def test_read__times_that_the_container_lacks_come_from_the_frame_rate(tmp_path, monkeypatch) -> None:
    path = make_video(tmp_path / "a.mp4", 8)
    tell = decode._Clock.tell
    stamps = iter([0.1, 0.1 + 1 / 30, 0.0, 0.0, 0.1 + 4 / 30, 0.1 + 4 / 30, math.nan, 0.1 + 7 / 30])
    monkeypatch.setattr(decode._Clock, "tell", lambda self, _: tell(self, next(stamps)))
    notes: list[str] = []
    assert [frame.time for frame in read(Source(path), note=notes.append)] == pytest.approx([number / 30 for number in range(8)])
    assert notes == ["a.mp4: 4 frame(s) had no time of their own; the frame rate gives it."]


def test_read__odd_sizes(tmp_path) -> None:
    source = Source(make_video(tmp_path / "a.avi", 3, size=(63, 47), codec="MJPG"))
    assert [frame.image.shape for frame in read(source)] == [(47, 63, 3)] * 3
    assert (probe(source).width, probe(source).height) == (63, 47)


@pytest.mark.parametrize("name", ["12:30.mp4", "per%02dcent.mp4", "späce é.mp4"])
def test_read__strange_names(tmp_path, monkeypatch, name: str) -> None:
    make_video(tmp_path / "a.mp4", 3).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert count(Source(Path(name))) == 3


@pytest.mark.parametrize("suffix", [".mp4", ".avi", " folder"])
def test_window__is_cut_and_counted_from_its_own_start(tmp_path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    codec = "MJPG" if suffix == ".avi" else "mp4v"
    path = make_frames(path, 90) if suffix == " folder" else make_video(path, 90, codec=codec)
    source = Source(path, 2.0, 2.2)
    frames = list(read(source))
    assert numbers(frames) == [0, 1, 2, 3, 4, 5]  # frames 60 to 65: the grey levels repeat after 20
    assert [frame.index for frame in frames] == list(range(6))
    assert [frame.time for frame in frames] == pytest.approx([number / 30 for number in range(6)])
    assert (count(source), probe(source).frames) == (6, 6)
    assert numbers(read(source, [1, 4])) == [1, 4]
    assert count(Source(path, 2.5)) == 15
    assert count(Source(path, None, 0.5)) == 15


@pytest.mark.parametrize("suffix", [".mp4", ".avi", " folder"])
def test_window__beyond_the_end(tmp_path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    codec = "MJPG" if suffix == ".avi" else "mp4v"
    path = make_frames(path, 60) if suffix == " folder" else make_video(path, 60, codec=codec)
    for start, end, words in ((3.0, 4.0, "from 3 s to 4 s"), (3.0, None, "from 3 s to the end"), (1.5, 2.5, r"from 1\.5 s to 2\.5 s")):
        with pytest.raises(VideoError, match=rf"The window {words} reaches beyond the end of .*, which is 2\.00 s long"):
            list(read(Source(path, start, end)))
    assert count(Source(path, 1.5, 2.02)) == 15  # an end that was rounded up is none


@pytest.mark.parametrize("name", REAL)
def test_window__of_real_videos_equals_that_part_of_the_whole(shared, name: str) -> None:
    path = shared / "data" / name
    whole = list(read(Source(path)))
    for share in ((0.3, 0.4), (0.75, 0.85)) if path.suffix == ".mp4" else ((0.2, 0.3),):
        start, end = (part * whole[-1].time for part in share)
        expected = [frame for frame in whole if start - decode.GRACE <= frame.time < end - decode.GRACE]
        found = list(read(Source(path, start, end)))
        assert [frame.time for frame in found] == pytest.approx([frame.time - expected[0].time for frame in expected])
        assert all(np.array_equal(mine.image, other.image) for mine, other in zip(found, expected, strict=True))


def test_window__is_jumped_to_and_from_the_beginning_where_the_jump_missed(tmp_path, monkeypatch) -> None:
    source = Source(make_video(tmp_path / "a.mp4", 150), 4.0, 4.2)
    told = []
    tell = decode._Clock.tell
    monkeypatch.setattr(decode._Clock, "tell", lambda self, stamp: told.append(stamp) or tell(self, stamp))
    expected = [0, 1, 2, 3, 4, 5]
    assert numbers(read(source)) == expected
    assert len(told) < 60
    told.clear()
    monkeypatch.setattr(decode, "_RUN_UP", -0.5)  # the jump lands behind the window's start
    assert numbers(read(source)) == expected
    assert len(told) > 120


def test_read__a_real_video_without_its_last_times(shared) -> None:
    notes: list[str] = []
    frames = list(read(Source(shared / "data" / REAL[3]), note=notes.append))
    assert len(frames) == 103
    assert notes == ["S001C001P001R001A001_rgb.avi: 2 frame(s) had no time of their own; the frame rate gives it."]
    np.testing.assert_allclose(np.diff([frame.time for frame in frames]), 1 / 30, atol=1e-6)


BROKEN = [
    ("truncated", ".mp4", r"cut off or damaged at 0\.\d+ s: it declares 40 frames, but only 2\d can be read"),
    ("truncated", ".avi", r"cut off or damaged at 0\.\d+ s: it declares 40 frames, but only 2\d can be read"),
    ("no-index", ".mp4", r"cut off: its index \(moov\) is missing"),
    ("corrupt-middle", ".mp4", "declares 40 frames, but only [12]. can be read"),
    ("corrupt-middle", ".avi", "declares 40 frames, but only [12]. can be read"),
    ("not-a-video", ".mp4", "is not a video: it holds text"),
    ("not-a-video", ".txt", "is not a video: it holds text"),
    ("noise", ".mp4", "is not a video: it begins like no known video format"),
    ("picture", ".mp4", "is not a video: it holds a single image"),
    ("empty", ".mp4", r"is empty \(0 bytes\)"),
    ("zero-frames", ".avi", "holds no frames"),
    ("unknown-codec", ".avi", r"is a video in AVI, but its pictures \(codec 'ZZZZ'\) cannot be decoded"),
]


@pytest.mark.parametrize(("how", "suffix", "words"), BROKEN, ids=[f"{how}{suffix}" for how, suffix, _ in BROKEN])
def test_broken__each_says_what_is_wrong(tmp_path, how: str, suffix: str, words: str) -> None:
    source = Source(broken_video(tmp_path / f"bad{suffix}", how))
    seen = []
    with pytest.raises(VideoError, match=words) as caught:
        seen.extend(read(source))
    assert caught.value.exit_code == 3
    assert caught.value.message.startswith(str(source.path))
    assert caught.value.frames_read == len(seen)
    whole = seen[:-1]  # of the last one a part may be lost
    assert numbers(whole) == [number % 20 for number in range(len(whole))]
    with pytest.raises(VideoError, match=words):
        count(source)


def test_broken__the_readable_part_can_be_had(tmp_path) -> None:
    source = Source(broken_video(tmp_path / "bad.mp4", "truncated"))
    assert numbers(read(source, [0, 7])) == [0, 7]
    assert count(Source(source.path, None, 0.5)) == 15
    with pytest.raises(VideoError, match="cut off"):
        list(read(source, [0, 39]))


def test_broken__a_frame_or_two_fewer_than_declared_is_whole(tmp_path, monkeypatch) -> None:
    source = Source(make_video(tmp_path / "a.mp4", 40))
    monkeypatch.setattr(decode, "_declared", lambda _: 42)
    assert count(source) == 40
    monkeypatch.setattr(decode, "_declared", lambda _: 43)
    with pytest.raises(VideoError, match="declares 43 frames, but only 40"):
        count(source)


def test_broken__absent_and_without_a_video_track(tmp_path) -> None:
    with pytest.raises(VideoError, match=r"gone\.mp4 does not exist"):
        probe(Source(tmp_path / "gone.mp4"))
    path = make_video(tmp_path / "sound.mp4")
    path.write_bytes(path.read_bytes().replace(b"vide", b"soun"))
    with pytest.raises(VideoError, match="holds no frames: it has no video track"):
        probe(Source(path))


def test_broken__an_index_at_the_front_changes_nothing_on_a_whole_file(tmp_path) -> None:
    assert numbers(read(Source(index_first(make_video(tmp_path / "a.mp4"))))) == list(range(20))


def test_folder__broken_frames(tmp_path) -> None:
    folder = make_frames(tmp_path / "f", 6)
    (folder / "img_00004.png").write_bytes(b"no image")
    seen = []
    with pytest.raises(VideoError, match=r"The frame .*img_00004\.png cannot be read as an image") as caught:
        seen.extend(read(Source(folder)))
    assert (len(seen), caught.value.frames_read) == (3, 3)
    cv2().imwrite(str(folder / "img_00004.png"), picture(3, (32, 48)))
    with pytest.raises(VideoError, match=r"img_00004\.png: frame 3 is 32 × 48 pixels, the frames before it are 64 × 48"):
        list(read(Source(folder)))
    (folder / "img_00004.png").unlink()
    with pytest.raises(VideoError, match="the first of them 4"):
        count(Source(folder))


def test_ahead__never_more_than_so_many_frames_in_front(tmp_path, monkeypatch) -> None:
    source = Source(make_video(tmp_path / "a.mp4", 40))
    taken = []
    retrieve = decode._retrieve
    monkeypatch.setattr(decode, "_retrieve", lambda *arguments: taken.append(arguments[2]) or retrieve(*arguments))
    frames = read(source, ahead=4)
    next(frames)
    _wait(lambda: len(taken) == 5)
    time.sleep(0.05)
    assert len(taken) == 5
    frames.close()
    assert len(taken) == 5
    monkeypatch.setattr(reader, "AHEAD_BYTES", 2 * 64 * 48 * 3)
    frames = read(source, ahead=32)
    next(frames)
    _wait(lambda: len(taken) == 8)
    time.sleep(0.05)
    assert len(taken) == 8
    frames.close()


def test_ahead__closing_ends_the_thread_and_lets_go_of_the_file(tmp_path) -> None:
    source = Source(make_video(tmp_path / "a.mp4", 40))
    before = threading.active_count()
    for frame in read(source):
        if frame.index == 3:
            break
    del frame
    _wait(lambda: threading.active_count() == before)
    open_files = [link.resolve() for link in Path("/proc/self/fd").iterdir()] if Path("/proc/self/fd").is_dir() else []
    assert source.path.resolve() not in open_files


def test_ahead__an_error_of_the_consumer_ends_the_thread(tmp_path) -> None:
    source = Source(make_video(tmp_path / "a.mp4", 40))
    before = threading.active_count()

    def consume() -> None:
        for _ in read(source):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        consume()
    _wait(lambda: threading.active_count() == before)


def test_video_error__is_an_artifact_error() -> None:
    assert issubclass(VideoError, ArtifactError)
    assert level(21) == level(1)


@pytest.mark.slow
def test_memory__does_not_grow_with_the_length(tmp_path) -> None:
    size = (640, 480)
    short = make_video(tmp_path / "short.mp4", (picture(number, size) for number in range(60)), size=size)
    long = make_video(tmp_path / "long.mp4", (picture(number, size) for number in range(1200)), size=size)
    code = """
import resource, sys
from pathlib import Path
from stages.video.frame import Source
from stages.video.reader import read
frames = sum(1 for _ in read(Source(Path(sys.argv[1]))))
print(frames, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    peaks = []
    for path, expected in ((short, 60), (long, 1200)):
        done = run_python(code.replace("sys.argv[1]", repr(str(path))))
        frames, peak = map(int, done.stdout.split())
        assert frames == expected
        peaks.append(peak / 1024)
    assert peaks[1] < peaks[0] + 15, f"{peaks[0]:.0f} MiB for 60 frames, {peaks[1]:.0f} MiB for 1200; one frame has 0.9 MiB"


def _wait(condition) -> None:
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert condition()
