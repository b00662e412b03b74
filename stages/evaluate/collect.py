"""The out-of-fold predictions of an experiment: every model of every fold and seed on the clips that it did not train on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stages.arrays import Array
from stages.artifacts import store
from stages.artifacts.provenance import of_inputs
from stages.configuration import differing_keys
from stages.datasets.manifest import Manifest, Row, is_numeric
from stages.datasets.splits import group_of
from stages.engine import device as devices
from stages.engine.method import Assessor
from stages.engine.opening import Places, open_clips
from stages.engine.options import RunOptions
from stages.engine.records import POSES, ClipSet, Record
from stages.engine.targets import Target, group_name, has_target
from stages.errors import ArtifactError, UsageError, some, unknown_name
from stages.evaluate.evaluation import Curves, Representation
from stages.evaluate.followed import Followed, followed
from stages.evaluate.groups import telling
from stages.evaluate.networks import networks
from stages.evaluate.table import NUMBER, ONE_GROUP, Table, in_order
from stages.finetune.index import files_of, read_index
from stages.finetune.model import Model, roles_of
from stages.skeletons.poses import PoseSequence
from stages.workspace import folded, only_one

PICTURED = 2000
"""Of more clips, as many at even distances in their order are represented: more points tell nothing more."""
TESTED, WITHHELD = "its test clips", "the training clips whose labels it did not see"
"""Clips that are represented, in words."""
_POSITION = ("epoch", "phase", "iteration")
SCORE = "score."
"""Before the names of the classes whose scores lie among a table's extras."""


@dataclass(frozen=True)
class Collected:
    """An experiment's predictions.

    Attributes:
        table: the predictions.
        facts: what must be known to read the figures: data set, protocol, selection, stamps.
        inputs: provenance of the models and the poses.
        curves: how the models were trained; empty where nothing was trained in epochs.
        representations: what the first model makes of its test clips, and of the training clips whose labels its protocol withheld; empty
            for methods that represent nothing.
        followed: ρ of held-out clips while the models trained.
        poses: returns those of a clip; None where the models took none.
    """

    table: Table
    facts: Mapping[str, Any]
    inputs: Sequence[Mapping[str, Any]]
    curves: Curves = field(default_factory=dict)
    representations: Sequence[Representation] = ()
    followed: Followed = field(default_factory=dict)
    poses: Callable[[str], PoseSequence] | None = None


@dataclass(frozen=True)
class _Member:
    """What is kept of a model once it has predicted."""

    id: str
    fingerprint: str
    target: Target
    documents: Mapping[str, Any]


def experiment(options: RunOptions, dataset: str | None, model: str | None) -> tuple[str, dict[str, Any]]:
    """Return the name and the index of the experiment to evaluate.

    Raises:
        UsageError: there is none, or there are several (they are listed), or none of that name.
        ArtifactError: its index is damaged.
    """
    workspace = options.workspace
    names = workspace.experiments()
    if model is not None and model not in names:
        raise unknown_name("experiment", model, names)
    indices = {name: read_index(workspace.models / name) for name in ([model] if model is not None else names)}
    if dataset is not None:
        indices = {name: index for name, index in indices.items() if folded(str(index["dataset"])) == folded(dataset)}
        if model is not None and not indices:
            raise UsageError(f"The experiment '{model}' is not on {dataset}.", hint="leave --dataset away")
    make = f"aqa finetune --dataset {dataset}" if dataset else "aqa finetune --help"
    name = only_one("experiment" + (f" on {dataset}" if dataset else ""), list(indices), "--model NAME", make)
    return name, indices[name]


