"""Flipped bits and truncation: an error, or the very content that was written; never a wrong number."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from stages.artifacts import store
from stages.artifacts.guarded import Guard
from stages.errors import ArtifactError
from tests.artifacts.making import flip, poses


def read_back(path: str) -> list[str]:
    """Return what is read, as text that can be compared; called in a child process."""
    artifact = store.read(Path(path))
    arrays = [f"{name} {array.dtype} {array.shape} {array.tobytes().hex()}" for name, array in sorted(artifact.arrays.items())]
    return [*arrays, str(sorted(artifact.documents.items())), str(artifact.header)]


def _outcomes(path: Path, variants: list[bytes]) -> tuple[int, int]:
    """Read every variant of a file in a child process; return how many were refused and how many read as the original."""
    refused = unharmed = 0
    with Guard("tests.artifacts.test_damage:read_back", 20) as guard:
        truth = guard.call(str(path), where="the original")
        broken = path.with_name("broken.h5")
        for variant in variants:
            broken.write_bytes(variant)
            try:
                found = guard.call(str(broken), where=str(broken))
            except ArtifactError:
                refused += 1
            else:
                assert found == truth
                unharmed += 1
    return refused, unharmed


@pytest.mark.parametrize("frames", [3, 200], ids=["plain", "compressed"])
def test_read__a_flipped_bit_is_an_error_or_harmless(tmp_path: Path, frames: int) -> None:
    path = tmp_path / "p.h5"
    store.write(path, poses(frames))
    size, chance = path.stat().st_size, random.Random(frames)
    variants = []
    for position in sorted(chance.sample(range(size), 120)):
        flip(path, position, bit := chance.randrange(8))
        variants.append(path.read_bytes())
        flip(path, position, bit)
    refused, unharmed = _outcomes(path, variants)
    assert refused + unharmed == 120
    assert refused > 75  # HDF5 leaves gaps that hold nothing; everything else is protected


@pytest.mark.slow
def test_read__every_flipped_byte_is_an_error_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    store.write(path, poses(3))
    data = path.read_bytes()
    variants = [data[:n] + bytes([data[n] ^ mask]) + data[n + 1 :] for n in range(len(data)) for mask in (0x01, 0xFF)]
    refused, unharmed = _outcomes(path, variants)
    assert refused + unharmed == 2 * len(data)


def test_read__truncated_at_any_length(tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    store.write(path, poses(3))
    data = path.read_bytes()
    lengths = sorted({*range(60), *range(60, len(data), 97), *range(len(data) - 60, len(data))})
    refused, _ = _outcomes(path, [data[:length] for length in lengths])
    assert refused == len(lengths)
