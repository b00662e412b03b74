"""How complex the motion of a clip is: the intensity of optical flow across its video (S4AQA, section IV-D and figure 7).

The paper gives neither a unit nor a size.  Here it is the mean length of the TV-L1 flow's displacements over all pixels and frames, in
pixels from one frame to the next, of frames whose shorter side is :data:`SIZE` pixels: those in which ``aqa extract-features`` sees flow,
whose cached flow (``--cache-flow``) is used where it lies in the workspace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.compare.cases import Case
from stages.compare.runs import Run
from stages.datasets import manifest as manifests
from stages.datasets.opened import open_dataset, videos_of
from stages.datasets.registry import DATASETS, resolve_name
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError
from stages.video import decode, flow, reader
from stages.video import source as videos
from stages.video.flow import BOUND, Cache
from stages.video.frame import Source
from stages.video.opencv import optical_flow

SIZE = 256
"""Pixels of the frames' shorter side."""
PAIRS = 128
"""Of a longer clip, so many pairs of neighbouring frames at even distances are looked at."""
SENTENCE = (
    f"Motion complexity is the mean length of optical flow (TV-L1) over a video's pixels and frames, in pixels from one frame to the next "
    f"at {SIZE} pixels of the shorter side; displacements are cut off at {BOUND:g} pixels along each axis, and of clips of more than "
    f"{PAIRS + 1} frames {PAIRS} pairs of neighbouring ones are taken, at even distances."
)


@dataclass(frozen=True)
class Motions:
    """Clip → its motion complexity, in pixels per frame; and why others have none."""

    measured: Mapping[str, float] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def motions(cases: Sequence[Case], runs: Sequence[Run], given: str | None, manifest: Path | None, options: RunOptions) -> Motions:
    """Measure the motion of the cases; nothing where no videos were given.

    Args:
        cases: the clips.
        runs: their data sets say where cached flow is looked for.
        given: a folder of videos named as the clips are, or a data set whose videos lie under the data root.
        manifest: which windows of the folder's videos the clips are; see :func:`stages.video.source.clips`.
        options: the workspace, the data root, and whether anything is written.

    Raises:
        UsageError: there is neither a folder nor a data set of that name, or it has no videos.
        ArtifactError: there is no video.
        MissingDependencyError: the installed OpenCV lacks TV-L1.
    """
    if given is None:
        return Motions()
    optical_flow()
    there = _videos(given, manifest, options)
    sets = dict.fromkeys(str(run.facts["dataset"]) for run in runs if "dataset" in run.facts)
    measured, missing = dict[str, float](), []
    with options.progress.task("optical flow", len(cases)) as task:
        for case in cases:
            if case.clip not in there:
                missing.append(f"{given} has no video of {case.clip}")
            else:
                kept = (options.workspace.flow / name / case.clip for name in sets)
                folder = None if options.dry_run else next((place for place in kept if place.is_dir()), None)
                try:
                    measured[case.clip] = complexity(there[case.clip], folder)
                except ArtifactError as error:
                    missing.append(f"the video of {case.clip} cannot be read: {error.message}")
            task.advance(1, case.clip)
    return Motions(measured, tuple(missing))


def complexity(source: Source, folder: Path | None = None) -> float:
    """Return the motion complexity of a clip, 0 for a single frame.

    Args:
        source: the clip.
        folder: where flow of the clip is kept; what is missing there is added.

    Raises:
        VideoError: the clip cannot be read to its end.
    """
    from stages.extract_features.frames import resized  # brings torch along, which comparisons do without

    times = np.array([time for time, _ in decode.pictures(source, lambda _: None)])
    firsts = max(len(times) - 1, 1)
    wanted = np.linspace(0, firsts - 1, min(firsts, PAIRS)).round().astype(int).tolist()

    def compute(missing: Sequence[int]) -> Iterator[tuple[int, Array]]:
        with closing(reader.read(source, flow.frames_needed(missing, len(times)))) as frames:
            greys = ((frame.index, resized(flow.grey(frame.image), SIZE)) for frame in frames)
            yield from flow.stream(greys, missing, len(times))

    found = Cache(folder, videos.digest(source), SIZE, times).stream(wanted, compute) if folder else compute(wanted)
    lengths = [np.linalg.norm(BOUND * field.astype(np.float32), axis=2).mean(dtype=np.float64) for _, field in found]
    return float(np.mean(lengths))


def _videos(given: str, manifest: Path | None, options: RunOptions) -> Mapping[str, Source]:
    path = Path(given)
    if path.exists():
        return videos.clips([path], manifests.read(manifest) if manifest else None, [options.workspace.root]).sources
    try:
        name = resolve_name(given)
    except UsageError:
        raise UsageError(
            f"There are no videos '{given}': neither a folder nor a data set is called so.",
            hint=f"--videos FOLDER, or --videos NAME --data-root DIR with one of {', '.join(sorted(DATASETS))}",
        ) from None
    return videos_of(open_dataset(name, options))
