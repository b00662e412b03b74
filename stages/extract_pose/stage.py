"""Find the joints of the athlete in every video, with the manifest beside the poses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.artifacts import store
from stages.artifacts.fingerprint import of_value
from stages.artifacts.provenance import provenance
from stages.engine import plan
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError
from stages.extract_pose import boxes as box_files
from stages.extract_pose.boxes import Box
from stages.extract_pose.clip import Networks, extract, finds_people
from stages.extract_pose.config import ALL, STAGE, VERSION, ExtractPoseConfig
from stages.extract_pose.estimators import registry
from stages.skeletons import poses
from stages.video import footage as videos
from stages.video.footage import Footage, Request

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
    request: Request,
    execution: Execution | None = None,
) -> tuple[Path, plan.Summary]:
    """Make the poses of every clip that has none yet; return the folder and what was done.

    Args:
        config: who is looked for, with what, and what is done to the joints.
        options: where and how to run.
        output: the folder to write, instead of the workspace's.
        request: paths or a data set, the user's labels, which of the clips, and the name of the pose set.
        execution: how the networks are run.

    Raises:
        UsageError: a name or path does not exist, or the settings contradict each other.
        ArtifactError: there is no video, or outputs exist that were made differently.
        MissingDependencyError: a package or the weights are not there.
    """
    execution = execution or Execution()
    name = request.name(STAGE)
    folder = output or options.workspace.poses / name
    footage = videos.gather(request, options, [options.workspace.root, folder])
    given = box_files.read(Path(config.boxes)) if config.boxes and _is_file(config.boxes) else None
    document = _document(config, options, execution)
    named = {"estimator": _name(config.estimator), **({"boxes": _name(config.boxes)} if config.boxes else {})}

    def item(clip: str, inputs: Mapping[str, str]) -> plan.Item:
        return plan.Item(clip, folder / f"{clip}.h5", STAGE, VERSION, document, inputs)

    items = videos.items(footage, item, options, None if given is None else lambda clip: {"boxes": _identity_of_boxes(given, clip)})
    networks = None if options.dry_run or not videos.some_to_do(items, options) else _build(config, options, execution)

    def work(item: plan.Item) -> None:
        source = footage.source(item.id)
        if given is not None and item.id not in given:
            raise ArtifactError(f"{config.boxes} has no box for this clip.")
        assert networks is not None
        boxes = None if given is None else given[item.id]
        clip = extract(source, networks, config, boxes, options.progress, item.id)
        _write(item, clip, footage, provenance(STAGE, VERSION, document, **footage.origin, named=named))

    summary = videos.carry_out(items, work, videos.beside(footage, folder), folder, options)
    _note_unused_boxes(given, footage, options)
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


def _identity_of_boxes(given: Mapping[str, Sequence[Box]], clip: str) -> str:
    return of_value(box_files.document(given.get(clip, ())))


def _name(network: str) -> str:
    """Return what lineage calls a network whose content the configuration knows by its digest: no path of this machine."""
    return Path(network).name


def _write(item: plan.Item, clip: poses.PoseSequence, footage: Footage, made: Mapping[str, Any]) -> None:
    header = store.Header("poses", STAGE, VERSION, item.fingerprint)
    artifact = poses.to_artifact(clip, header, item.config, made)
    artifact.documents["clip"] = {**footage.facts(item.id), **clip.clip}
    store.write(item.output, artifact)


def _is_file(boxes: str | None) -> bool:
    return boxes is not None and boxes.lower().endswith(box_files.SUFFIXES)


def _default() -> str:
    return str(ExtractPoseConfig.model_fields["estimator"].default)


def _note_unused_boxes(given: Mapping[str, Sequence[Box]] | None, footage: Footage, options: RunOptions) -> None:
    unused = [clip for clip in given or () if clip not in footage.found.sources]
    if unused:
        shown = ", ".join(unused[:_NOTED]) + (" …" if len(unused) > _NOTED else "")
        options.progress.note(f"{len(unused)} clip(s) of the boxes are not among the videos: {shown}")
