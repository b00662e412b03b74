"""The training of one model: the arrays and the documents that its artifact holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from stages.arrays import Array
from stages.artifacts import store, tree
from stages.datasets import splits
from stages.datasets.splits import Fold
from stages.encoders.spec import EncoderSpec, PoseSpec, PretrainedEncoder, SegmentSpec, fresh_spec, spec_from_json
from stages.engine import loop
from stages.engine.annotations import annotated, names_in
from stages.engine.batch import Batch, Clips, joined
from stages.engine.inputs import Inputs, PatchInput, feature_size, skeleton_of_patches, skeletons_of
from stages.engine.method import Assessor, Context, Estimator, Method
from stages.engine.records import IMAGES, POSES, Record, Records
from stages.engine.seeding import seed_of
from stages.engine.targets import Target, group_name
from stages.evaluate import followed
from stages.evaluate.figures import SMALLEST_PART
from stages.evaluate.metrics import spearman
from stages.finetune.carried import Carried, best_of, facts_of, places_of, ranges, standardisation, targets_of
from stages.finetune.config import FinetuneConfig
from stages.finetune.model import Model, choose_reference, construct, predict_clips, reference_arrays
from stages.finetune.starting import Start
from stages.skeletons.input import PoseInput, channels_of, skeleton_of

Made = tuple[dict[str, Any], dict[str, Any]]
"""Arrays and documents."""

Trained = tuple[Any, Batch | None, dict[str, Any], dict[str, Any]]
"""A method, the training clips that it compares with, its arrays, and what is to be said of its training."""


@dataclass(frozen=True)
class Job:
    """What one training takes.

    Attributes:
        cls: the method.
        settings: the method's.
        config: the experiment.
        seed: of initial weights, order and augmentation.
        fold: which clips are for what.
        train: clips with targets.
        validation: clips that choose the epoch; none where the last is kept.
        unlabelled: clips without targets, for the methods that draw from them.
        held: clips that nothing is learned from, which say how far the model is from the truth.
        held_of: which part of the experiment those are: ``test`` or ``validation``.
        encoder: to start from; None for fresh weights.
        start: the whole model to start from, instead of an encoder; None for none.
        setting: how the loop runs; ``validate`` is filled in here.
        prepared: makes tensors of records.
    """

    cls: Any
    settings: Any
    config: FinetuneConfig
    seed: int
    fold: Fold
    train: list[Record]
    validation: list[Record]
    unlabelled: list[Record]
    held: list[Record]
    held_of: str
    encoder: PretrainedEncoder | None
    start: Start | None
    setting: loop.Setting
    prepared: Callable[[Records, Inputs], Clips]


def fit(job: Job) -> Made:
    """Train the model."""
    target = Target.fit([record.row for record in job.train], job.config.target)
    spec = _spec(job) if job.cls.uses_encoder else None
    context = context_of(job.cls, job.settings, job.train, target, spec)
    trained, reference, arrays, training = (_train if issubclass(job.cls, Assessor) else _fit)(job, target, context, spec)
    said = {"name": job.config.method, "settings": job.config.settings, "context": context.to_json(), "target": target.to_json()}
    documents: dict[str, Any] = {"method": said | {"reference": list(reference.ids) if reference else []}, "training": training}
    carries = _carried(job, Model(trained, target, documents, reference=reference))
    seen = job.encoder.seen if job.encoder else frozenset[str]()
    earlier = job.start.clips if job.start else frozenset[str]()
    documents["training"] = {
        **documents["training"],
        "seen_in_pretraining": sorted(seen & set(job.fold.test)),
        "clips": sorted({*documents["training"]["clips"], *seen, *earlier}),
    }
    if job.start:
        documents["training"]["started_from"] = {"model": job.start.name, "select": job.start.documents["training"]["select"]}
    documents["carried"] = carries.to_json()
    return arrays | carries.to_arrays(), documents | ({"encoder": spec.to_json()} if spec else {})


def _carried(job: Job, model: Model) -> Carried:
    """Return what the model carries: what it says of clips that it did not learn from, and where its training clips lie."""
    target, device = model.target, job.setting.device
    held = [record for record in job.held if target.knows(record.row)]
    scores, groups = targets_of(job.train, target)
    kept = places_of(scores)
    values, far, places, mean, scale = (np.zeros(0) for _ in range(5))
    if (seen := model.represent([job.train[place] for place in kept], device)) is not None:
        flat = seen.reshape(len(seen), -1).astype(np.float64)
        mean, scale = standardisation(flat)
        places = ((flat - mean) / scale).astype(np.float32)
    truth = np.zeros(0)
    if held:
        said = model.say(held, device, job.prepared(held, model.method.inputs) if isinstance(model.method, Assessor) else None)
        values, truth = said["scores" if target.classes else "value"], target.encode([record.row for record in held])
    found = Carried(
        clips=[record.clip for record in held],
        of=job.held_of,
        values=np.asarray(values, dtype=np.float64),
        truth=np.asarray(truth, dtype=np.float64),
        scores=scores,
        groups=groups,
        facts=ranges([facts_of(record) for record in job.train]),
        places=places,
        mean=mean,
        scale=scale,
        distances=far,
        best=best_of(job.train, target),
    )
    if held and places.size:
        placed = model.represent(held, device)
        assert placed is not None
        found = replace(found, distances=found.distance(placed))
    return found


def context_of(cls: type[Method], settings: Any, records: list[Record], target: Target, spec: EncoderSpec | None) -> Context:
    """Return what a method is built for, given its training clips."""
    sizes = {}
    poses = spec if isinstance(spec, PoseSpec) else None
    skeleton, channels, people = "", 0, 1
    for role in cls.consumes(settings):
        if role == POSES:
            wanted = getattr(settings, "input", None)
            channels = channels_of(records[0].poses, (poses.input if poses else wanted) or PoseInput())
            skeleton = poses.skeleton if poses else skeleton_of(wanted, skeletons_of(records)) if wanted else records[0].poses.layout.name
            people = poses.input.people if poses else getattr(wanted, "people", 1)
        elif role != IMAGES:  # their size is the encoder's to know
            chosen = getattr(settings, role)
            sizes[role] = spec.sizes[role] if isinstance(spec, SegmentSpec) else feature_size(records, role, chosen)
            if isinstance(chosen, PatchInput):
                skeleton = skeleton_of_patches(records, role, chosen)
    rows = [record.row for record in records]
    names = names_in(rows, cls.annotations(settings))
    return Context(skeleton, channels, people, len(target.classes), len(target.groups), sizes, names)


def _spec(job: Job) -> EncoderSpec:
    """Return the encoder that the method is built around: the pretrained one's, the starting model's, or a fresh one's."""
    if job.start is not None:
        return spec_from_json(store.read_document(job.start.path, "encoder"))
    if job.encoder is None:
        return fresh_spec(job.cls.uses_encoder, job.settings, job.train)
    job.encoder.spec.check(job.train)
    return job.encoder.spec