def collect(name: str, index: Mapping[str, Any], options: RunOptions, places: Places | None = None) -> Collected:
    """Predict every test clip with every seed's model.

    Raises:
        ArtifactError: models are missing, damaged or made with different settings; test clips have no poses or no target; a model
            predicts what is no number.
    """
    folder = options.workspace.models / name
    entries = index["models"]
    files_of(folder, index)
    data = _clips_of(folder / entries[0]["file"], index["dataset"], options, places)
    device = devices.choose(options.device)
    members: list[_Member] = []
    rows: dict[str, dict[str, Any]] = {}
    representations: list[Representation] = []
    with options.progress.task(f"evaluating {name}", len(entries)) as task:
        for entry in entries:
            model = Model.read(folder / entry["file"])
            records = _tested(model, data, name)
            _add(rows, model, records, entry, device)
            if not members:
                representations = _represented(model, entry["id"], data, device)
            members.append(_Member(entry["id"], model.fingerprint, model.target, model.documents))
            task.advance(1, entry["id"])
    _check_same_settings(name, members)
    seeds = tuple(dict.fromkeys(str(entry["seed"]) for entry in entries))
    table = _table(rows, seeds, members[0].target)
    table = replace(table, columns=_texts(data.manifest, table, members[0].target))
    lineage = of_inputs("models", ((member.id, member.fingerprint, member.documents["provenance"]) for member in members))
    facts = _facts(index, members, seeds, table)
    facts["stamps"] += _unscaled(rows)
    made_of = data.lineage(sorted(rows))
    if found := networks(made_of):
        facts = {**facts, "features by": "; ".join(found)}
    rank = followed((member.documents["data"], member.documents["training"]) for member in members)
    poses = (lambda clip: data.load([clip])[0].poses) if POSES in data.collections else None
    return Collected(table, facts, [lineage, *made_of], _curves(members), representations, rank, poses)


def _clips_of(model: Path, dataset: str, options: RunOptions, places: Places | None) -> ClipSet:
    """Open the artifacts that the models of an experiment take."""
    return open_clips(dataset, roles_of(store.read_document(model, "method")), options, places)


def _tested(model: Model, data: ClipSet, name: str) -> list[Record]:
    """Return the model's test clips."""
    clips = model.documents["data"]["test"]
    rows = data.manifest.by_clip()
    for role, lacking in data.absent().items():
        without = set(lacking)
        if gone := [clip for clip in clips if clip not in rows or clip in without]:
            raise ArtifactError(
                f"{len(gone)} of the clips that '{name}' was to be tested on are not in {data.collections[role].path}: {some(gone)}.",
                hint=f"give the {role} and the manifest that it was trained with (--{role}, --manifest)",
            )
    config = model.target.config
    unlabelled = [clip for clip in clips if not has_target(rows[clip], config)]
    if unlabelled:
        raise ArtifactError(
            f"{len(unlabelled)} of the clips that '{name}' was to be tested on have no {config.resolved_column}: {some(unlabelled)}.",
            hint="give the manifest that it was trained with: --manifest FILE",
        )
    return data.load(clips)


def _add(rows: dict[str, dict[str, Any]], model: Model, records: list[Record], entry: Mapping[str, Any], device: torch.device) -> None:
    """Put one model's predictions into ``rows``; classes go in by name, since folds may have seen different ones."""
    target, said = model.target, model.predict(records, device)
    predicted = said.pop("predicted")
    extra = {name: values for name, values in said.items() if values.ndim == 1}
    extra |= {SCORE + name: said["scores"][:, number] for number, name in enumerate(target.classes)}
    odd = [record.clip for record, value in zip(records, predicted, strict=True) if not np.isfinite(value)]
    if odd:
        raise ArtifactError(
            f"The model {entry['id']} predicts what is no number for {len(odd)} clip(s): {some(odd)}.",
            hint="its training diverged: train it again with a lower learning rate",
        )
    seed = str(entry["seed"])
    for number, (record, value) in enumerate(zip(records, predicted, strict=True)):
        if record.clip not in rows:
            rows[record.clip] = _describe(record, target, entry["fold"])
        rows[record.clip]["predicted"][seed] = target.classes[int(value)] if target.classes else float(value)
        for name, values in extra.items():
            rows[record.clip]["extra"].setdefault(name, {})[seed] = float(values[number])
    for column, (kind, texts) in model.annotate(records, device).items():
        for record, text in zip(records, texts, strict=True):
            if kind == "number":
                rows[record.clip]["extra"].setdefault(NUMBER + column, {})[seed] = float(text)
                rows[record.clip]["numbers"][column] = record.row.number(column)
                continue
            rows[record.clip]["said"].setdefault(column, {})[seed] = text
            if kind == "class":
                rows[record.clip]["known"][column] = record.row.text(column)


