"""What a stage that looks at videos works on: the clips under paths or of a data set, their labels, and the one way through them.

A clip's fingerprint knows its video by content and window, not by where it was found: a video that was given as a path and is found
again in a data set is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stages.artifacts.collection import MANIFEST
from stages.datasets import labels
from stages.datasets import manifest as manifests
from stages.datasets.manifest import Manifest
from stages.datasets.opened import note_problems, note_strange, open_dataset, require_one, videos_of
from stages.datasets.registry import resolve_name
from stages.engine import plan
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError
from stages.video import source as videos
from stages.video.frame import Source
from stages.video.source import Found
from stages.workspace import name_after, plain_name

_DIGITS = 8


@dataclass(frozen=True)
class Request:
    """Which videos a user asks for.

    Attributes:
        paths: videos, frame folders, and folders that are searched for them.
        dataset: a published data set, in place of paths.
        manifest: a user's CSV.  With paths its rows are the clips (windows of videos, where it has ``start`` and ``end``) and its columns
            the labels; with a data set it adds labels.
        where: ``COLUMN=VALUE`` conditions on the labels.
        set_name: the name of the set, in place of the data set's, the folder's or the file's.
        by_content: the clips' ids end with the beginning of a digest of their video, so that other videos of the same name are other clips.
    """

    paths: Sequence[Path] = ()
    dataset: str | None = None
    manifest: Path | None = None
    where: Sequence[str] = ()
    set_name: str | None = None
    by_content: bool = False

    def name(self, stage: str) -> str:
        """Return the name of the set that ``stage`` makes.

        Raises:
            UsageError: neither or both of paths and data set are given, or a name is not valid.
        """
        hint = f"aqa {stage} VIDEO|FOLDER [VIDEO|FOLDER …], or aqa {stage} --dataset NAME --data-root DIR"
        require_one(self.dataset, self.paths, "No video was given.", hint)
        if self.set_name is not None:
            return plain_name(self.set_name)
        return resolve_name(self.dataset) if self.dataset else name_after(self.paths)

    def rows(self) -> Manifest | None:
        """Return the user's CSV."""
        return manifests.read(self.manifest) if self.manifest else None


@dataclass(frozen=True)
class Footage:
    """The clips that were asked for.

    Attributes:
        found: where each lies, and why some are missing.
        labels: what is known of them: a row for each.
        roots: the folders below which artifacts name their files, so that they say nothing of the machine they were made on.
        origin: what their lineage says of where they come from.
        names: id → what the clip was called before its id said which video it is; empty where ids say nothing of that.
    """

    found: Found
    labels: Manifest
    roots: tuple[Path, ...]
    origin: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def source(self, clip: str) -> Source:
        """Return a clip's video, or raise why it has none."""
        if clip in self.found.missing:
            raise ArtifactError(self.found.missing[clip])
        return self.found.sources[clip]

    def facts(self, clip: str) -> dict[str, Any]:
        """Return what a clip's artifact says of its video."""
        source = self.found.sources[clip]
        return {"file": _below(source.path, self.roots), "start": source.start, "end": source.end}


def gather(request: Request, options: RunOptions, skip: Sequence[Path]) -> Footage:
    """Return the clips that were asked for; nothing is decoded.

    Args:
        request: what the user asks for.
        options: the data root, and who is told what a data set lacks.
        skip: files and folders in which no videos are looked for.

    Raises:
        UsageError: a path, data set or column does not exist, or no clip meets the conditions.
        ArtifactError: there is no video.
    """
    return _of_dataset(request, options) if request.dataset else _of_paths(request, skip)


