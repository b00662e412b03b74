"""Features of the motion in every clip's segments, one artifact per clip, with the manifest beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.artifacts import store
from stages.artifacts.provenance import provenance
from stages.datasets import labels
from stages.datasets import manifest as manifests
from stages.datasets.manifest import Manifest
from stages.datasets.opened import note_strange
from stages.engine import plan
from stages.engine.options import RunOptions
from stages.extract_kinematics.config import STAGE, VERSION, ExtractKinematicsConfig
from stages.extract_kinematics.sources import Source, find
from stages.extract_kinematics.spectra import describe, spans
from stages.skeletons.motion import Motion
from stages.video.footage import carry_out
from stages.workspace import plain_name

DEFAULT_NAME = "kinematic-dct"


def run(
    config: ExtractKinematicsConfig,
    options: RunOptions,
    output: Path | None = None,
    *,
    poses: str | None = None,
    dataset: str | None = None,
    where: Sequence[str] = (),
    manifest: Path | None = None,
    set_name: str | None = None,
    name: str | None = None,
) -> tuple[Path, plan.Summary]:
    """Make the features of every clip that has none yet; return the folder and what was done.

    Args:
        config: the preparation, the segments, and what is kept of each.
        options: where and how to run.
        output: the folder to write, instead of the workspace's.
        poses: a pose set of the workspace, or a folder or merged file of poses.
        dataset: a data set with published kinematics, or the pose set of its name; with neither, the only pose set.
        where: ``COLUMN=VALUE`` conditions on the labels.
        manifest: a user's CSV of labels, merged into the manifest beside the features.
        set_name: the name of the set; by default that of the poses or the data set.
        name: of these features in their set.

    Raises:
        UsageError: a name or path does not exist, several pose sets are possible, or the settings do not fit the clips.
        ArtifactError: there is nothing to describe, or outputs exist that were made differently.
    """
    for given, flag in ((set_name, "--set-name"), (name, "--name")):
        if given is not None:
            plain_name(given, flag)
    rows = manifests.read(manifest) if manifest else None
    source = find(poses, dataset, config.input, options)
    labelled, strange = labels.merged(None, source.rows.items(), rows, overwrite=True)
    chosen = Manifest(labelled.rows, source.name).where(where)
    note_strange(strange, options)
    folder = output or options.workspace.features / (set_name or source.name) / (name or DEFAULT_NAME)
    document = {**source.identity, **config.document()}
    items = [
        plan.Item(clip, folder / f"{clip}.h5", STAGE, VERSION, document, source.inputs(clip) if options.shard.takes(position) else {})
        for position, clip in enumerate(chosen.clips)
    ]
    sizes: dict[tuple[str, int], str] = {}

    def work(item: plan.Item) -> None:
        motion = _write(item, source, config)
        positions = motion.signals["positions"]
        sizes.setdefault((motion.layout.name, positions.shape[3]), item.id)

    known = [(row.clip, row.values) for row in chosen.rows]
    beside = labels.merged(labels.read_beside(folder), known, None, overwrite=True)[0]
    summary = carry_out(items, work, beside, folder, options)
    _note_sizes(sizes, options)
    return folder, summary


def _write(item: plan.Item, source: Source, config: ExtractKinematicsConfig) -> Motion:
    clip = source.load(item.id)
    documents = {
        "clip": _facts(clip.motion, config),
        "sampling": _sampling(clip.motion, config),
        "config": dict(item.config),
        "provenance": provenance(STAGE, VERSION, item.config, clip.lineage),
    }
    header = store.Header("features", STAGE, VERSION, item.fingerprint)
    store.write(item.output, store.Artifact(header, {"features": describe(clip.motion, config)}, documents))
    return clip.motion


def _facts(motion: Motion, config: ExtractKinematicsConfig) -> dict[str, Any]:
    """Return what says which number is which: D runs over signals, bodies, joints, axes and coefficients, the last fastest."""
    bodies, _, _, axes = motion.signals["positions"].shape
    return {
        "frames": motion.frames,
        "seconds": round(float(motion.timestamps[-1] - motion.timestamps[0]), 6),
        "signals": list(config.signals),
        "bodies": list(motion.bodies) or [f"person {number + 1}" for number in range(bodies)],
        "joints": list(motion.layout.joints),
        "axes": ["x", "y", "z"][:axes],
        "coefficients": config.coefficients,
    }


def _sampling(motion: Motion, config: ExtractKinematicsConfig) -> dict[str, Any]:
    """Return the artifact's ``/sampling``: for each view its transform, and each segment's first and last frame and their times."""
    ends = [(start, end - 1) for start, end in spans(motion.frames, config.segments, config.overlap)]
    times = [[round(float(motion.timestamps[frame]), 6) for frame in pair] for pair in ends]
    spanned: Mapping[str, Any] = {"first_and_last_frame": [list(pair) for pair in ends], "times": times}
    return {"views": [{"name": view, "transform": {"flip": view == "flip"}, **spanned} for view in config.views]}


def _note_sizes(sizes: Mapping[tuple[str, int], str], options: RunOptions) -> None:
    if len(sizes) > 1:
        listing = ", ".join(f"{layout} in {axes}-D ({clip})" for (layout, axes), clip in sizes.items())
        options.progress.note(
            f"The clips move differently: {listing}; no method takes their features together. --skeleton NAME converts joints, "
            "--set input.flat=true leaves out depth."
        )