def _represented(model: Model, name: str, data: ClipSet, device: torch.device) -> list[Representation]:
    """Return what a model makes of its test clips, and of the clips whose labels its protocol withheld."""
    withheld = model.documents["data"].get("unlabelled", ())
    found = []
    for of, clips in ((TESTED, model.documents["data"]["test"]), (WITHHELD, _scored(withheld, model, data))):
        shown = [clips[number] for number in np.linspace(0, len(clips) - 1, min(len(clips), PICTURED)).round().astype(int)]
        records = data.load(shown)
        if not records:
            continue
        if not isinstance(model.method, Assessor) or (values := model.represent(records, device)) is None:
            break
        truth = tuple(_truth(record.row, model.target) for record in records)
        found.append(Representation(name, of, tuple(shown), values, truth, len(clips) - len(shown)))
    return found


def _scored(clips: Sequence[str], model: Model, data: ClipSet) -> list[str]:
    """Return those of the clips that are here and have a target: to be learned from without a label, a clip needs none."""
    rows = data.manifest.by_clip()
    absent = {clip for lacking in data.absent().values() for clip in lacking}
    return [clip for clip in clips if clip in rows and clip not in absent and has_target(rows[clip], model.target.config)]


def _truth(row: Row, target: Target) -> float | str:
    column = target.config.resolved_column
    return row.text(column) if target.classes else row.number(column)


def _describe(record: Record, target: Target, fold: str) -> dict[str, Any]:
    row, group = record.row, group_name(record.row, target.config)
    known = group in target.groups
    number = target.groups.index(group) if known else 0
    return {
        "truth": _truth(row, target),
        "group": ONE_GROUP if target.classes else group,
        "cluster": group_of(row),
        "fold": fold,
        "mean": float(target.means[number]) if known else np.nan,
        "deviation": float(target.deviations[number]) if known else np.nan,
        "scaled": bool(target.classes) or target.has_scale(row),
        "unit": 1.0 if target.classes else target.unit(row),
        "predicted": {},
        "extra": {},
        "said": {},
        "known": {},
        "numbers": {},
    }


def _table(rows: Mapping[str, Mapping[str, Any]], seeds: tuple[str, ...], target: Target) -> Table:
    def column(key: str) -> Array:
        return np.array([row[key] for row in rows.values()])

    truth, predicted = column("truth"), np.array([[row["predicted"][seed] for row in rows.values()] for seed in seeds])
    classes: tuple[str, ...] = ()
    if target.classes:
        classes = in_order({*truth.tolist(), *predicted.ravel().tolist(), *target.classes})
        place = {name: float(number) for number, name in enumerate(classes)}
        truth = np.array([place[name] for name in truth])
        predicted = np.array([[place[name] for name in row] for row in predicted])
    means = column("mean")
    normalised = not classes and bool(np.isfinite(means).all())
    return Table(
        clips=np.array(list(rows)),
        truth=truth,
        predicted=predicted,
        seeds=seeds,
        groups=column("group"),
        clusters=column("cluster"),
        folds=column("fold"),
        task=target.config.task,
        classes=classes,
        means=means if normalised else None,
        deviations=column("deviation") if normalised else None,
        units=None if classes else column("unit"),
        extra=_extras(rows, seeds),
        said={name: np.array([[row["said"][name][seed] for row in rows.values()] for seed in seeds]) for name in _columns(rows, "said")},
        known={name: np.array([row["known"][name] for row in rows.values()]) for name in _columns(rows, "known")},
        numbers={name: np.array([row["numbers"][name] for row in rows.values()]) for name in _columns(rows, "numbers")},
    )