def items(
    footage: Footage,
    template: Callable[[str, Mapping[str, str]], plan.Item],
    options: RunOptions,
    more: Callable[[str], Mapping[str, str]] | None = None,
) -> list[plan.Item]:
    """Return the plan's items.

    Args:
        footage: the clips.
        template: makes an item of a clip and the fingerprints of its inputs.
        options: the shard; other shards' videos are not read.
        more: fingerprints of a clip's other inputs.
    """
    found = footage.found
    made = []
    for position, clip in enumerate([*found.sources, *found.missing]):
        inputs: dict[str, str] = {}
        if options.shard.takes(position) and clip in found.sources:
            try:
                inputs["video"] = videos.digest(found.sources[clip])
            except ArtifactError:
                inputs["video"] = ""  # reading the clip says what is wrong
            inputs |= more(clip) if more else {}
        made.append(template(clip, inputs))
    return made


def some_to_do(planned: Sequence[plan.Item], options: RunOptions) -> bool:
    """Say whether this shard has anything to make, so that no network is built for nothing."""
    own = [item for position, item in enumerate(planned) if options.shard.takes(position)]
    return bool(own) and (options.overwrite or any(plan.state_of(item) is not plan.State.DONE for item in own))


def beside(footage: Footage, folder: Path) -> Manifest:
    """Return the manifest of a set's folder: the clips' labels, which go before what was there, and the other clips that were there."""
    known = [(row.clip, row.values) for row in footage.labels.rows]
    return labels.merged(labels.read_beside(folder), known, None, overwrite=True)[0]


def carry_out(
    planned: Sequence[plan.Item], work: Callable[[plan.Item], None], manifest: Manifest, folder: Path, options: RunOptions
) -> plan.Summary:
    """Make every item, with the manifest and the list of clips beside them."""
    if not options.dry_run:  # before the work, so that 'aqa status' can count while it goes on
        labels.write_beside(folder, manifest)
        plan.write_worklist(folder, sorted({*(plan.read_worklist(folder) or []), *(item.id for item in planned)}))
    return plan.run(planned, work, options, log=folder)


def _of_paths(request: Request, skip: Sequence[Path]) -> Footage:
    rows = request.rows()
    if rows is None and request.where:
        hint = "--manifest FILE; a data set (--dataset NAME) has one"
        raise UsageError("--where selects by the columns of a manifest, and none was given.", hint=hint)
    chosen = rows.where(request.where) if rows else None
    found = videos.clips(request.paths, chosen, skip)
    known = chosen or manifests.from_rows([(clip, {}) for clip in found.sources], MANIFEST)
    return _told_apart(Footage(found, known, tuple(request.paths))) if request.by_content else Footage(found, known, tuple(request.paths))


def _told_apart(footage: Footage) -> Footage:
    """Return the clips with ids that say which video they are; those without a video that can be read keep theirs."""
    sources = footage.found.sources
    ids = {clip: _with_digest(clip, source) for clip, source in sources.items()}
    rows = [(ids.get(row.clip, row.clip), row.values) for row in footage.labels.rows]
    found = Found({ids[clip]: source for clip, source in sources.items()}, footage.found.missing)
    return replace(footage, found=found, labels=manifests.from_rows(rows, MANIFEST), names={id_: clip for clip, id_ in ids.items()})


def _with_digest(clip: str, source: Source) -> str:
    try:
        return f"{clip}-{videos.digest(source)[:_DIGITS]}"
    except ArtifactError:
        return clip


def _of_dataset(request: Request, options: RunOptions) -> Footage:
    assert request.dataset is not None
    opened = open_dataset(request.dataset, options)
    there = videos_of(opened)
    kept = [(row.clip, row.values) for row in opened.scan.manifest.rows if row.clip in there]
    labelled, strange = labels.merged(None, kept, request.rows(), overwrite=True)
    chosen = Manifest(labelled.rows, opened.name).where(request.where)
    note_problems(opened, options)
    note_strange(strange, options)
    return Footage(Found({clip: there[clip] for clip in chosen.clips}), chosen, (opened.folder,), opened.identity)


def _below(path: Path, roots: Sequence[Path]) -> str:
    for given in roots:
        root = given if given.is_dir() else given.parent
        if path.is_relative_to(root) and path != root:
            return path.relative_to(root).as_posix()
    return path.name
