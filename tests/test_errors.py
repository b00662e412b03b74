"""Errors: exit codes, hints, and the nearest name for a typo."""

from __future__ import annotations

import pytest

from stages import errors
from stages.errors import AqaError, UsageError, nearest, unknown_name

EXIT_CODES = {
    "AqaError": 1,
    "UsageError": 2,
    "ArtifactError": 3,
    "ForeignArtifactError": 3,
    "ItemsFailedError": 4,
    "TrainingError": 4,
    "MissingDependencyError": 5,
    "PreemptedError": 75,
}


def test_exit_codes__are_those_of_the_design() -> None:
    found = {name: cls.exit_code for name, cls in vars(errors).items() if isinstance(cls, type) and issubclass(cls, AqaError)}
    assert found == EXIT_CODES


def test_str__message_and_hint() -> None:
    assert str(AqaError("broken.")) == "broken."
    assert str(AqaError("broken.", hint="mend it")) == "broken.\n  hint: mend it"


@pytest.mark.parametrize(
    ("word", "expected"),
    [("sme-gnc", "sme-gcn"), ("SME_GCN", "sme-gcn"), ("kinematic-ridge", "kinematics-ridge"), ("zzz", None), ("", None)],
)
def test_nearest(word: str, expected: str | None) -> None:
    assert nearest(word, ["sme-gcn", "kinematics-ridge"]) == expected


def test_unknown_name__names_the_nearest_and_lists_all() -> None:
    error = unknown_name("method", "smegcn", ["sme-gcn", "coreg"])
    assert isinstance(error, UsageError)
    assert error.message == "Unknown method 'smegcn'. Did you mean 'sme-gcn'?"
    assert error.hint == "known: coreg, sme-gcn"
    lost = unknown_name("method", "x", [])
    assert (lost.message, lost.hint) == ("Unknown method 'x'.", "known: none")
