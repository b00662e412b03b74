"""Stage tests run with toy estimators in the place of networks."""

from __future__ import annotations

import pytest

from stages.extract_pose.estimators import registry
from tests.extract_pose import toys


@pytest.fixture
def toy_estimators(monkeypatch: pytest.MonkeyPatch) -> None:
    """``rtmo-s`` finds everybody, ``boxed`` looks into boxes."""
    monkeypatch.setattr(registry, "build", toys.build)
    monkeypatch.setattr(registry, "fingerprint_of", toys.fingerprint_of)
