"""Score new videos, or clips of the workspace, with the models of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stages.artifacts.collection import Collection
from stages.artifacts.store import replacing_path
from stages.datasets.manifest import Manifest, Row, Value
from stages.engine import device as devices
from stages.engine.opening import Places, open_clips
from stages.engine.options import RunOptions
from stages.engine.records import IMAGES, POSES, ClipSet, Record
from stages.errors import ArtifactError, UsageError
from stages.finetune.model import roles_of
from stages.render.why import Why, caption_of
from stages.score import ensemble, inputs, page
from stages.score.config import ScoreConfig
from stages.score.ensemble import Ensemble
from stages.score.explaining import Explainers
from stages.score.inputs import Making, Networks
from stages.score.judgement import Judgement
from stages.score.page import Scored
from stages.skeletons.poses import PoseSequence
from stages.video import footage as videos
from stages.video.footage import Footage, Request
from stages.video.frame import Source

BATCH = 64
"""Clips that are held as tensors at once."""


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
        scored: every clip that could be scored, with what its page shows.
        failed: clip → why it could not.
        pages: clip → its page, where pages were written.
        videos: clip → its video with the explanation drawn over it, where such were made.
    """

    model: str
    scored: Sequence[Scored]
    failed: Mapping[str, str]
    pages: Mapping[str, Path] = field(default_factory=dict)
    videos: Mapping[str, Path] = field(default_factory=dict)

    @property
    def judgements(self) -> list[Judgement]:
        """What the models say of every clip."""
        return [each.judgement for each in self.scored]


def run(
    config: ScoreConfig,
    options: RunOptions,
    clips: Clips,
    *,
    model: str | None = None,
    networks: Networks | None = None,
    report: bool | None = None,
    video: bool = False,
) -> Outcome:
    """Score clips.

    Args:
        config: how sure intervals are to be, and how scores are explained.
        options: where and how to run.
        clips: videos, or a set of the workspace.
        model: an experiment's name or folder, or a model's file; None takes the only experiment.
        networks: where weights lie that a name does not find.
        report: whether a page is written for every clip; None writes them for videos.
        video: whether every clip is drawn with its explanation over it, beside its page.

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
    if video and config.explain == "none":
        raise UsageError("A video shows why a score is what it is, and nobody asked.", hint="--explain replacement")
    judges = ensemble.read(model, options)
    if clips.paths:
        data, failed, footage = _filmed(judges, clips, options, networks or Networks())
        names = footage.names
        sources = {names.get(clip, clip): source for clip, source in footage.found.sources.items()}
    else:
        data, failed, names, sources = _known(judges, clips, options), {}, {}, {}
    rows = data.manifest.where(clips.where if clips.dataset is not None else ()).rows
    for row in rows:
        judges.check(row, names.get(row.clip, row.clip))
    records = data.load([row.clip for row in rows])
    device = devices.choose(options.device)
    explainers = None if config.explain == "none" else Explainers(config.explain, device)
    scored: list[Scored] = []
    with options.progress.task(f"scoring with {len(judges.models)} model(s)", len(records)) as task:
        for start in range(0, len(records), BATCH):
            part = records[start : start + BATCH]
            for record, judgement in zip(part, judges.judge(part, config.confidence, device, data.name), strict=True):
                name = names.get(record.clip, record.clip)
                scored.append(_scored(judges, record, replace(judgement, clip=name), explainers))
                task.advance(1, name)
    outcome = Outcome(judges.name, scored, {names.get(clip, clip): why for clip, why in failed.items()})
    wanted = bool(clips.paths) if report is None else report
    if wanted:
        outcome = replace(outcome, pages=_write(outcome, options))
    return replace(outcome, videos=_film(outcome, sources, options)) if video else outcome


def _scored(judges: Ensemble, record: Record, judgement: Judgement, explainers: Explainers | None) -> Scored:
    """Return a judged clip with what its page shows."""
    models = judges.judging(record.row)
    poses = record.artifacts.get(POSES)
    return Scored(
        judgement,
        explainers.explain(models, record) if explainers else (),
        poses if isinstance(poses, PoseSequence) else None,
        judges.known(record.row),
        judges.name,
        models[0].documents["provenance"],
    )


def _film(outcome: Outcome, sources: Mapping[str, Source], options: RunOptions) -> dict[str, Path]:
    """Draw every clip that is explained by its poses: over its video, where there is one."""
    from stages.render.config import RenderConfig
    from stages.render.stage import render

    folder, films = _reports(outcome, options), {}
    with options.progress.task("drawing", len(outcome.scored)) as task:
        for each in outcome.scored:
            why = next((why for why in each.explanations if why.of == POSES), None)
            if why is not None and each.poses is not None:
                name = each.judgement.clip
                films[name] = place = folder / f"{name}.mp4"
                shown = Why(why, caption_of(each.judgement.to_json()))
                render(each.poses, sources.get(name), place, RenderConfig(), options.progress.note, shown)
            task.advance(1, each.judgement.clip)
    return films


def _reports(outcome: Outcome, options: RunOptions) -> Path:
    return options.workspace.root / "scored" / "reports" / outcome.model


def _write(outcome: Outcome, options: RunOptions) -> dict[str, Path]:
    """Write every clip's page."""
    folder, pages = _reports(outcome, options), {}
    for each in outcome.scored:
        path = pages[each.judgement.clip] = folder / f"{each.judgement.clip}.html"
        with replacing_path(path) as temporary:
            temporary.write_text(page.render(each), encoding="utf-8")
    return pages


def _placed(places: Places) -> bool:
    return places.poses is not None or places.features is not None or places.images is not None


def _roles(judges: Ensemble) -> dict[str, str | None]:
    """Return the roles that the models take, and the names of the features in them."""
    return roles_of(judges.models[0].documents["method"])


def _filmed(judges: Ensemble, clips: Clips, options: RunOptions, networks: Networks) -> tuple[ClipSet, Mapping[str, str], Footage]:
    """Make what the models need of videos; return the clips that all of it could be made of, why others could not, and the videos."""
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
    return ClipSet("scored", collections, kept), failed, footage


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
