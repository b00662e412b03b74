"""Pool the out-of-fold predictions of an experiment's models, per seed, and report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stages.artifacts import store
from stages.artifacts.fingerprint import fingerprint
from stages.artifacts.provenance import of_inputs, provenance
from stages.artifacts.store import Artifact, Header
from stages.datasets.splits import group_of
from stages.engine import device as devices
from stages.engine.options import RunOptions
from stages.engine.targets import group_name
from stages.errors import ArtifactError, UsageError
from stages.evaluate import figures
from stages.evaluate.config import STAGE, VERSION, EvaluateConfig
from stages.evaluate.figures import Figures
from stages.evaluate.table import Table
from stages.finetune.model import Model
from stages.finetune.stage import INDEX, open_poses
from stages.workspace import only_one


@dataclass(frozen=True)
class Evaluation:
    """An evaluation's outcome.

    Attributes:
        name: of the experiment.
        table: the predictions.
        figures: every metric.
        facts: what must be known to read the figures: data set, protocol, selection, warnings, stamps.
        folder: where it was written; None where it was not.
    """

    name: str
    table: Table
    figures: Figures
    facts: Mapping[str, Any]
    folder: Path | None = None


def run(
    config: EvaluateConfig,
    options: RunOptions,
    *,
    dataset: str | None = None,
    model: str | None = None,
    poses: Path | None = None,
    output: Path | None = None,
) -> Evaluation:
    """Evaluate one experiment on the clips that each of its models did not train on.

    Args:
        config: how figures are computed.
        options: where and how to run.
        dataset: only experiments on this data set are considered.
        model: the experiment's name; by default the only one.
        poses: a folder or merged file of pose artifacts, instead of the workspace's.
        output: folder to write to.
    """
    name, index = _experiment(options, dataset, model)
    table, facts, inputs = _predict(name, index, options, poses)
    found = figures.compute(table, config)
    folder = output or options.workspace.evaluations / name
    evaluation = Evaluation(name, table, found, facts, folder)
    if not options.dry_run:
        _write(evaluation, config, inputs)
    return evaluation


def _experiment(options: RunOptions, dataset: str | None, model: str | None) -> tuple[str, dict[str, Any]]:
    workspace = options.workspace
    indices = {name: json.loads((workspace.models / name / INDEX).read_text(encoding="utf-8")) for name in workspace.experiments()}
    if model is not None:
        if model not in indices:
            raise UsageError(f"There is no experiment '{model}'.", hint=f"there are: {', '.join(indices) or 'none'}")
        return model, indices[model]
    if dataset is not None:
        wanted = dataset.lower().replace("-", "")
        indices = {name: index for name, index in indices.items() if index["dataset"].lower().replace("-", "") == wanted}
    name = only_one("experiment" + (f" on {dataset}" if dataset else ""), list(indices), "--model NAME", "aqa finetune --help")
    return name, indices[name]


def _predict(
    name: str, index: Mapping[str, Any], options: RunOptions, poses: Path | None
) -> tuple[Table, dict[str, Any], list[Mapping[str, Any]]]:
    folder = options.workspace.models / name
    missing = [entry["id"] for entry in index["models"] if not (folder / entry["file"]).is_file()]
    if missing:
        raise ArtifactError(
            f"{len(missing)} of {len(index['models'])} models of '{name}' are missing: {', '.join(missing[:8])}.",
            hint="run the same 'aqa finetune' again; it trains just those",
        )
    data, _ = open_poses(index["dataset"], options, poses, None)
    device = devices.choose(options.device)
    rows: dict[str, dict[str, Any]] = {}
    members: list[tuple[str, str, Mapping[str, Any]]] = []
    transductive: set[str] = set()
    classes: tuple[str, ...] = ()
    with options.progress.task(f"evaluating {name}", len(index["models"])) as task:
        for entry in index["models"]:
            model = Model.read(folder / entry["file"])
            classes = model.target.classes
            members.append((entry["id"], model.fingerprint, model.documents["provenance"]))
            transductive.update(model.documents["training"]["seen_in_pretraining"])
            _collect(rows, model, data.load(model.documents["data"]["test"]), str(entry["seed"]), entry["fold"], device)
            task.advance(1, entry["id"])
    seeds = tuple(dict.fromkeys(str(entry["seed"]) for entry in index["models"]))
    facts = {
        "dataset": index["dataset"],
        "method": index["method"],
        "protocol": index["protocol"],
        "select": index["select"],
        "seeds": list(seeds),
        "folds": len({entry["fold"] for entry in index["models"]}),
        "stamps": _stamps(index["select"], transductive),
    }
    return _table(rows, seeds, classes), facts, [of_inputs("models", members), data.lineage(sorted(rows))]


def _collect(rows: dict[str, dict[str, Any]], model: Model, records: Any, seed: str, fold: str, device: Any) -> None:
    target, predictions = model.target, model.predict(records, device)
    truth = target.decode(target.encode([r.row for r in records]), [r.row for r in records]) if not target.classes else None
    labels = target.encode([record.row for record in records]) if target.classes else None
    numbers = target.group_index([record.row for record in records])
    for position, record in enumerate(records):
        entry = rows.setdefault(
            record.clip,
            {
                "truth": float(labels[position]) if labels is not None else record.row.number(target.config.resolved_column),
                "group": group_name(record.row, target.config) if truth is not None else "all",
                "cluster": group_of(record.row),
                "fold": fold,
                "mean": float(target.means[numbers[position]]),
                "deviation": float(target.deviations[numbers[position]]),
                "predicted": {},
            },
        )
        entry["predicted"][seed] = float(predictions["predicted"][position])


def _table(rows: Mapping[str, Mapping[str, Any]], seeds: tuple[str, ...], classes: tuple[str, ...]) -> Table:
    def column(key: str) -> Any:
        return np.array([row[key] for row in rows.values()])

    predicted = np.array([[row["predicted"][seed] for row in rows.values()] for seed in seeds])
    return Table(
        clips=np.array(list(rows)),
        truth=column("truth"),
        predicted=predicted,
        seeds=seeds,
        groups=column("group"),
        clusters=column("cluster"),
        folds=column("fold"),
        classes=classes,
        means=column("mean"),
        deviations=column("deviation"),
    )


def _stamps(select: str, transductive: set[str]) -> list[str]:
    stamps = []
    if select == "test":
        stamps.append("epoch selected on the test clips")
    if transductive:
        stamps.append(f"transductive: the encoder's pretraining saw {len(transductive)} of the test clips (without their scores)")
    return stamps


def _write(evaluation: Evaluation, config: EvaluateConfig, inputs: list[Mapping[str, Any]]) -> None:
    folder, table = evaluation.folder, evaluation.table
    assert folder is not None
    document = config.model_dump(mode="json")
    print_of_inputs = {str(entry["role"]): str(entry["fingerprint"]) for entry in inputs}
    header = Header("predictions", STAGE, VERSION, fingerprint(STAGE, VERSION, document, print_of_inputs))
    samples = {
        "clip": table.clips.tolist(),
        "group": table.groups.tolist(),
        "cluster": table.clusters.tolist(),
        "fold": table.folds.tolist(),
        "seeds": list(table.seeds),
        "classes": list(table.classes),
        "facts": dict(evaluation.facts),
    }
    documents = {"samples": samples, "config": document, "provenance": provenance(STAGE, VERSION, document, inputs)}
    arrays = {"predicted": table.predicted.T, "truth": table.truth}
    store.write(folder / "predictions.h5", Artifact(header, arrays, documents))
    content = {"experiment": evaluation.name, **evaluation.facts, "clips": len(table), **evaluation.figures.to_json()}
    with store.replacing_path(folder / "metrics.json") as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
