"""Nested states as JSON and arrays, through a file and back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from stages.artifacts import store, tree
from stages.artifacts.store import Artifact, Header
from stages.errors import ArtifactError

TYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8, torch.bool]
SHAPES = st.lists(st.integers(0, 3), max_size=3)
TENSORS = st.builds(
    lambda shape, dtype, seed: torch.randint(0, 2 if dtype is torch.bool else 100, shape, generator=torch.Generator().manual_seed(seed)).to(
        dtype
    ),
    SHAPES,
    st.sampled_from(TYPES),
    st.integers(0, 9),
)
ARRAYS = st.builds(lambda shape, dtype: np.full(shape, 3, dtype), SHAPES.map(tuple), st.sampled_from(["f8", "f2", "i4", "?"]))
KEYS = st.one_of(st.text(max_size=5), st.integers(), st.sampled_from(["$tensor", "$"]), st.tuples(st.integers(), st.text(max_size=2)))
STATES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), TENSORS, ARRAYS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple), st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=10,
)  # fmt: skip


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)  # a JSON object has no order
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or a.hex() == b.hex()
    return a == b


@settings(max_examples=150, deadline=None)
@given(state=STATES)
def test_round_trip__any_nested_state(state: Any) -> None:
    skeleton, arrays = tree.pack(state, "tensors")
    assert equal(tree.unpack(json.loads(json.dumps(skeleton, allow_nan=False)), arrays), state)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(state=st.dictionaries(st.text(st.characters(categories=["L"]), max_size=4), STATES, max_size=3))
@example(state={"b": {"z": None, "a": None}, "a": None})
def test_round_trip__through_a_file(tmp_path: Path, state: dict[str, Any]) -> None:
    skeleton, arrays = tree.pack(state, "tensors")
    documents = {"state": skeleton, "config": {}, "provenance": {}}
    store.write(tmp_path / "c.checkpoint", Artifact(Header("checkpoint", "training", 1, "0" * 64), arrays, documents))
    artifact = store.read(tmp_path / "c.checkpoint", "checkpoint")
    unpacked = tree.unpack(artifact.documents["state"], artifact.arrays)
    assert equal({key: unpacked[key] for key in state}, state)
    assert set(unpacked) == set(state)


def test_round_trip__values_that_json_has_not() -> None:
    state = {
        "nan": math.nan,
        "inf": [math.inf, -math.inf, -0.0],
        "bf16": torch.tensor(1.5, dtype=torch.bfloat16),
        "nan32": torch.tensor([math.nan]),
    }
    skeleton, arrays = tree.pack(state, "t")
    back = tree.unpack(json.loads(json.dumps(skeleton, allow_nan=False)), arrays)
    assert math.isnan(back["nan"])
    assert [value.hex() for value in back["inf"]] == ["inf", "-inf", "-0x0.0p+0"]
    assert back["bf16"].dtype is torch.bfloat16
    assert back["bf16"].shape == ()
    assert torch.isnan(back["nan32"]).all()


def test_round_trip__an_optimiser() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    optimiser = torch.optim.Adam([weight], lr=0.1, betas=(0.8, 0.9))
    weight.sum().backward()
    optimiser.step()
    skeleton, arrays = tree.pack(optimiser.state_dict(), "t")
    assert equal(tree.unpack(json.loads(json.dumps(skeleton)), arrays), optimiser.state_dict())


def test_pack__does_not_share_memory_with_a_tensor() -> None:
    tensor = torch.zeros(2)
    _, arrays = tree.pack({"a": tensor}, "t")
    tensor += 1
    assert arrays["t/0"].tolist() == [0, 0]


def test_pack__what_cannot_be_stored() -> None:
    with pytest.raises(TypeError, match="a set cannot be stored"):
        tree.pack({"a": {1}}, "t")


def test_unpack__an_array_is_missing() -> None:
    skeleton, _ = tree.pack({"a": torch.zeros(2)}, "t")
    with pytest.raises(ArtifactError, match=r"The array 't/0' is missing\."):
        tree.unpack(skeleton, {})


def test_weights__round_trip_with_scalars_and_bfloat16() -> None:
    state = {"w": torch.arange(6.0).reshape(2, 3), "steps": torch.tensor(4), "low": torch.tensor([0.5], dtype=torch.bfloat16)}
    arrays = tree.weights_to_arrays(state)
    assert set(arrays) == {"weights/w", "weights/steps", "weights/low"}
    assert equal(tree.weights_from_arrays(arrays, state, "m"), state)


def test_weights__every_misfit_in_one_error() -> None:
    arrays = tree.weights_to_arrays({"a": torch.zeros(2), "c": torch.zeros(1)})
    with pytest.raises(ArtifactError, match=r"The weights of m\.h5 do not fit the network") as caught:
        tree.weights_from_arrays(arrays, {"a": torch.zeros(3), "b": torch.zeros(1)}, "m.h5")
    for problem in ("missing: b", "unknown: c", "a: expected shape (3,), found (2,)"):
        assert f"  - {problem}" in str(caught.value)
    with pytest.raises(ArtifactError, match="… and 8 more"):
        tree.weights_from_arrays({}, {str(n): torch.zeros(1) for n in range(20)}, "m.h5")
