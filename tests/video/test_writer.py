"""Writing mp4 files and frame folders, whole or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from stages.errors import ArtifactError
from stages.video.frame import Source
from stages.video.reader import probe, read
from stages.video.writer import save_frames, writing
from tests.video.make import number_of, picture


def test_writing__what_was_appended_is_read_back(tmp_path) -> None:
    path = tmp_path / "new/a.mp4"
    with writing(path, 25, (64, 48)) as append:
        for number in range(10):
            append(picture(number))
        assert not path.exists()
    assert [number_of(frame.image) for frame in read(Source(path))] == list(range(10))
    assert probe(Source(path)).fps == 25
    assert [entry.name for entry in path.parent.iterdir()] == ["a.mp4"]


def test_writing__odd_sizes_are_filled_up(tmp_path) -> None:
    with writing(tmp_path / "a.mp4", 30, (63, 47)) as append:
        append(picture(3, (63, 47)))
    (frame,) = read(Source(tmp_path / "a.mp4"))
    assert frame.image.shape == (48, 64, 3)
    assert number_of(frame.image) == 3


def test_writing__an_error_leaves_nothing(tmp_path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"old")

    def fail() -> None:
        with writing(tmp_path / "a.mp4", 30, (64, 48)) as append:
            append(picture(0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"a.mp4": b"old"}


def test_writing__errors(tmp_path) -> None:
    with pytest.raises(ArtifactError, match=r"expected frames \(H, W, 3\) of 64 × 48"), writing(tmp_path / "a.mp4", 30, (64, 48)) as append:
        append(picture(0, (48, 64)))
    with pytest.raises(ArtifactError, match="of 0 frames 0 arrived"), writing(tmp_path / "a.mp4", 30, (64, 48)):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="is not a folder"), writing(tmp_path / "file/a.mp4", 30, (64, 48)):
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_save_frames__a_folder_that_can_be_read(tmp_path) -> None:
    assert save_frames(tmp_path / "set/a", (picture(number) for number in range(3))) == 3
    frames = list(read(Source(tmp_path / "set/a")))
    assert [number_of(frame.image) for frame in frames] == [0, 1, 2]
    np.testing.assert_array_equal(frames[1].image, picture(1))
    assert save_frames(tmp_path / "set/a", [picture(4)]) == 1
    assert [entry.name for entry in (tmp_path / "set").iterdir()] == ["a"]
    assert [entry.name for entry in (tmp_path / "set/a").iterdir()] == ["img_00001.png"]


def test_save_frames__never_replaces_what_is_not_its_own(tmp_path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/notes.txt").write_text("mine")
    with pytest.raises(ArtifactError, match=r"Cannot write frames to .*: it holds notes\.txt"):
        save_frames(tmp_path / "a", [picture(0)])
    assert (tmp_path / "a/notes.txt").read_text() == "mine"


def test_save_frames__an_error_leaves_the_old_ones(tmp_path) -> None:
    save_frames(tmp_path / "a", [picture(0)])

    def images():
        yield picture(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        save_frames(tmp_path / "a", images())
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]
    assert [number_of(frame.image) for frame in read(Source(tmp_path / "a"))] == [0]
