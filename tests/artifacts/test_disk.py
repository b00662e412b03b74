"""Disks that refuse: full, read-only, forbidden.  One clear error, nothing lost, nothing left behind, and a living process."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from pathlib import Path

import numpy as np
import pytest

from stages.artifacts import store
from stages.errors import ArtifactError
from tests.artifacts.making import model, run_child, same

REFUSALS = {
    errno.ENOSPC: r"the disk that holds {folder} is full",
    errno.EDQUOT: r"your quota on the disk that holds {folder} is used up",
    errno.EACCES: r"no permission to write in {folder}",
    errno.EPERM: r"no permission to write in {folder}",
    errno.EROFS: r"{folder} is on a read-only file system",
    errno.EIO: r"[Errno 5] Input/output error",
}


@pytest.mark.parametrize("code", REFUSALS)
@pytest.mark.parametrize("where", ["mkstemp", "write", "fsync", "replace"])
def test_write__a_disk_that_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, where: str) -> None:
    path = tmp_path / "m.h5"
    store.write(path, model())

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    class FullDisk(store._Sink):
        def write(self, data: object) -> int:
            if self.error is None:
                self.error = OSError(code, os.strerror(code))
            return len(memoryview(data).cast("B"))

    with monkeypatch.context() as patch:
        if where == "write":
            patch.setattr(store, "_Sink", FullDisk)
        else:
            patch.setattr(store.tempfile if where == "mkstemp" else os, where, refuse)
        with pytest.raises(ArtifactError) as caught:
            store.write(path, model(np.zeros(100)))
    reason = REFUSALS[code].format(folder=tmp_path)
    assert caught.value.message == f"Cannot write {path}: {reason}. Nothing already made is lost."
    space = "free space or " if code in (errno.ENOSPC, errno.EDQUOT) else ""
    assert caught.value.hint == f"{space}choose another place with --workspace or -o, then run the same command again"
    assert same(store.read(path), model())
    assert [file.name for file in tmp_path.iterdir()] == ["m.h5"]


OVERFILL = """
try: store.write(path, model(np.random.default_rng(0).normal(size=100_000)))
except Exception as error: print(error.message)
"""


def test_write__a_file_size_limit_ends_in_a_clear_error_and_a_living_process(tmp_path: Path) -> None:
    code = "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n" + OVERFILL
    result = run_child(code, tmp_path / "m.h5")
    assert (result.returncode, result.stderr) == (0, "")
    assert f"it would be larger than the limit on file sizes in {tmp_path}." in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_write__a_really_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        os.getuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk], check=False, capture_output=True).returncode
    ):
        pytest.skip("needs the right to mount a small file system")
    code = "store.write(path, model())\n" + OVERFILL + "print(store.read(path).arrays['weights/w'].tolist())"
    try:
        result = run_child(code, disk / "m.h5")
        left = [file.name for file in disk.iterdir()]
    finally:
        subprocess.run(["umount", disk], check=True)
    assert (result.returncode, result.stderr) == (0, "")
    message, content = result.stdout.splitlines()
    assert message == f"Cannot write {disk / 'm.h5'}: the disk that holds {disk} is full. Nothing already made is lost."
    assert content == "[0.0, 1.0, 2.0, 3.0]"
    assert left == ["m.h5"]


def test_write__below_a_file_and_onto_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="file is not a folder"):
        store.write(tmp_path / "file" / "m.h5", model())
    (tmp_path / "m.h5").mkdir()
    with pytest.raises(ArtifactError, match="a folder of that name is in the way"):
        store.write(tmp_path / "m.h5", model())
    with pytest.raises(ArtifactError, match="its name is too long for the file system"):
        store.write(tmp_path / ("x" * 300), model())


def test_write__a_folder_that_cannot_be_synced_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync

    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    store.write(tmp_path / "m.h5", model())
    assert same(store.read(tmp_path / "m.h5"), model())


def test_write__no_permission_for_an_ordinary_user(tmp_path: Path) -> None:
    if os.getuid() != 0:
        tmp_path.chmod(0o500)
        with pytest.raises(ArtifactError, match=f"no permission to write in {tmp_path}"):
            store.write(tmp_path / "m.h5", model())
        tmp_path.chmod(0o700)
        return
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=100k", "tmpfs", disk], check=False, capture_output=True).returncode:
        pytest.skip("root cannot be refused a folder, and a read-only file system cannot be mounted here")
    try:
        with pytest.raises(ArtifactError, match=f"{disk} is on a read-only file system"):
            store.write(disk / "m.h5", model())
    finally:
        subprocess.run(["umount", disk], check=True)
