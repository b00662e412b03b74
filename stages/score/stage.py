"""Score new videos, or clips of the workspace, with the models of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stages.artifacts.collection import Collection
from stages.datasets.manifest import Manifest, Row, Value
from stages.engine import device as devices
from stages.engine.opening import Places, open_clips
from stages.engine.options import RunOptions
from stages.engine.records import IMAGES, POSES, ClipSet
from stages.errors import ArtifactError, UsageError
from stages.finetune.model import roles_of
from stages.score import ensemble, inputs
from stages.score.config import ScoreConfig
from stages.score.ensemble import Ensemble
from stages.score.inputs import Making, Networks
from stages.score.judgement import Judgement
from stages.video import footage as videos
from stages.video.footage import Request


@dataclass(frozen=True)
class Clips:
    """Which clips a user asks for.

    Attributes:
        paths: videos, and folders that are searched for them.
        dataset: in their place a set of the workspace, whose artifacts were made before.
        manifest: what is known of them; with paths also which clips there are (windows of videos).
        where: ``COLUMN=VALUE`` conditions on the manifest.
        known: columns that hold for all clips, such as ``action``.
        places: paths of artifacts in place of the workspace's, for clips of a set.
    """

    paths: Sequence[Path] = ()
    dataset: str | None = None
    manifest: Path | None = None
    where: Sequence[str] = ()
    known: Mapping[str, Value] = field(default_factory=dict)
    places: Places = field(default_factory=Places)


@dataclass(frozen=True)
class Outcome:
    """What was scored.

    Attributes:
        model: the name of the experiment or file.
        judgements: of every clip that could be scored.
        failed: clip → why it could not.
    """

    model: str
    judgements: Sequence[Judgement]
    failed: Mapping[str, str]


def run(config: ScoreConfig, options: RunOptions, clips: Clips, *, model: str | None = None, networks: Networks | None = None) -> Outcome:
    """Score clips.

    Args:
        config: how sure intervals are to be.
        options: where and how to run.
        clips: videos, or a set of the workspace.
        model: an experiment's name or folder, or a model's file; None takes the only experiment.
        networks: where weights lie that a name does not find.

    Raises:
        UsageError: no clip is named, or a name does not exist; something must be known of a clip that is not; what the model learned from
            is not made of videos.
        ArtifactError: models are missing or damaged; no video is found; other networks lie here than those of training.
        MissingDependencyError: a package or weights are not there.
    """
    if bool(clips.paths) == (clips.dataset is not None or _placed(clips.places)):
        raise UsageError(
            "Videos or a set of the workspace are scored: give one of them.", hint="aqa score VIDEO|FOLDER …, or aqa score --dataset NAME"
        )
    judges = ensemble.read(model, options)
    if clips.paths:
        data, failed, names = _filmed(judges, clips, options, networks or Networks())
    else:
        data, failed, names = _known(judges, clips, options), {}, {}
    rows = data.manifest.where(clips.where if clips.dataset is not None else ()).rows
    for row in rows:
        judges.check(row, names.get(row.clip, row.clip))
    records = data.load([row.clip for row in rows])
    judgements: list[Judgement] = []
    with options.progress.task(f"scoring with {len(judges.models)} model(s)", len(records)) as task:
        for start in range(0, len(records), BATCH):
            part = records[start : start + BATCH]
            judgements += judges.judge(part, config.confidence, devices.choose(options.device))
            task.advance(len(part))
    judgements = [replace(each, clip=names.get(each.clip, each.clip)) for each in judgements]
    return Outcome(judges.name, judgements, {names.get(clip, clip): why for clip, why in failed.items()})


BATCH = 64
"""Clips that are held as tensors at once."""


def _placed(places: Places) -> bool:
    return places.poses is not None or places.features is not None or places.images is not None


def _roles(judges: Ensemble) -> dict[str, str | None]:
    """Return the roles that the models take, and the names of the features in them."""
    return roles_of(judges.models[0].documents["method"])


def _filmed(
    judges: Ensemble, clips: Clips, options: RunOptions, networks: Networks
) -> tuple[ClipSet, Mapping[str, str], Mapping[str, str]]:
    """Make what the models need of videos; return the clips that all of it could be made of, why others could not, and all clips' names."""
    request = Request(paths=clips.paths, manifest=clips.manifest, where=clips.where, by_content=True, set_name="scored")
    footage = videos.gather(request, options, [options.workspace.root])
    rows = inputs.rows_of(footage, clips.known)
    for row in rows.rows:
        judges.check(row, footage.names.get(row.clip, row.clip))
    making = Making(request, footage, replace(options, overwrite=False), networks)
    provenance, failed, collections = judges.models[0].documents["provenance"], dict(footage.found.missing), {}
    for role in _roles(judges):
        folder, lacking = inputs.make(inputs.recipe_of(provenance, role), making)
        failed |= lacking
        if set(footage.found.sources) <= set(failed):
            break
        collections[role] = Collection(folder, role if role in (POSES, IMAGES) else "features")
    kept = rows.keep(lambda row: row.clip not in failed)
    if not len(kept):
        told = "; ".join(f"{footage.names.get(clip, clip)}: {why}" for clip, why in list(failed.items())[:3])
        raise ArtifactError(f"None of {len(failed)} video(s) could be scored: {told}")
    return ClipSet("scored", collections, kept), failed, footage.names


def _known(judges: Ensemble, clips: Clips, options: RunOptions) -> ClipSet:
    """Open clips whose artifacts were made before."""
    places = replace(clips.places, manifest=clips.manifest)
    data = open_clips(clips.dataset, _roles(judges), options, places)
    usable = data.usable(data.manifest)
    for role, lacking in data.absent().items():
        if lacking:
            options.progress.note(f"{len(lacking)} clip(s) have no {role} and are left out")
    rows = [Row(row.clip, {**row.values, **clips.known}) for row in usable.rows]
    return ClipSet(data.name, data.collections, Manifest(tuple(rows), usable.name))
