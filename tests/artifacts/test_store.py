"""Writing and reading one artifact: round trips, kills, damage, versions, disks that refuse."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from stages.artifacts import store
from stages.artifacts.store import Artifact
from stages.errors import ArtifactError, ForeignArtifactError
from tests.artifacts.making import model, poses, restamp, run_child, same

ROUNDS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
DTYPES = st.sampled_from(["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", ">f4", ">i8"])
ARRAYS = DTYPES.flatmap(lambda dtype: st_np.arrays(dtype, st_np.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=6)))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@ROUNDS
@given(values=ARRAYS)
def test_round_trip__arrays_of_every_type_and_shape(tmp_path: Path, values: np.ndarray) -> None:
    path = tmp_path / "m.h5"
    artifact = model(values)
    store.write(path, artifact)
    assert same(store.read(path, "model"), artifact)


@ROUNDS
@given(document=st.dictionaries(st.text(), JSON, max_size=5))
def test_round_trip__documents(tmp_path: Path, document: dict) -> None:
    path = tmp_path / "m.h5"
    store.write(path, model(training=document))
    assert store.read(path).documents["training"] == document
    assert store.read_document(path, "training") == document


def test_round_trip__header_and_big_arrays(tmp_path: Path) -> None:
    artifact = model(np.random.default_rng(0).normal(size=(300, 41)))
    store.write(tmp_path / "m.h5", artifact)
    back = store.read(tmp_path / "m.h5")
    assert same(back, artifact)
    assert len(back.header.content_digest) == 64
    assert store.read_header(tmp_path / "m.h5", "model") == back.header
    assert (back.kind, back.header.stage, back.header.fingerprint) == ("model", "finetune", "a" * 64)


def test_write__same_content_same_digest(tmp_path: Path) -> None:
    for name in "ab":
        store.write(tmp_path / f"{name}.h5", poses())
    a, b = (store.read_header(tmp_path / f"{name}.h5").content_digest for name in "ab")
    store.write(tmp_path / "c.h5", poses(seed=1))
    assert a == b != store.read_header(tmp_path / "c.h5").content_digest


def test_write__mode_follows_the_umask_and_long_names_work(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 120 + ".h5")
    before = os.umask(0o027)
    try:
        store.write(path, model())
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_write__every_deviation_in_one_error_and_nothing_written(tmp_path: Path) -> None:
    artifact = poses()
    broken = Artifact(artifact.header, {"positions": artifact.arrays["positions"]}, {"clip": {}, "config": {"x": float("nan")}})
    with pytest.raises(ArtifactError, match="is not a valid 'poses' artifact") as caught:
        store.write(tmp_path / "new" / "p.h5", broken)
    for problem in ("/confidence: missing", "/timestamps: missing", "/skeleton: missing document", "/provenance: missing document"):
        assert f"  - {problem}" in str(caught.value)
    assert "/config.x: nan is no JSON number (use null)" in str(caught.value)
    assert not (tmp_path / "new").exists()


KILLER = """
size, chance = int(sys.argv[3]), random.Random(7)
for _ in range(int(sys.argv[2])):
    child = os.fork()
    number = 0
    while child == 0:
        number += 1
        store.write(path, model(np.full(size, float(number)), training={"number": number}))
    time.sleep(chance.uniform(0, float(sys.argv[4])))
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    artifact = store.read(path, "model")  # whole, or this raises
    assert set(artifact.arrays["weights/w"]) == {float(artifact.documents["training"]["number"])}
    print(artifact.documents["training"]["number"])
