"""What an evaluation leaves behind: predictions.h5, metrics.json and report.html in one folder."""

from __future__ import annotations

import json

import numpy as np

from stages.arrays import Array
from stages.artifacts import store
from stages.artifacts.fingerprint import fingerprint
from stages.artifacts.store import Artifact, Header
from stages.evaluate.config import STAGE, VERSION
from stages.evaluate.evaluation import Evaluation
from stages.evaluate.report.page import render

PREDICTIONS, METRICS, REPORT = "predictions.h5", "metrics.json", "report.html"


def predictions(evaluation: Evaluation) -> None:
    """Write the predictions of every clip, with their lineage."""
    assert evaluation.folder is not None
    table, document = evaluation.table, evaluation.provenance["config"]
    inputs = {str(entry["role"]): str(entry["fingerprint"]) for entry in evaluation.provenance["inputs"]}
    header = Header("predictions", STAGE, VERSION, fingerprint(STAGE, VERSION, document, inputs))
    samples = {
        "clip": table.clips.tolist(),
        "group": table.groups.tolist(),
        "cluster": table.clusters.tolist(),
        "fold": table.folds.tolist(),
        "seeds": list(table.seeds),
        "classes": list(table.classes),
        "means": None if table.means is None else table.means.tolist(),
        "deviations": None if table.deviations is None else table.deviations.tolist(),
        "facts": dict(evaluation.facts),
        **({"followed": dict(evaluation.followed)} if evaluation.followed else {}),
        **({"said": {name: values.T.tolist() for name, values in table.said.items()}} if table.said else {}),
        **({"known": {name: values.tolist() for name, values in table.known.items()}} if table.known else {}),
        **({"numbers": {name: _or_null(values) for name, values in table.numbers.items()}} if table.numbers else {}),
        **({"columns": {name: values.tolist() for name, values in table.columns.items()}} if table.columns else {}),
    }
    documents = {"samples": samples, "config": document, "provenance": dict(evaluation.provenance)}
    arrays = {"predicted": table.predicted.T, "truth": table.truth} | {f"extra/{name}": values.T for name, values in table.extra.items()}
    store.write(evaluation.folder / PREDICTIONS, Artifact(header, arrays, documents))


def _or_null(values: Array) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def figures(evaluation: Evaluation) -> None:
    """Write the figures and the report."""
    assert evaluation.folder is not None
    with store.replacing_path(evaluation.folder / METRICS) as temporary:
        temporary.write_text(json.dumps(evaluation.to_json(), indent=1, allow_nan=False), encoding="utf-8")
    with store.replacing_path(evaluation.folder / REPORT) as temporary:
        temporary.write_text(render(evaluation), encoding="utf-8")
