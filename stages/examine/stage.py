"""Ask an encoder's pretext the questions that it was trained on, about clips that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stages.arrays import Array
from stages.artifacts.provenance import provenance
from stages.configuration import Layer, resolve
from stages.datasets.manifest import Manifest
from stages.encoders.spec import PretrainedEncoder
from stages.engine import device as devices
from stages.engine.annotations import annotated, names_in
from stages.engine.inputs import to_clips
from stages.engine.method import Pretext, wanted
from stages.engine.opening import Places, open_clips
from stages.engine.options import RunOptions
from stages.engine.records import ClipSet
from stages.errors import ArtifactError, UsageError, unknown_name
from stages.evaluate import statistics
from stages.examine import write
from stages.examine.config import STAGE, VERSION, ExamineConfig
from stages.examine.examination import Examination, Examined
from stages.pretrain.methods.registry import method_class
from stages.workspace import only_one


def run(
    config: ExamineConfig,
    options: RunOptions,
    *,
    encoder: str | None = None,
    dataset: str | None = None,
    places: Places | None = None,
    output: Path | None = None,
) -> Examination:
    """Measure an encoder, or those of all folds of a pretraining, on the clips that each was not trained on.

    Args:
        config: what is looked at.
        options: where and how to run.
        encoder: a name in the workspace, an artifact, or a folder of one per fold; by default the only one.
        dataset: the set to take clips from; by default the last one that the encoder was trained on.
        places: paths to use instead of the workspace's sets.
        output: the folder to write, instead of the workspace's.

    Raises:
        UsageError: there is no such encoder, or its method has nothing to measure clip by clip.
        ArtifactError: no clip is left to look at.
    """
    name, files = _files(encoder, options)
    parts = [_opened(file, config, dataset, options, places) for file in files]
    work = [(part, _clips(part, config)) for part in parts]
    if not any(len(clips) for _, clips in work):
        told = "there are none" if config.seen else "it was trained on all of them"
        raise ArtifactError(f"No clip of {parts[0].data.name} is left to examine {name} on: {told}.", hint=_HINT)
    found = []
    with options.progress.task(f"{STAGE} {name}", sum(len(clips) for _, clips in work)) as task:
        for part, clips in work:
            if len(clips):
                found.append(_examined(part, clips, config, options, task.advance))
    document = config.model_dump(mode="json")
    inputs = [{"role": "encoder", "fingerprint": part.encoder.fingerprint} for part in parts]
    inputs += [entry for part, clips in work for entry in part.data.lineage(clips.clips)]
    examination = Examination(
        name=name,
        facts=_facts(parts, config),
        estimates=_estimates(found, config),
        examined=found,
        provenance=provenance(STAGE, VERSION, document, inputs, seed=config.seed),
        folder=None if options.dry_run else output or options.workspace.examinations / name,
    )
    if examination.folder is not None:
        write.everything(examination)
    return examination


_HINT = "pretrain with --protocol, or --set validation=0.2; --dataset NAME names another set; --set seen=true looks at clips it has seen"


@dataclass(frozen=True)
class _Part:
    """An encoder artifact with the method that trained it and the set it is asked about."""

    label: str
    encoder: PretrainedEncoder
    cls: type[Pretext]
    settings: Any
    trained_on: tuple[str, ...]
    data: ClipSet


def _files(encoder: str | None, options: RunOptions) -> tuple[str, list[Path]]:
    """Return the name of a pretraining and its artifacts, one per fold."""
    folder = options.workspace.encoders
    names = sorted({path.stem for path in folder.iterdir() if not path.name.startswith(".")}) if folder.is_dir() else []
    if encoder is None:
        encoder = only_one("encoder", names, "its name: aqa examine NAME", "aqa pretrain --help")
    place = next((each for each in (folder / f"{encoder}.h5", folder / encoder, Path(encoder)) if each.exists()), None)
    if place is None:
        raise unknown_name("encoder", encoder, names)
    files = [place] if place.is_file() else sorted(place.glob("*.h5"))
    if not files:
        raise ArtifactError(f"{place} holds no encoder.", hint="aqa pretrain --help")
    return place.stem, files


def _opened(file: Path, config: ExamineConfig, dataset: str | None, options: RunOptions, places: Places | None) -> _Part:
    encoder = PretrainedEncoder.read(file)
    document = encoder.config
    cls = method_class(str(document.get("method", "")))
    if not cls.continues:
        raise UsageError(
            f"The pretext of {file.stem} ({document['method']}) cannot be asked about single clips: its artifact keeps the encoder alone.",
            hint=f"aqa finetune --method knn-probe --init {file.stem} measures what the encoder has learned",
        )
    settings = resolve(cls.SETTINGS, [Layer("settings", document["settings"]), Layer("--set settings", config.settings)]).config
    trained_on = tuple(document["dataset"])
    data = open_clips(None if places else dataset or trained_on[-1], wanted(cls, settings), options, places)
    return _Part(file.stem, encoder, cls, settings, trained_on, data)


def _clips(part: _Part, config: ExamineConfig) -> Manifest:
    manifest = part.data.usable(part.data.manifest.where(config.where))
    return manifest if config.seen else manifest.keep(lambda row: row.clip not in part.encoder.seen)


def _examined(part: _Part, chosen: Manifest, config: ExamineConfig, options: RunOptions, advance: Callable[[int], None]) -> Examined:
    records = part.data.load(chosen.clips)
    part.encoder.spec.check(records)
    method: Pretext = part.cls(part.settings, part.encoder.spec)
    part.encoder.load_into(method)
    method.to(devices.choose(options.device)).eval()
    rows, kinds = [record.row for record in records], part.cls.annotations(part.settings)
    clips = annotated(to_clips(records, method.inputs), rows, kinds, names_in(rows, kinds))
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        figures = method.examine(clips, advance)
        count = min(config.sheets, len(clips))
        shown = sorted({round(place) for place in np.linspace(0, len(clips) - 1, count)})
        sheets = {clips.ids[number]: method.sheet(clips, number) for number in shown}
    subjects = [row.text("subject") or row.clip for row in rows]
    seen_people = {row.text("subject") for row in part.data.manifest.rows if row.clip in part.encoder.seen}
    known = sum(subject in seen_people for subject in subjects) if "subject" in part.data.manifest.columns else 0
    trained = sum(clip in part.encoder.seen for clip in clips.ids)
    pictures = {clip: sheet for clip, sheet in sheets.items() if sheet is not None}
    return Examined(part.label, clips.ids, tuple(subjects), figures, pictures, trained, known)


def _estimates(found: Sequence[Examined], config: ExamineConfig) -> dict[str, statistics.Estimate]:
    """Return each figure's mean over the clips of all folds, with its interval over subjects."""
    result = {}
    subjects = np.array([subject for each in found for subject in each.subjects])
    for name in found[0].figures:
        values = np.concatenate([each.figures[name] for each in found])
        there = np.isfinite(values)
        drawn = statistics.draw({name: _mean}, values[None, there], subjects[there], count=config.resamples, seed=config.seed)
        result[name] = drawn[name].estimate(config.confidence)
    return result


def _mean(values: Array, weights: Array) -> Array:
    return np.asarray(weights @ values / weights.sum(axis=1))


def _facts(parts: Sequence[_Part], config: ExamineConfig) -> Mapping[str, Any]:
    first = parts[0]
    document = first.encoder.config
    return {
        "method": document["method"],
        "trained_on": list(first.trained_on),
        "protocol": document.get("protocol"),
        "folds": len(parts),
        "dataset": first.data.name,
        "where": list(config.where),
        "seed": document.get("seed"),
    }
