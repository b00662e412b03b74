"""Draw poses over their videos, or on an empty canvas, as mp4, PNG frames or a contact sheet."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.datasets import manifest as manifests
from stages.engine import plan
from stages.engine.options import RunOptions
from stages.engine.plan import Failure, Summary
from stages.errors import AqaError, UsageError
from stages.render import draw, project
from stages.render import why as whys
from stages.render.config import STAGE, RenderConfig
from stages.render.draw import Colours
from stages.render.pairs import Pair, PoseFiles, open_poses, pairs
from stages.render.why import Why
from stages.skeletons.poses import PoseSequence
from stages.video import reader, writer
from stages.video import source as sources
from stages.video.frame import GRACE, Source

Images = Generator[Array, None, None]

SLOWEST, FASTEST = 1.0, 240.0
"""Frames per second of an mp4 that players take; poses with stranger times are shown at one of these."""

_ENDINGS = {"video": ".mp4", "frames": "", "sheet": ".png"}


def run(
    config: RenderConfig,
    options: RunOptions,
    output: Path | None = None,
    *,
    paths: Sequence[Path] = (),
    poses: str | None = None,
    manifest: Path | None = None,
    why: Path | None = None,
) -> tuple[Path, Summary]:
    """Draw every clip that is not drawn yet; return the folder and what was done.

    Args:
        config: what is drawn, and as what.
        options: where and how to run.
        output: the folder to write, instead of the workspace's.
        paths: videos, frame folders, and folders that are searched for them; none draws on an empty canvas.
        poses: a pose set of the workspace, a folder, a merged file or one clip's file; see :func:`stages.render.pairs.open_poses`.
        manifest: a CSV that says which part of which video a clip is.
        why: what ``aqa score --explain HOW --json`` said; parts of the body are then coloured by what they cost.

    Raises:
        UsageError: a path or a pose set does not exist, or an output would take the place of a video.
        ArtifactError: there is nothing to draw.
    """
    if poses is None and not paths and not options.workspace.pose_sets():
        raise UsageError("There is nothing to draw: neither videos nor poses are given.", hint="aqa render VIDEOS --poses SET")
    sources.require(paths)
    reasons = whys.read(why) if why is not None else {}
    files = open_poses(poses, paths, options.workspace)
    folder = output or options.workspace.root / "renders" / files.name
    rows = manifests.read(manifest) if manifest else None
    found = pairs(paths, files, rows, [place for place in (options.workspace.root, folder) if not _holds(place, paths)])
    places = {pair.clip: _place(folder, pair, config) for pair in found.found}
    summary = Summary()
    work = [(pair, places[pair.clip]) for position, pair in enumerate(found.found) if options.shard.takes(position)]
    todo = [(pair, place) for pair, place in work if options.overwrite or not place.exists()]
    summary.skipped = [pair.clip for pair, place in work if not options.overwrite and place.exists()]
    if options.dry_run:
        for pair, place in work:
            options.progress.note(f"{'skip' if pair.clip in summary.skipped else 'make':<12} {place}")
        return folder, summary
    if summary.skipped:
        options.progress.note(f"{len(summary.skipped)} are there already, and are not drawn again, even from new poses; --overwrite does.")
    if options.shard.index == 0:
        summary.failed = [Failure(clip, "ArtifactError", reason) for clip, reason in found.missing.items()]
    for pair, _ in todo:
        if reasons and pair.clip not in reasons:
            options.progress.note(f"{pair.clip} is not explained in {why}, and is drawn as ever.")
    _draw_all(todo, files, config, options, folder, summary, reasons)
    return folder, summary


def _draw_all(
    todo: Sequence[tuple[Pair, Path]],
    files: PoseFiles,
    config: RenderConfig,
    options: RunOptions,
    folder: Path,
    summary: Summary,
    reasons: Mapping[str, Why],
) -> None:
    log = plan.failures_file(folder, options.shard)
    with options.progress.task(STAGE, len(todo)) as task:
        for pair, place in todo:
            task.advance(0, pair.clip)
            try:
                render(files.read(pair.poses), pair.source, place, config, options.progress.note, reasons.get(pair.clip))
                summary.done.append(pair.clip)
            except Exception as error:
                if isinstance(error, AqaError) and error.exit_code in (2, 5):
                    raise
                summary.failed.append(_failure(pair.clip, error))
                if options.fail_fast:
                    plan.record_failures(log, summary.failed)
                    raise
            task.advance(1, pair.clip)
    plan.record_failures(log, summary.failed)


def render(
    poses: PoseSequence,
    source: Source | None,
    place: Path,
    config: RenderConfig,
    note: Callable[[str], None],
    why: Why | None = None,
) -> None:
    """Draw one clip and write it to ``place``: an mp4, a PNG or a folder, as ``config`` says.

    Raises:
        ArtifactError: the video cannot be read, the poses do not belong to it, or the disk refuses.
    """
    if source is not None and poses.positions.shape[3] == 3:
        note(f"{place.stem}: 3-D skeletons are drawn on an empty canvas, without the video.")
        source = None
    fps, images = over_video(poses, source, place.stem, config, note, why) if source else on_canvas(poses, config, why)
    with closing(images):
        if config.output == "sheet":
            writer.save_image(place, draw.sheet(list(images)))
        elif config.output == "frames":
            writer.save_frames(place, images)
        else:
            first = next(images)
            with writer.writing(place, min(max(fps, SLOWEST), FASTEST), (first.shape[1], first.shape[0])) as append:
                append(first)
                for image in images:
                    append(image)


def over_video(
    poses: PoseSequence, source: Source, where: str, config: RenderConfig, note: Callable[[str], None], why: Why | None = None
) -> tuple[float, Images]:
    """Return the frames per second, and the chosen frames of the video with the people drawn on them.

    Raises:
        ArtifactError: the video cannot be read, or the poses do not belong to it.
    """
    info = reader.probe(source)
    shown = project.on_frame(poses, info.width, info.height, where)
    by_index = abs(info.frames - poses.frames) <= max(2, 0.01 * info.frames)
    if not by_index:
        note(f"{where}: {poses.frames} poses for about {info.frames} frames; each frame shows the pose that is nearest in time.")
    chosen = None
    if config.output == "sheet":
        chosen = chosen_of(poses.frames if by_index else reader.count(source), config)

    def images() -> Images:
        with closing(reader.read(source, chosen, note=note)) as frames:
            for frame in frames:
                if chosen is None and frame.index % config.every:
                    continue
                image = frame.image.copy()  # the reader may give one frame twice
                at = frame.index if by_index else _nearest(poses.timestamps, frame.time)
                if at is not None and at < poses.frames:
                    _people_on(image, shown, at, config, why)
                if why is not None:
                    why.on(image, frame.time)
                draw.caption_on(image, _caption(frame.index, frame.time))
                yield image

    return info.fps / config.every, images()


def on_canvas(poses: PoseSequence, config: RenderConfig, why: Why | None = None) -> tuple[float, Images]:
    """Return the frames per second, and the chosen frames of the poses on an empty canvas."""
    shown, width, height = project.on_canvas(poses)

    def images() -> Images:
        for frame in chosen_of(poses.frames, config):
            image = draw.blank(width, height)
            _people_on(image, shown, frame, config, why)
            if why is not None:
                why.on(image, float(poses.timestamps[frame]))
            draw.caption_on(image, _caption(frame, float(poses.timestamps[frame])))
            yield image

    return (poses.fps if np.isfinite(poses.fps) else SLOWEST) / config.every, images()


def chosen_of(total: int, config: RenderConfig) -> list[int]:
    """Return the numbers of the frames that are drawn: every so many, of which a sheet shows some, evenly spread."""
    frames = list(range(0, total, config.every))
    if config.output != "sheet" or len(frames) <= config.tiles:
        return frames
    return [frames[int((tile + 0.5) * len(frames) / config.tiles)] for tile in range(config.tiles)]


def _people_on(image: Array, poses: PoseSequence, frame: int, config: RenderConfig, why: Why | None = None) -> None:
    names = poses.clip.get("people")
    people = len(poses.positions)
    for person in range(people):
        palette: Colours = draw.PALETTES[person % len(draw.PALETTES)]
        if why is not None and person == 0:  # explanations are of the first person
            palette = why.shades(poses.layout, float(poses.timestamps[frame]))
        positions = poses.positions[person, frame]
        filled = None if poses.interpolated is None else poses.interpolated[person, frame]
        draw.skeleton_on(image, positions, poses.confidence[person, frame], poses.layout, palette=palette, interpolated=filled)
        if config.boxes and poses.boxes is not None:
            draw.box_on(image, poses.boxes[person, frame], palette.left)
        if people > 1 and np.isfinite(positions).all(axis=1).any():
            name = str(names[person]) if isinstance(names, list) and len(names) == people else str(person + 1)
            highest = positions[np.nanargmin(positions[:, 1])]
            draw.label_on(image, name, (highest[0], highest[1] - 4 * draw.stroke(image)), palette.left)


def _nearest(times: Array, time: float) -> int | None:
    """Return the pose that is shown at ``time``, None where the poses have a hole or an end there."""
    at = int(np.abs(times - time).argmin())
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    return at if abs(float(times[at]) - time) <= 0.5 * step + GRACE else None


def _caption(frame: int, time: float) -> str:
    return f"frame {frame}  {time:.2f} s"


def _holds(folder: Path, paths: Sequence[Path]) -> bool:
    return any(path.resolve().is_relative_to(folder.resolve()) for path in paths)


def _place(folder: Path, pair: Pair, config: RenderConfig) -> Path:
    place = folder / f"{pair.clip}{_ENDINGS[config.output]}"
    if pair.source is not None and place.resolve() == pair.source.path.resolve():
        raise UsageError(
            f"The drawing of '{pair.clip}' would take the place of its video {pair.source.path}.", hint="-o DIR writes elsewhere"
        )
    return place


def _failure(clip: str, error: Exception) -> Failure:
    if isinstance(error, AqaError):
        return Failure(clip, type(error).__name__, error.message)
    return Failure(clip, type(error).__name__, str(error) or type(error).__name__, traceback.format_exc())
