"""Seeds as a function of what is being done, so that no random state has to be stored to resume a run."""

from __future__ import annotations

import hashlib

import numpy as np


def seed_of(*parts: int | str) -> int:
    """Return a 63-bit seed that depends on every part: stateless randomness for (run, epoch, step, rank …)."""
    digest = hashlib.sha256("/".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def generator(*parts: int | str) -> np.random.Generator:
    """Return a numpy generator seeded by :func:`seed_of`."""
    return np.random.default_rng(seed_of(*parts))
