"""``aqa extract-pose``: what users type, what they are told, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stages.artifacts import store
from stages.extract_pose.estimators import registry
from tests.extract_pose import toys
from tests.extract_pose.toys import film, scene, walk
from tests.video.make import broken_video


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "build", toys.build)
    monkeypatch.setattr(registry, "fingerprint_of", toys.fingerprint_of)


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    film(tmp_path / "videos/a.mp4", walk(12))
    film(tmp_path / "videos/day/b.mp4", walk(12, gone=[5]))
    return tmp_path / "videos"


def facts(path: Path) -> dict:
    return store.read_document(path, "clip")


def test_extract_pose__with_no_further_flag(aqa, workspace, videos) -> None:
    code, out, err = aqa("extract-pose", videos)
    folder = workspace / "poses/videos"
    assert (code, out, err) == (0, f"2 done, 0 skipped, 0 failed; in {folder}\n", "")
    assert facts(folder / "day/b.h5")["share_interpolated"] > 0
    assert aqa("extract-pose", videos)[1].startswith("0 done, 2 skipped, 0 failed")
    code, out, _ = aqa("inspect", folder, "--json")
    assert code == 0
    assert json.loads(out)["kinds"]["poses"]["count"] == 2


def test_extract_pose__inspect_lists_the_people_that_can_be_chosen(aqa, workspace, tmp_path) -> None:
    film(tmp_path / "two.mp4", [scene([("green", (10, 20, 50, 110)), ("red", (80, 40, 100, 90))])] * 8)
    assert aqa("extract-pose", tmp_path / "two.mp4")[0] == 0
    lines = aqa("inspect", workspace / "poses/two/two.h5")[1].splitlines()
    shown = [line.split() for line in lines if line.strip().startswith("person ")]
    assert [(*words[1:9], words[-1]) for words in shown] == [
        ("1", "8", "frames", "from", "0", "to", "7,", shown[0][8], "kept"),
        ("2", "8", "frames", "from", "0", "to", "7,", shown[1][8], "px²"),
    ]
    assert int(shown[0][8]) > int(shown[1][8])


def test_extract_pose__flags_reach_the_configuration(aqa, workspace, videos) -> None:
    flags = ["--person", "longest", "--max-gap", "0", "--min-confidence", "0.1", "--repair-swaps", "--smooth", "0.3", "--flip-test"]
    code, _, _ = aqa(
        "extract-pose", videos, *flags, "--precision", "bf16", "--allow-truncated", "--people", "1", "--batch", "2", "--set-name", "x"
    )
    assert code == 0
    config = store.read_document(workspace / "poses/x/a.h5", "config")
    assert config == {
        "person": "longest",
        "people": 1,
        "min_confidence": 0.1,
        "max_gap": 0,
        "repair_swaps": True,
        "smooth": 0.3,
        "allow_truncated": True,
        "estimator": {"name": "rtmo-s", "precision": "bf16", "flip_test": True},
    }


def test_extract_pose__other_settings_are_refused_and_then_overwrite(aqa, workspace, videos) -> None:
    aqa("extract-pose", videos)
    code, _, err = aqa("extract-pose", videos, "--person", "longest")
    assert code == 3
    assert 'person: was "largest", now "longest"' in err
    assert "--overwrite" in err
    assert aqa("extract-pose", videos, "--person", "longest", "--overwrite")[0] == 0
    assert facts(workspace / "poses/videos/a.h5")["chosen_by"] == "longest"


def test_extract_pose__bad_videos_end_with_exit_code_4(aqa, workspace, videos) -> None:
    broken_video(videos / "page.mp4", "not-a-video")
    film(videos / "room.mp4", [scene([])] * 5)
    code, out, err = aqa("extract-pose", videos)
    assert code == 4
    assert out.startswith("2 done, 0 skipped, 2 failed")
    assert "room: No person was seen in any frame (5 frames)." in err
    assert "the same command retries just these" in err
    assert len((workspace / "poses/videos/failures.jsonl").read_text().splitlines()) == 2
    assert aqa("extract-pose", videos, "--fail-fast")[0] == 3


def test_extract_pose__dry_run_writes_nothing(aqa, workspace, videos) -> None:
    code, _, err = aqa("extract-pose", videos, "--dry-run")
    assert code == 0
    assert err.count("make ") == 2
    assert not workspace.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nowhere",), 2, "nowhere does not exist"),
        (("VIDEOS", "--person", "7"), 4, "There is no person '7'; seen were 1."),
        (("VIDEOS", "--people", "2"), 4, "2 people were asked for, but 1 was there at the same time."),
        (("VIDEOS", "--person", "1,2", "--people", "2"), 2, "several ids are written 1,3"),
        (("VIDEOS", "--person", "all", "--people", "2"), 2, "'all' keeps everybody"),
        (("VIDEOS", "--precision", "fp8"), 2, "'precision' (flag): Input should be 'fp32' or 'bf16', found 'fp8'"),
        (("VIDEOS", "--set", "persn=all"), 2, "Unknown key 'persn' (--set). Did you mean 'person'?"),
        (("VIDEOS", "--set-name", "a/b"), 2, "--set-name takes a plain name, found 'a/b'"),
        (("VIDEOS", "--boxes", "none.csv"), 2, "The boxes none.csv do not exist"),
        (("VIDEOS", "--boxes", "rtmo-s"), 2, "finds people by itself and takes no boxes"),
        (("VIDEOS", "--estimator", "boxed", "--person", "all"), 2, "boxed alone follows one person"),
        (("EMPTY",), 3, "There are no videos in"),
    ],
)
def test_extract_pose__errors(aqa, workspace, videos, tmp_path, arguments, code, message) -> None:
    (tmp_path / "empty").mkdir()
    places = {"VIDEOS": videos, "EMPTY": tmp_path / "empty"}
    found, _, err = aqa("extract-pose", *(places.get(argument, argument) for argument in arguments))
    assert (found, message in err) == (code, True), err


def test_extract_pose__shards_fill_one_set(aqa, workspace, videos) -> None:
    for index in range(2):
        assert aqa("extract-pose", videos, "--shard", f"{index}/2")[:2] == (
            0,
            f"1 done, 0 skipped, 0 failed; in {workspace / 'poses/videos'}\n",
        )
    assert aqa("extract-pose", videos)[1].startswith("0 done, 2 skipped")
