"""Find the joints of the athlete in every video, with the manifest beside the poses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.artifacts import store
from stages.artifacts.fingerprint import of_value
from stages.artifacts.provenance import provenance
from stages.datasets import labels
from stages.datasets import manifest as manifests
from stages.datasets.manifest import Manifest
from stages.engine import plan
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError
from stages.extract_pose import boxes as box_files
from stages.extract_pose.boxes import Box
from stages.extract_pose.clip import Networks, extract, finds_people
from stages.extract_pose.config import ALL, STAGE, VERSION, ExtractPoseConfig
from stages.extract_pose.estimators import registry
from stages.skeletons import poses
from stages.video import source as videos
from stages.video.frame import Source
from stages.video.source import Found
from stages.workspace import name_after, plain_name

_ESTIMATORS = ("estimator", "checkpoint", "precision", "flip_test", "boxes", "boxes_checkpoint")
"""What the fingerprint knows by content, not by name or path."""
_NOTED = 5


@dataclass(frozen=True)
class Execution:
    """How the networks are run; nothing here changes a result.

    Attributes:
        weights_dir: where downloaded weights lie.
        batch: how many frames are held and handed over at once.
    """

    weights_dir: Path | None = None
    batch: int | None = None


def run(
    config: ExtractPoseConfig,
    options: RunOptions,
    output: Path | None = None,
    *,
    paths: Sequence[Path],
    set_name: str | None = None,
    manifest: Path | None = None,
    execution: Execution | None = None,
) -> tuple[Path, plan.Summary]:
    """Make the poses of every clip that has none yet; return the folder and what was done.

    Args:
        config: who is looked for, with what, and what is done to the joints.
        options: where and how to run.
        output: the folder to write, instead of the workspace's.
        paths: videos, frame folders, and folders that are searched for them.
        set_name: the name of the pose set; by default that of the folder or file.
        manifest: a user's CSV: its rows are the clips (windows of videos, where it has ``start`` and ``end``), its columns the labels.
        execution: how the networks are run.

    Raises:
        UsageError: a name or path does not exist, or the settings contradict each other.
        ArtifactError: there is no video, or outputs exist that were made differently.
        MissingDependencyError: a package or the weights are not there.
    """
    execution = execution or Execution()
    if not paths:
        raise UsageError("No video was given.", hint="aqa extract-pose VIDEO|FOLDER [VIDEO|FOLDER …]")
    folder = output or options.workspace.poses / (plain_name(set_name) if set_name is not None else name_after(paths))
    rows = manifests.read(manifest) if manifest else None
    found = videos.clips(paths, rows, [options.workspace.root, folder])
    given = box_files.read(Path(config.boxes)) if config.boxes and _is_file(config.boxes) else None
    document = _document(config, options, execution)
    items = _items(found, document, given, folder, options)
    networks = None if options.dry_run or not _some_to_do(items, options) else _build(config, options, execution)

    def work(item: plan.Item) -> None:
        if item.id in found.missing:
            raise ArtifactError(found.missing[item.id])
        if given is not None and item.id not in given:
            raise ArtifactError(f"{config.boxes} has no box for this clip.")
        assert networks is not None
        boxes = None if given is None else given[item.id]
        clip = extract(found.sources[item.id], networks, config, boxes, options.progress, item.id)
        _write(item, clip, found.sources[item.id], paths, document)

    beside = _manifest_beside(folder, found, rows, overwrite=options.overwrite)
    if not options.dry_run:  # before the work, so that 'aqa status' can count while it goes on
        labels.write_beside(folder, beside)
        plan.write_worklist(folder, sorted({*(plan.read_worklist(folder) or []), *(item.id for item in items)}))
    summary = plan.run(items, work, options, log=folder)
    _note_unused_boxes(given, found, options)
    return folder, summary


def _document(config: ExtractPoseConfig, options: RunOptions, execution: Execution) -> dict[str, Any]:
    """Return the configuration as the fingerprint sees it: networks by their content, files of boxes clip by clip among the inputs."""
    document = config.model_dump(mode="json", exclude=set(_ESTIMATORS))
    document["estimator"] = _identity(config.estimator, config.checkpoint, config, options, execution)
    if _is_file(config.boxes):
        document["boxes"] = "file"
    elif config.boxes is not None:
        document["boxes"] = _identity(config.boxes, config.boxes_checkpoint, config, options, execution)
    return document


def _identity(name: str, checkpoint: str | None, config: ExtractPoseConfig, options: RunOptions, execution: Execution) -> Any:
    return registry.fingerprint_of(
        name,
        checkpoint=checkpoint,
        weights_dir=execution.weights_dir,
        precision=config.precision,
        flip_test=config.flip_test,
        progress=options.progress,
    )


def _build(config: ExtractPoseConfig, options: RunOptions, execution: Execution) -> Networks:
    """Build the networks.

    Raises:
        UsageError: settings that this network cannot follow.
    """

    def build(name: str, checkpoint: str | None, *, flip_test: bool) -> Any:
        return registry.build(
            name,
            checkpoint=checkpoint,
            weights_dir=execution.weights_dir,
            device=options.device,
            precision=config.precision,
            flip_test=flip_test,
            progress=options.progress,
        )

    joints = build(config.estimator, config.checkpoint, flip_test=config.flip_test)
    if finds_people(joints):
        if config.boxes is not None:
            raise UsageError(f"{config.estimator} finds people by itself and takes no boxes.", hint="leave out --boxes")
        return Networks(joints, batch=execution.batch)
    if config.boxes is None:
        if config.people > 1 or config.person == ALL:
            raise UsageError(
                f"{config.estimator} alone follows one person; several need boxes.",
                hint=f"--boxes rtmo-s or --boxes FILE; or an estimator that finds people: --estimator {_default()}",
            )
        joints.batch = 1  # each frame's box comes from the frame before: padding to a larger batch would only cost time
        return Networks(joints, batch=execution.batch)
    if _is_file(config.boxes):
        return Networks(joints, batch=execution.batch)
    finder = build(config.boxes, config.boxes_checkpoint, flip_test=False)
    if not finds_people(finder):
        raise UsageError(
            f"--boxes takes a file or an estimator that finds people; {config.boxes} needs boxes itself.", hint="--boxes rtmo-s"
        )
    return Networks(joints, finder, execution.batch)


def _items(
    found: Found, document: Mapping[str, Any], given: Mapping[str, Sequence[Box]] | None, folder: Path, options: RunOptions
) -> list[plan.Item]:
    items = []
    for position, clip in enumerate([*found.sources, *found.missing]):
        inputs = {}
        if options.shard.takes(position) and clip in found.sources:  # other shards' videos need not be read
            try:
                inputs["video"] = videos.digest(found.sources[clip])
            except ArtifactError:
                inputs["video"] = ""  # reading the clip says what is wrong
            if given is not None:
                inputs["boxes"] = of_value(box_files.document(given.get(clip, ())))
        items.append(plan.Item(clip, folder / f"{clip}.h5", STAGE, VERSION, document, inputs))
    return items


def _write(item: plan.Item, clip: poses.PoseSequence, source: Source, paths: Sequence[Path], document: Mapping[str, Any]) -> None:
    facts: dict[str, Any] = {"file": _relative(source.path, paths), "start": source.start, "end": source.end, **clip.clip}
    header = store.Header("poses", STAGE, VERSION, item.fingerprint)
    artifact = poses.to_artifact(clip, header, document, provenance(STAGE, VERSION, document))
    artifact.documents["clip"] = facts
    store.write(item.output, artifact)


def _relative(path: Path, paths: Sequence[Path]) -> str:
    """Return a video's path below the folder that was given, so that an artifact says nothing of the machine it was made on."""
    for given in paths:
        root = given if given.is_dir() else given.parent
        if path.is_relative_to(root) and path != root:
            return path.relative_to(root).as_posix()
    return path.name


def _some_to_do(items: Sequence[plan.Item], options: RunOptions) -> bool:
    own = [item for position, item in enumerate(items) if options.shard.takes(position)]
    return bool(own) and (options.overwrite or any(plan.state_of(item) is not plan.State.DONE for item in own))


def _manifest_beside(folder: Path, found: Found, rows: Manifest | None, *, overwrite: bool) -> Manifest:
    known: list[tuple[str, dict[str, manifests.Value]]] = [(clip, {}) for clip in [*found.sources, *found.missing]]
    return labels.merged(labels.read_beside(folder), known, rows, overwrite=overwrite)[0]


def _is_file(boxes: str | None) -> bool:
    return boxes is not None and boxes.lower().endswith(box_files.SUFFIXES)


def _default() -> str:
    return str(ExtractPoseConfig.model_fields["estimator"].default)


def _note_unused_boxes(given: Mapping[str, Sequence[Box]] | None, found: Found, options: RunOptions) -> None:
    unused = [clip for clip in given or () if clip not in found.sources]
    if unused:
        shown = ", ".join(unused[:_NOTED]) + (" …" if len(unused) > _NOTED else "")
        options.progress.note(f"{len(unused)} clip(s) of the boxes are not among the videos: {shown}")
