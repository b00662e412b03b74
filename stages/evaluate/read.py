"""What an evaluation left behind, read again: the inverse of :func:`stages.evaluate.write.predictions`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stages.artifacts import store
from stages.artifacts.store import Artifact
from stages.errors import ArtifactError
from stages.evaluate.followed import Followed
from stages.evaluate.table import Table

_PER_CLIP = ("clip", "group", "cluster", "fold")
_EXTRA = "extra/"


@dataclass(frozen=True)
class Predictions:
    """The content of a ``predictions.h5``.

    Attributes:
        table: the predictions.
        facts: what must be known to read the figures: data set, protocol, selection, stamps.
        provenance: of the evaluation.
        fingerprint: of the artifact.
        followed: ρ of held-out clips while the models trained.
    """

    table: Table
    facts: Mapping[str, Any]
    provenance: Mapping[str, Any]
    fingerprint: str
    followed: Followed = field(default_factory=dict)


def predictions(path: Path) -> Predictions:
    """Read the predictions of an evaluation.

    Raises:
        ArtifactError: missing, damaged, of another kind, or without what an evaluation says of each clip.
    """
    artifact = store.read(path, "predictions")
    samples = artifact.documents["samples"]
    _check(artifact, path)
    facts = samples["facts"]
    means, deviations = samples.get("means"), samples.get("deviations")
    table = Table(
        clips=np.array(samples["clip"]),
        truth=artifact.arrays["truth"],
        predicted=artifact.arrays["predicted"].T,
        seeds=tuple(samples["seeds"]),
        groups=np.array(samples["group"]),
        clusters=np.array(samples["cluster"]),
        folds=np.array(samples["fold"]),
        task=str(facts.get("task", "action" if samples["classes"] else "score")),
        classes=tuple(samples["classes"]),
        means=None if means is None else np.array(means),
        deviations=None if deviations is None else np.array(deviations),
        extra={name.removeprefix(_EXTRA): values.T for name, values in artifact.arrays.items() if name.startswith(_EXTRA)},
        said={name: np.array(texts).T for name, texts in samples.get("said", {}).items()},
        known={name: np.array(texts) for name, texts in samples.get("known", {}).items()},
        numbers={name: np.array(values, dtype=np.float64) for name, values in samples.get("numbers", {}).items()},
        columns={name: np.array(texts) for name, texts in samples.get("columns", {}).items()},
    )
    return Predictions(table, facts, artifact.documents["provenance"], artifact.header.fingerprint, samples.get("followed", {}))


def _check(artifact: Artifact, path: Path) -> None:
    """Refuse predictions that another program wrote as the schema allows, but that say less than an evaluation does."""
    samples, truth = artifact.documents["samples"], artifact.arrays["truth"]
    problems = [f"/samples: '{key}' is missing" for key in (*_PER_CLIP, "seeds", "classes", "facts") if key not in samples]
    lengths = {key: len(samples[key]) for key in _PER_CLIP if key in samples}
    lengths |= {f"columns/{name}": len(texts) for name, texts in samples.get("columns", {}).items()}
    problems += [
        f"/samples: '{key}' has {length} entries, expected {len(truth)}" for key, length in lengths.items() if length != len(truth)
    ]
    shape = artifact.arrays["predicted"].shape
    if "seeds" in samples and shape != (len(truth), len(samples["seeds"])):
        problems.append(f"/predicted: has the shape {shape}, expected {(len(truth), len(samples['seeds']))}")
    if problems:
        listing = "\n".join(f"  - {problem}" for problem in problems)
        raise ArtifactError(f"{path} is not what 'aqa evaluate' writes:\n{listing}", hint="aqa evaluate makes it again")