def _train(job: Job, target: Target, context: Context, spec: EncoderSpec | None) -> Trained:
    method = loop.initialise(lambda: construct(job.cls, job.settings, context, spec), job.seed)
    assert isinstance(method, Assessor)
    rows, kinds = [record.row for record in job.train], job.cls.annotations(job.settings)
    copies = [_clips(job, job.train, inputs, target) for inputs in method.inputs.with_copies()]
    train = joined([annotated(clips, rows, kinds, context.annotations) for clips in copies])
    held_out = _clips(job, job.validation, method.inputs, target) if job.validation else None
    if held_out is not None:
        held_out = annotated(held_out, [record.row for record in job.validation], method.told(), context.annotations)
    method.measure(train)
    if job.encoder is not None:  # its own statistics are part of it, so that they come last
        method.encoder.load_state_dict(dict(job.encoder.weights))  # type: ignore[union-attr]
    if job.start is not None:
        job.start.into(method)
    sets, used = {"train": train}, list(job.train)
    if method.uses_unlabelled:
        sets["unlabelled"] = joined([_clips(job, job.unlabelled, inputs, None) for inputs in method.inputs.with_copies()])
        used += job.unlabelled
    exemplars = method.choose_exemplars(train, job.seed)
    reference = choose_reference(train, method.reference_size) if exemplars is None else train.take(exemplars)
    device = job.setting.device
    classes = np.array([group_name(record.row, job.config.target) for record in job.validation])
    validate = (lambda: _validation_figure(method, held_out, classes, device, reference)) if held_out is not None else None
    history = loop.train(method, sets, job.config.training, replace(job.setting, validate=validate))
    training = {
        "history": history.rows,
        "best_epoch": history.best_epoch,
        "select": job.config.select,
        "clips": [record.clip for record in used],
    }
    return method, reference, tree.weights_to_arrays(method.state_dict()) | reference_arrays(reference), training


def _fit(job: Job, target: Target, context: Context, spec: EncoderSpec | None) -> Trained:
    torch.manual_seed(seed_of(job.seed, "initial weights"))
    estimator: Estimator = construct(job.cls, job.settings, context, spec)
    if job.encoder is not None:
        estimator.encoder.load_state_dict(dict(job.encoder.weights))  # type: ignore[attr-defined]
    rows = [record.row for record in job.train]
    groups = np.array([splits.group_of(row) for row in rows])
    used = list(job.train)
    if estimator.uses_unlabelled:
        estimator.unlabelled = job.unlabelled
        used += job.unlabelled
    estimator.fit(job.train, target.encode(rows), groups, len(target.classes), seed_of(job.seed))
    training = {"select": "last", "clips": [record.clip for record in used]}
    return estimator, None, {f"arrays/{key}": np.atleast_1d(value) for key, value in estimator.arrays().items()}, training


def _clips(job: Job, records: list[Record], inputs: Inputs, target: Target | None) -> Clips:
    """Return the records' tensors with their targets; without, they are unlabelled."""
    rows = [record.row for record in records]
    prepared = job.prepared(records, inputs)
    if target is None:
        return prepared
    return replace(prepared, target=torch.from_numpy(target.encode(rows)), group=torch.from_numpy(target.group_index(rows)))


def _validation_figure(
    method: Assessor, clips: Clips | None, classes: Array, device: torch.device, reference: Batch | None
) -> dict[str, float]:
    """Return the mean squared error in transformed units and the mean over classes of Spearman's ρ, or the cross-entropy."""
    assert clips is not None
    assert clips.target is not None
    output = predict_clips(method, clips, device, reference)
    truth = clips.target.numpy()
    if "scores" in output:
        scores = torch.from_numpy(output["scores"])
        return {"validation": float(torch.nn.functional.cross_entropy(scores, clips.target))}
    rank = _mean_spearman(output["value"], truth, classes)
    return {"validation": float(np.mean((output["value"] - truth) ** 2))} | ({} if rank is None else {followed.TERM: rank})


def _mean_spearman(values: Array, truth: Array, classes: Array) -> float | None:
    """Return the mean over classes of ρ; None where no class has an order, or its predictions have none."""
    parts = [members for name in np.unique(classes) if (members := classes == name).sum() >= SMALLEST_PART and np.ptp(truth[members]) > 0]
    found = [spearman(values[part], truth[part]) for part in parts]
    return float(np.mean(found)) if found and np.isfinite(found).all() else None