def _texts(manifest: Manifest, table: Table, target: Target) -> dict[str, Array]:
    """Return the columns of text that tell groups of the clips apart; neither the target nor what the folds show anyway."""
    rows, others = manifest.by_clip(), (target.config.resolved_column, "split")
    names = [name for name in manifest.columns if not is_numeric(name) and name not in others]
    return telling({name: [rows[clip].text(name) for clip in table.clips.tolist()] for name in names})


def _columns(rows: Mapping[str, Mapping[str, Any]], key: str) -> list[str]:
    return list(next(iter(rows.values()))[key])


def _extras(rows: Mapping[str, Mapping[str, Any]], seeds: tuple[str, ...]) -> dict[str, Array]:
    """Return what else the models say, (seeds, N); NaN where one says nothing of it, as of a class that its fold never saw."""
    names = dict.fromkeys(name for row in rows.values() for name in row["extra"])
    return {name: np.array([[row["extra"].get(name, {}).get(seed, np.nan) for row in rows.values()] for seed in seeds]) for name in names}


def _facts(index: Mapping[str, Any], members: Sequence[_Member], seeds: tuple[str, ...], table: Table) -> dict[str, Any]:
    trainings = [member.documents["training"] for member in members]
    select = sorted({str(training["select"]) for training in trainings})
    seen = {clip for training in trainings for clip in training["seen_in_pretraining"]}
    starts = {
        str(training["started_from"]["model"]): str(training["started_from"]["select"])
        for training in trainings
        if "started_from" in training
    }
    target = members[0].target.config
    return {
        "dataset": index["dataset"],
        "method": index["method"],
        "task": target.task,
        "target": target.resolved_column,
        "protocol": index["protocol"],
        **({"where": where} if (where := members[0].documents["data"].get("where")) else {}),
        "select": ", ".join(select),
        "seeds": list(seeds),
        "folds": len({entry["fold"] for entry in index["models"]}),
        "clips": len(table),
        "subjects": len(set(table.clusters.tolist())),
        **({"started from": ", ".join(sorted({name.partition("/")[0] for name in starts}))} if starts else {}),
        "stamps": _stamps(select, seen, starts),
    }


def _unscaled(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what must be said of classes whose scores have no scale."""
    classes = sorted({row["group"] for row in rows.values() if not row["scaled"]})
    if not classes:
        return []
    said = f"training saw no clip of the class(es) on which it was tested: {some(classes)}"
    return [f"{said}; predictions have an order within such a class (Spearman), their units are those of an average class"]


def _stamps(select: Sequence[str], seen: set[str], starts: Mapping[str, str]) -> list[str]:
    stamps = []
    if "test" in select:
        stamps.append("epoch selected on the test clips")
    if "test" in starts.values():
        stamps.append("started from models whose epochs were selected on their own test clips, which may be among these")
    if seen:
        stamps.append(f"transductive: the encoder's pretraining saw {len(seen)} of the test clips (without their scores)")
    return stamps


def _curves(members: Sequence[_Member]) -> dict[str, list[list[float]]]:
    """Return every model's curve of every term; a value that is none (an epoch without validation) is NaN."""
    histories = [member.documents["training"].get("history") or [] for member in members]
    terms = dict.fromkeys(term for history in histories for row in history for term in row if term not in _POSITION)
    return {term: [[float(row.get(term, np.nan)) for row in history] for history in histories if history] for term in terms}


def _check_same_settings(name: str, members: Sequence[_Member]) -> None:
    """Refuse an experiment whose models were made differently, as an interrupted ``--overwrite`` leaves it."""
    first, *others = members
    for other in others:
        differing = differing_keys(_settings(first), _settings(other))
        if differing:
            raise ArtifactError(
                f"The models of '{name}' were made with different settings: {other.id} differs from {first.id} in {', '.join(differing)}.",
                hint="run the same 'aqa finetune' again with --overwrite",
            )


def _settings(member: _Member) -> dict[str, Any]:
    return {key: value for key, value in member.documents["config"].items() if key not in ("seed", "fold")}