"""


def _kill_writers(path: Path, kills: int, size: int, longest: float = 0.06) -> None:
    store.write(path, model(np.full(size, 0.0), training={"number": 0}))
    result = run_child(KILLER, path, kills, size, longest)
    assert result.returncode == 0, result.stderr
    numbers = [int(line) for line in result.stdout.split()]
    assert len(numbers) == kills
    assert max(numbers) > 0
    left = [file.name for file in path.parent.iterdir() if file != path]
    assert left, "no kill hit a writer while it wrote"
    assert all(name.startswith(".m.h5.") and name.endswith(store.PARTIAL) for name in left)


def test_write__killed_at_random_moments_leaves_no_half_file(tmp_path: Path) -> None:
    _kill_writers(tmp_path / "m.h5", kills=25, size=50_000)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "kills", "longest"), [(10, 200, 0.06), (50_000, 200, 0.06), (1_000_000, 40, 1.5)])
def test_write__killed_at_many_random_moments_leaves_no_half_file(tmp_path: Path, size: int, kills: int, longest: float) -> None:
    _kill_writers(tmp_path / "m.h5", kills, size, longest)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_write__killed_at_each_system_call(tmp_path: Path, call: str) -> None:
    path = tmp_path / "m.h5"
    store.write(path, model())
    code = f"os.{call} = lambda *a: os.kill(os.getpid(), signal.SIGKILL)\nstore.write(path, model(np.zeros(9)))"
    assert run_child(code, path).returncode == -signal.SIGKILL
    assert same(store.read(path), model())


def test_write__an_error_inside_keeps_the_old_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    store.write(path, model())

    def fail() -> None:
        with store.replacing(path) as file:
            file.create_dataset("x", data=np.zeros(3))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert same(store.read(path), model())
    assert [file.name for file in tmp_path.iterdir()] == ["m.h5"]


def test_read__what_is_not_there_or_no_file(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"none\.h5 does not exist\."):
        store.read(tmp_path / "none.h5")
    with pytest.raises(ArtifactError, match="is not a file"):
        store.read(tmp_path)


def test_read__no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(tmp_path / "m.h5", model())

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(store.h5py, "File", refuse)
    with pytest.raises(ForeignArtifactError, match=r"m\.h5 cannot be read: Permission denied\."):
        store.read(tmp_path / "m.h5")


@pytest.mark.parametrize(
    "content", [b"", b"clip,score\n", b"\x89HDF\r\n\x1a\n", os.urandom(3000)], ids=["empty", "text", "signature", "noise"]
)
def test_read__not_hdf5(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.h5").write_bytes(content)
    with pytest.raises(ArtifactError, match="is not a readable HDF5 artifact: truncated or damaged") as caught:
        store.read(tmp_path / "m.h5")
    assert "'aqa validate' checks a whole folder" in caught.value.hint


def test_read__an_hdf5_file_of_another_program(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(ForeignArtifactError, match=r"is an HDF5 file, but not an artifact of this toolkit \(no 'aqa_kind' attribute\)"):
        store.read(tmp_path / "m.h5")


def test_read__wrong_kind(tmp_path: Path) -> None:
    store.write(tmp_path / "m.h5", model())
    with pytest.raises(ArtifactError, match=r"m\.h5 is of kind 'model', expected 'poses'\.") as caught:
        store.read(tmp_path / "m.h5", "poses")
    assert caught.value.hint == f"aqa inspect {tmp_path / 'm.h5'}"


def test_read__unknown_kind(tmp_path: Path) -> None:
    store.write(tmp_path / "m.h5", model())
    restamp(tmp_path / "m.h5", aqa_kind="sculpture")
    with pytest.raises(ArtifactError, match=r"aqa_kind: expected one of checkpoint, encoder, .* found 'sculpture'"):
        store.read(tmp_path / "m.h5")


def test_read__newer_major_version_is_refused(tmp_path: Path) -> None:
    store.write(tmp_path / "m.h5", model())
    restamp(tmp_path / "m.h5", schema_version="2.0", created_by="aqa-toolkit 9.1")
    with pytest.raises(ForeignArtifactError, match=r"has format version 2\.0; this version of the toolkit reads 1\.x\.") as caught:
        store.read(tmp_path / "m.h5")
    assert caught.value.hint == "it was written by aqa-toolkit 9.1: read it with that version"


def test_read__newer_minor_version_with_additions_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    store.write(path, model())
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        file.create_dataset("novelty", data=np.arange(3.0), fletcher32=True)
        file.attrs["mood"] = np.bytes_(b"new")
    restamp(path, schema_version="1.0")
    with pytest.raises(ArtifactError, match="/novelty: not part of a 'model' artifact"):
        store.read(path)
    restamp(path, schema_version="1.7")
    assert store.read(path).arrays["weights/w"].tolist() == [0, 1, 2, 3]


def test_read__incomplete_and_unstamped(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    store.write(path, model())
    restamp(path, complete=0)
    with pytest.raises(ArtifactError, match="is incomplete: its writer never finished"):
        store.read(path)
    restamp(path, complete=1, stage=None, stage_version=None, fingerprint=None)
    with pytest.raises(ArtifactError, match="lacks the root attributes stage, fingerprint, stage_version"):
        store.read(path)


def test_read__changed_content_does_not_match_the_digest(tmp_path: Path) -> None:
    store.write(tmp_path / "m.h5", model())
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        file["weights/w"][0] = 7
    with pytest.raises(ArtifactError, match="is damaged: its content does not match its digest") as caught:
        store.read(tmp_path / "m.h5")
    assert caught.value.hint == "delete it and run 'aqa finetune' again"


def test_read_document__missing(tmp_path: Path) -> None:
    store.write(tmp_path / "m.h5", model())
    with pytest.raises(ArtifactError, match=r"m\.h5 has no document 'encoder'\."):
        store.read_document(tmp_path / "m.h5", "encoder")


def test_content_digest__is_what_the_document_says(tmp_path: Path) -> None:
    """An independent implementation of section 4 of docs/format.md, on h5py's low-level interface."""
    arrays = {f"weights/{n}": np.arange(6).reshape(2, 3).astype(t) for n, t in enumerate(["f2", ">f4", "f8", "i1", ">i2", "u8", "?"])}
    artifact = model()
    store.write(
        tmp_path / "m.h5",
        Artifact(artifact.header, {**arrays, "weights/empty": np.zeros((0, 3))}, artifact.documents | {"training": {"é": 1}}),
    )
    letters = {"f": "float", "i": "int", "u": "uint"}

    def value(kind: str, shape: tuple[int, ...], data: bytes) -> bytes:
        return f"{kind} ({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})\n".encode() + data

    def typed(array: np.ndarray) -> tuple[str, bytes]:
        kind = "bool" if array.dtype.kind == "b" else letters[array.dtype.kind] + str(8 * array.dtype.itemsize)
        swapped = array.byteswap() if array.dtype.byteorder == ">" else array
        return kind, swapped.tobytes("C")

    digest = hashlib.sha256()
    with h5py.File(tmp_path / "m.h5") as file:
        paths: list[str] = []
        file.visit(paths.append)
        for path in ["", *sorted(paths)]:
            node = file[path] if path else file
            digest.update(b"node " + path.encode() + b"\n")
            for name in sorted(set(node.attrs) - ({"content_digest"} if not path else set())):
                low = h5py.h5a.open(node.id, name.encode())
                if low.get_type().get_class() == h5py.h5t.STRING:
                    raw = np.zeros((), f"S{low.get_type().get_size()}")
                    low.read(raw)
                    digest.update(b"attr " + name.encode() + b" " + value(f"|S{low.get_type().get_size()}", (), raw.tobytes()))
                else:
                    digest.update(b"attr " + name.encode() + b" " + value("int64", (), int(node.attrs[name]).to_bytes(8, "little")))
            if isinstance(node, h5py.Dataset):
                kind, data = typed(node[()])
                digest.update(b"data " + value(kind, node.shape, data))
        assert digest.hexdigest() == file.attrs["content_digest"].decode()
