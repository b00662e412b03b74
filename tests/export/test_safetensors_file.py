"""The safetensors format, written and read: by its definition, and by the package where it is installed."""

from __future__ import annotations

import json
import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from stages.errors import ArtifactError
from stages.export import safetensors_file

TENSORS = {
    "head.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "head.bias": np.array(2.5, dtype=np.float64),
    "seen": np.array([True, False, True]),
    "count": np.array([7], dtype=np.int64),
    "none": np.zeros((0, 4), dtype=np.float16),
    "strided": np.arange(8, dtype=np.int32).reshape(2, 4).T,
}


def test_encode__is_the_published_layout() -> None:
    content = safetensors_file.encode(TENSORS, {"format": "pt", "name": "Knie ρ"})
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    assert length % 8 == 0
    assert header.pop("__metadata__") == {"format": "pt", "name": "Knie ρ"}
    places = sorted(each["data_offsets"] for each in header.values())
    assert places[0][0] == 0
    assert places[-1][1] == len(content) - 8 - length
    assert all(one[1] == other[0] for one, other in pairwise(places)), "no holes, no overlaps"
    assert all(header[name]["data_offsets"][0] % values.itemsize == 0 for name, values in TENSORS.items())
    assert header["head.weight"] | {"data_offsets": None} == {"dtype": "F32", "shape": [2, 3], "data_offsets": None}
    assert content == safetensors_file.encode(dict(reversed(TENSORS.items())), {"name": "Knie ρ", "format": "pt"})


def test_read__gives_back_what_was_written(tmp_path: Path) -> None:
    file = tmp_path / "n.safetensors"
    file.write_bytes(safetensors_file.encode(TENSORS, {"a": "b"}))
    found, texts = safetensors_file.read(file)
    assert texts == {"a": "b"}
    assert found.keys() == TENSORS.keys()
    for name, values in TENSORS.items():
        assert (found[name].dtype, found[name].shape) == (values.dtype, values.shape)
        assert np.array_equal(found[name], values)


def test_read__by_the_package(tmp_path: Path) -> None:
    package = pytest.importorskip("safetensors.numpy")
    file = tmp_path / "n.safetensors"
    file.write_bytes(safetensors_file.encode(TENSORS, {}))
    assert all(np.array_equal(values, TENSORS[name]) for name, values in package.load_file(file).items())


@pytest.mark.parametrize("damage", [lambda content: content[:4], lambda content: content[:-1], lambda content: b"\x05" + content[1:]])
def test_read__damaged(tmp_path: Path, damage) -> None:
    file = tmp_path / "n.safetensors"
    file.write_bytes(damage(safetensors_file.encode(TENSORS, {})))
    with pytest.raises(ArtifactError, match=r"n\.safetensors is no readable safetensors file"):
        safetensors_file.read(file)
