"""One reader for a folder and for the file that ``aqa merge`` makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.artifacts import store
from stages.artifacts.collection import Collection, merge, merge_folder
from stages.errors import ArtifactError, UsageError
from tests.artifacts.making import flip, model, pose_folder, poses, same


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pose_folder(tmp_path / "toy")
    return tmp_path / "toy"


def test_merge__one_reader_takes_both(folder: Path, tmp_path: Path) -> None:
    assert merge(folder, tmp_path / "toy.h5", "poses") == 3
    loose, merged = Collection(folder, "poses"), Collection(tmp_path / "toy.h5", "poses")
    assert (loose.merged, merged.merged) == (False, True)
    assert loose.ids == merged.ids == ["group/clip-0", "group/clip-1", "group/clip-2"]
    assert len(loose) == len(merged) == 3
    assert loose.manifest_text() == merged.manifest_text() != ""
    assert loose.fingerprint() == merged.fingerprint() == store.read_header(tmp_path / "toy.h5").fingerprint
    for clip in loose.ids:
        assert clip in loose
        assert clip in merged
        assert same(loose.read(clip), merged.read(clip))
        assert loose.header(clip) == merged.header(clip)
    for collection in (loose, merged):
        assert "group/none" not in collection
        assert 3 not in collection


def test_merge__fingerprint_follows_members_names_and_manifest(folder: Path) -> None:
    found = {Collection(folder, "poses").fingerprint()}
    (folder / "manifest.csv").write_text("clip,score\ngroup/clip-0,9\n")
    found.add(Collection(folder, "poses").fingerprint())
    (folder / "group/clip-2.h5").rename(folder / "other.h5")
    found.add(Collection(folder, "poses").fingerprint())
    store.write(folder / "other.h5", poses(12, fingerprint="e" * 64))
    found.add(Collection(folder, "poses").fingerprint())
    assert len(found) == 4


def test_folder__hidden_and_partial_files_do_not_count(folder: Path) -> None:
    (folder / ".group").mkdir()
    for name in (".a.h5", ".group/b.h5", "group/.clip-0.h5.xyz.partial", "notes.txt"):
        (folder / name).write_bytes(b"")
    assert len(Collection(folder, "poses")) == 3


def test_folder__an_id_may_hold_dots_and_h5(tmp_path: Path) -> None:
    for clip in ("a.b", "run.h5.old", "ü/ä b"):
        store.write(tmp_path / "toy" / f"{clip}.h5", poses())
    assert Collection(tmp_path / "toy", "poses").ids == ["a.b", "run.h5.old", "ü/ä b"]
    merge(tmp_path / "toy", tmp_path / "toy.h5", "poses")
    assert same(Collection(tmp_path / "toy.h5", "poses").read("ü/ä b"), poses())


def test_merge__without_a_manifest(tmp_path: Path) -> None:
    store.write(tmp_path / "toy" / "a.h5", poses())
    merge(tmp_path / "toy", tmp_path / "toy.h5", "poses")
    assert Collection(tmp_path / "toy", "poses").manifest_text() is None
    assert Collection(tmp_path / "toy.h5", "poses").manifest_text() is None


def test_merge__a_damaged_member_writes_nothing(folder: Path, tmp_path: Path) -> None:
    flip(folder / "group/clip-1.h5", 900)
    with pytest.raises(ArtifactError, match=r"clip-1\.h5"):
        merge(folder, tmp_path / "toy.h5", "poses")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["toy"]


def test_merge__a_member_of_another_kind(folder: Path, tmp_path: Path) -> None:
    store.write(folder / "m.h5", model())
    with pytest.raises(ArtifactError, match=r"m\.h5 is of kind 'model', expected 'poses'"):
        merge(folder, tmp_path / "toy.h5", "poses")


def test_merge__nothing_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtifactError, match=r"empty holds no 'poses' artifacts\."):
        merge(tmp_path / "empty", tmp_path / "x.h5", "poses")


def test_collection__what_is_not_one(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"none does not exist\."):
        Collection(tmp_path / "none", "poses")
    with pytest.raises(ArtifactError, match=r"clip-0\.h5 holds a single clip, expected a folder or a merged file") as caught:
        Collection(folder / "group/clip-0.h5", "poses")
    assert caught.value.hint == f"give the folder that holds it: {folder / 'group'}"
    merge(folder, tmp_path / "toy.h5", "poses")
    with pytest.raises(ArtifactError, match=r"toy\.h5 is of kind 'poses', expected 'features'"):
        Collection(tmp_path / "toy.h5", "features")
    with pytest.raises(ArtifactError, match=r"toy\.h5 has no clip 'x'\."):
        Collection(tmp_path / "toy.h5", "poses").read("x")
    with pytest.raises(ArtifactError, match=r"x\.h5 does not exist\."):
        Collection(folder, "poses").read("x")
    with pytest.raises(ArtifactError, match=r"toy\.h5 holds many clips in one file, expected a single artifact"):
        store.read(tmp_path / "toy.h5")


def test_merge_folder__again_is_nothing_to_do_and_another_content_is_refused(folder: Path) -> None:
    target = folder.with_name("toy.h5")
    assert merge_folder(folder, target) == 3
    before = target.read_bytes()
    assert merge_folder(folder, target) == 0
    store.write(folder / "new.h5", poses())
    with pytest.raises(ArtifactError, match=r"toy\.h5 exists and holds something else") as caught:
        merge_folder(folder, target)
    assert "--overwrite" in caught.value.hint
    assert target.read_bytes() == before
    assert merge_folder(folder, target, overwrite=True) == 4


def test_merge_folder__usage(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"none does not exist\."):
        merge_folder(tmp_path / "none", tmp_path / "x.h5")
    with pytest.raises(ArtifactError, match=r"manifest\.csv is not a folder\."):
        merge_folder(folder / "manifest.csv", tmp_path / "x.h5")
    with pytest.raises(UsageError, match="lies inside"):
        merge_folder(folder, folder / "all.h5")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtifactError, match=r"empty holds no artifacts\."):
        merge_folder(tmp_path / "empty", tmp_path / "x.h5")
