"""Where motion comes from: a set of pose artifacts, or the recordings of a data set that is published with a robot's kinematics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stages.datasets.manifest import Value
from stages.datasets.opened import Opened, note_problems, open_dataset
from stages.datasets.pose_sets import PoseSet, find_poses, known_dataset, lineage
from stages.datasets.registry import adapter_for, inputs_of
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError
from stages.extract_kinematics import motions
from stages.extract_kinematics.config import KinematicInput
from stages.skeletons import poses as pose_io
from stages.skeletons.layouts import layout_named
from stages.skeletons.motion import Motion


@dataclass(frozen=True)
class Clip:
    """The motion of one clip, and what it was made of (entries of a lineage)."""

    motion: Motion
    lineage: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Source:
    """The clips that can be described.

    Attributes:
        name: of the set.
        rows: clip → its labels.
        inputs: gives the fingerprints of what a clip is made of.
        load: reads a clip; raises why it cannot be read.
        identity: what configurations say of where the clips come from.
    """

    name: str
    rows: Mapping[str, Mapping[str, Value]]
    inputs: Callable[[str], Mapping[str, str]]
    load: Callable[[str], Clip]
    identity: Mapping[str, Any] = field(default_factory=dict)


def find(poses: str | None, dataset: str | None, settings: KinematicInput, options: RunOptions) -> Source:
    """Return the clips that a user asks for.

    Args:
        poses: a pose set of the workspace, or a folder or merged file of poses.
        dataset: a data set whose kinematics are read from the data root, or that names a pose set; with nothing named, the only pose set.
        settings: how clips are prepared.
        options: the workspace, the data root, and who is told what a data set lacks.

    Raises:
        UsageError: both are given, a name does not exist, several sets are possible, or a setting does not fit a robot.
        ArtifactError: there is no pose, or no recording.
    """
    if poses is not None and dataset is not None:
        raise UsageError(
            f"Poses or a data set are described, found both: --poses {poses} and --dataset {dataset}.", hint="give one of them"
        )
    if settings.skeleton is not None:
        layout_named(settings.skeleton)
    known = None if dataset is None else known_dataset(dataset)
    if known is not None and adapter_for(known).load_motion is not None:
        motions.check_robot(settings, known)
        return _of_dataset(open_dataset(known, options), settings, options)
    return _of_poses(find_poses(poses, dataset, options.workspace), settings)


def _of_poses(known: PoseSet, settings: KinematicInput) -> Source:
    def load(clip: str) -> Clip:
        artifact = known.poses.read(clip)
        sequence = pose_io.from_artifact(artifact, clip)
        return Clip(motions.of_poses(sequence, settings), [lineage(clip, artifact)])

    return Source(known.name, known.rows, known.inputs, load)


def _of_dataset(opened: Opened, settings: KinematicInput, options: RunOptions) -> Source:
    recordings, read = opened.scan.motions, opened.adapter.load_motion
    assert read is not None
    if not recordings:
        raise ArtifactError(
            f"{opened.folder} holds labels of {opened.name}, but none of its kinematics.", hint=f"expected {opened.adapter.layout_help}"
        )
    note_problems(opened, options)
    rows = {row.clip: row.values for row in opened.scan.manifest.rows if row.clip in recordings}

    def inputs(clip: str) -> dict[str, str]:
        return inputs_of(recordings[clip])

    def load(clip: str) -> Clip:
        return Clip(motions.of_robot(read(recordings[clip]), settings))

    return Source(opened.name, rows, inputs, load, opened.identity)
