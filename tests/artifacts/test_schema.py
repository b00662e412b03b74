"""The table of kinds: every deviation is named at once, and the document says what the table says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.artifacts import schema
from stages.artifacts.store import Artifact
from tests.artifacts.making import model, poses

DOCUMENT = (Path(__file__).parents[2] / "docs" / "format.md").read_text(encoding="utf-8")


def problems(artifact: Artifact, **arrays: Any) -> list[str]:
    return schema.problems(artifact.kind, {**artifact.arrays, **arrays}, artifact.documents)


def test_problems__a_good_artifact_has_none() -> None:
    assert problems(poses()) == []
    assert problems(model()) == []


def test_problems__all_at_once() -> None:
    found = schema.problems(
        "poses",
        {
            "positions": np.zeros((1, 4, 3), np.float32),
            "confidence": np.zeros((1, 4, 3), np.int32),
            "extra": np.zeros(2),
            "words": np.array(["a"]),
            "scalar": np.array(1.0),
        },
        {"clip": [], "config": {"a": {"b": [1, float("inf")]}, 3: 1}, "provenance": {"x": {1, 2}}},
    )
    assert set(found) == {
        "/positions: expected dimensions ('person', 'frame', 'joint', 'axis'), found shape (1, 4, 3)",
        "/confidence: expected a number of kind 'f', found int32",
        "/timestamps: missing",
        "/extra: not part of a 'poses' artifact",
        "/words: not part of a 'poses' artifact",
        "/words: expected numbers, found <U1",
        "/scalar: not part of a 'poses' artifact",
        "/scalar: a scalar, expected an array (HDF5 cannot protect scalars)",
        "/clip: expected a JSON object, found list",
        "/skeleton: missing document",
        "/config: the key 3 is no text",
        "/config.a.b[1]: inf is no JSON number (use null)",
        "/provenance.x: a set is no JSON value",
    }


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"timestamps": np.arange(7.0)}, "/timestamps: frame is 7, but /positions has 20"),
        ({"timestamps": np.zeros(20)}, "/timestamps: not increasing"),
        ({"timestamps": np.full(20, np.nan)}, "/timestamps: not finite"),
        ({"positions": np.zeros((1, 20, 3, 4), np.float32)}, "/positions: expected 2 or 3 axes, found 4"),
        ({"positions": np.full((1, 20, 3, 2), np.inf)}, "/positions: infinite values (missing is NaN)"),
    ],
    ids=["lengths", "not increasing", "not finite", "axes", "infinite"],
)
def test_problems__poses(arrays: dict[str, Any], problem: str) -> None:
    assert problems(poses(), **arrays) == [problem]


def test_problems__joints_must_be_named() -> None:
    artifact = poses()
    skeleton = artifact.documents["skeleton"]
    two = replace(artifact, documents=artifact.documents | {"skeleton": skeleton | {"joints": ["a", "b"]}})
    assert problems(two) == ["/positions: 3 joints, but /skeleton names 2"]
    none = replace(artifact, documents=artifact.documents | {"skeleton": {}})
    assert problems(none) == ["/skeleton: has no list 'joints'"]


@pytest.mark.parametrize(
    ("images", "views", "problem"),
    [
        (np.zeros((1, 2, 3, 4, 4), np.uint8), ["original", "yaw+45"], "/images: 1 views, but /clip names 2"),
        (np.zeros((1, 2, 1, 4, 4), np.uint8), ["original"], "/images: expected 3 channels, found 1"),
        (np.zeros((1, 2, 3, 4, 4), np.uint16), ["original"], "/images: expected uint8, found uint16"),
        (np.zeros((1, 2, 3, 4, 4), np.uint8), [0], "/clip: has no list 'views' of objects with a 'name'"),
        (np.zeros((2, 3, 4, 4), np.uint8), ["original"], "expected dimensions ('view', 'frame', 'channel', 'row', 'column')"),
        (np.zeros((1, 3, 3, 4, 4), np.uint8), ["original"], "/timestamps: frame is 2, but /images has 3"),
    ],
    ids=["views", "channels", "type", "names", "dimensions", "lengths"],
)
def test_problems__images(images: np.ndarray, views: list[Any], problem: str) -> None:
    documents = {"clip": {"views": [{"name": name} for name in views]}, "config": {}, "provenance": {}}
    (found,) = schema.problems("images", {"images": images, "timestamps": np.arange(2.0)}, documents)
    assert problem in found
    good = {"images": np.zeros((1, 2, 3, 4, 4), np.uint8), "timestamps": np.arange(2.0)}
    assert schema.problems("images", good, documents | {"clip": {"views": [{"name": "original"}]}}) == []


def test_chunks__one_picture_is_read_alone() -> None:
    assert schema.chunks("images", "images", (2, 9, 3, 8, 8)) == (1, 1, 3, 8, 8)
    assert schema.chunks("images", "images", (1, 0, 3, 8, 8)) is None
    assert schema.chunks("features", "features", (1, 4, 8)) is None
    assert schema.chunks("model", "weights/w", (3,)) is None


def test_problems__unknown_kind() -> None:
    assert schema.problems("pose", {}, {}) == [
        "aqa_kind: expected one of checkpoint, encoder, features, flow, images, model, network, poses, predictions, found 'pose'"
    ]


def test_problems__an_open_end_takes_more_dimensions_but_not_fewer() -> None:
    documents = {"clip": {}, "sampling": {}, "config": {}, "provenance": {}}
    for shape in ((1, 4, 8), (1, 4, 8, 7, 7)):
        assert schema.problems("features", {"features": np.zeros(shape, np.float16)}, documents) == []
    assert len(schema.problems("features", {"features": np.zeros((4, 8), np.float16)}, documents)) == 1


@pytest.mark.parametrize(("version", "count"), [("1.0", 1), ("1.1", 0), ("1.12", 0), ("1.x", 1)])
def test_problems__only_a_newer_minor_version_may_add_arrays(version: str, count: int) -> None:
    artifact = model()
    found = schema.problems("model", {**artifact.arrays, "novelty": np.zeros(2)}, artifact.documents, version)
    assert len(found) == count


def test_attributes__dimensions_units_origin() -> None:
    documents = poses().documents
    assert schema.attributes("poses", "positions", documents) == {
        "dimensions": "person,frame,joint,axis",
        "units": "px",
        "origin": "image top left",
    }
    assert schema.attributes("poses", "timestamps", documents) == {"dimensions": "frame", "units": "s"}
    assert schema.attributes("features", "features", {}) == {"dimensions": "view,segment,dimension"}
    assert schema.attributes("model", "weights/w", {}) == {}


@pytest.mark.parametrize("kind", schema.KINDS)
def test_document__describes_every_kind(kind: str) -> None:
    spec = schema.KINDS[kind]
    section = re.search(rf"^### `{kind}`: (.*)\n((?:(?!^##).*\n)*)", DOCUMENT, re.M)
    assert section is not None, f"docs/format.md has no section on '{kind}'"
    title, body = section.groups()
    assert title == spec.summary
    tree = {line.split()[1].rstrip("/"): line for line in body.splitlines() if re.match(r" {4}[├└]── ", line)}
    expected = {*spec.arrays, *(f"[{prefix}]" for prefix in spec.prefixes), *spec.documents}
    assert set(tree) == expected
    for name, array in spec.arrays.items():
        dims = ",".join(dim for dim in array.dims if dim != "...")
        assert f"dimensions {dims}" in tree[name]
        assert ("…" in tree[name]) == (array.dims[-1] == "...")
        assert f"units {array.units}" in tree[name] if array.units else f"{name}  " in tree[name]
        assert ("unsigned" in tree[name]) == ("u" in array.kinds)
    assert all(" JSON " in tree[name] for name in spec.documents)


def test_document__has_no_kind_too_many_and_this_version() -> None:
    assert set(re.findall(r"^### `(\w+)`", DOCUMENT, re.M)) == set(schema.KINDS)
    assert DOCUMENT.startswith(f"# The artifact format, version {schema.SCHEMA_VERSION}\n")
    for name in schema.COMMON_DOCUMENTS:
        assert f"* `/{name}`:" in DOCUMENT


def test_document__names_every_root_attribute(tmp_path: Path) -> None:
    import h5py

    from stages.artifacts import store

    store.write(tmp_path / "m.h5", model())
    table = DOCUMENT.partition("## 2. Root attributes")[2].partition("## 3.")[0]
    with h5py.File(tmp_path / "m.h5") as file:
        assert set(re.findall(r"^\| `(\w+)`", table, re.M)) == set(file.attrs)
