"""NTU RGB+D (60 actions): daily and medical actions of 40 people, three synchronous Kinect v2 (Shahroudy et al. 2016).

Layout: ``nturgb+d_skeletons/S001C001P001R001A001.skeleton``, ``nturgb+d_rgb/S001C001P001R001A001_rgb.avi``, and
``nturgb+d_depth_masked/S001C001P001R001A001/MDepth-00000001.png`` (16 bit, millimetres, zero outside the people).  A name is setup, camera,
person, repetition, action.  The authors list 302 skeleton files without usable bodies; with that list beside the data they are left out.

Videos are the colour ones; the set ``ntu60-depth`` has the masked depth maps in their place, and ``ntu60-densepose`` DensePose's maps of
the colour videos, which users make themselves: ``nturgb+d_densepose/S001C001P001R001A001/img_00001.png``.  ``moment`` is the performance,
equal for the clips of its three cameras, which are synchronous.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stages.datasets import foreign, manifest
from stages.datasets.manifest import Value
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError
from stages.skeletons.importers import ntu
from stages.skeletons.importers.common import Reading, read_text
from stages.skeletons.poses import PoseSequence
from stages.video.frame import Source

LAYOUT = "nturgb+d_skeletons/S001C001P001R001A001.skeleton, nturgb+d_rgb/S001C001P001R001A001_rgb.avi"
_HOMES = ("NTU", "NTU60", "NTU-RGBD", "NTU-RGBD-60", "NTU-RGB+D", "nturgb+d", "nturgbd")
_PLACES = {
    "skeletons": ("nturgb+d_skeletons", "nturgbd_skeletons", "skeletons", ""),
    "colour": ("nturgb+d_rgb", "nturgbd_rgb", "rgb", ""),
    "depth": ("nturgb+d_depth_masked", "nturgbd_depth_masked", "depth_masked"),
    "densepose": ("nturgb+d_densepose", "nturgbd_densepose", "densepose"),
}
_WHAT = {"skeletons": "skeleton file", "colour": "colour video", "depth": "folder of masked depth", "densepose": "folder of DensePose maps"}
_FOLDERS = {
    "depth": "nturgb+d_depth_masked/S001C001P001R001A001/MDepth-00000001.png",
    "densepose": "nturgb+d_densepose/S001C001P001R001A001/img_00001.png",
}
"""Parts whose clips are folders of pictures, each a variant of the set in which they stand in the videos' place."""
_MISSING_LISTS = "*missing*skeleton*.txt"
_NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")
_CAMERAS, _ACTIONS, _SETUPS, _PEOPLE = 3, 60, 17, 40
_NAMED = 20
"""Missing clips of one session that are named one by one; with more, part of the set was not downloaded."""


@dataclass(frozen=True)
class Recording:
    """The skeletons of one clip."""

    file: Path


def locate(root: Path) -> Path | None:
    """Return the folder in which the parts of the set lie."""
    return next((home for home in foreign.homes(root, _HOMES) if any(_files(home, part, []) for part in _PLACES)), None)


def scan(folder: Path, part: str = "colour") -> Scan:
    """List every clip of which there is a skeleton or a video (or what else ``part`` says), and those that a session lacks."""
    problems: list[str] = []
    skeletons = _files(folder, "skeletons", problems)
    videos = _files(folder, part, problems)
    if not skeletons and not videos:
        raise ArtifactError(f"{folder} holds no clips.", hint=f"expected {_layout(part)}")
    clips = sorted({*skeletons, *videos})
    for clip in sorted(_listed_as_missing(folder) & set(clips)):
        problems.append(f"{clip}: listed by the authors as without usable skeletons" + (", left out" if clip in skeletons else ""))
        skeletons.pop(clip, None)
    problems += _incomplete(clips)
    for what, there in (("skeletons", skeletons), (part, videos)):
        if there:
            listed = _listed_as_missing(folder) if what == "skeletons" else set()
            problems += [f"{clip}: no {_WHAT[what]}" for clip in clips if clip not in there and clip not in listed]
    rows: list[tuple[str, dict[str, Value]]] = []
    for clip in clips:
        labels = ntu.labels_of(clip)
        moment = f"{labels['setup']}{labels['subject']}{labels['repetition']}{labels['action']}"
        rows.append((clip, {**labels, "moment": moment}))
    built = manifest.from_rows(rows, _name(part))
    return Scan(
        built,
        {clip: Recording(skeletons[clip]) for clip in clips if clip in skeletons},
        problems,
        {clip: Source(videos[clip]) for clip in clips if clip in videos},
    )


def load_poses(recording: Recording) -> PoseSequence:
    """Read one clip: (M, T, 25, 3) in metres, origin at the Kinect, the person seen longest first."""
    (clip,) = ntu.read([recording.file], Reading())
    return clip.load()


def adapter_of(variant: str) -> Adapter:
    """Return the adapter of ``ntu60-depth`` or ``ntu60-densepose``: folders of maps instead of colour videos."""
    return _adapter(variant)


def _files(home: Path, part: str, problems: list[str]) -> dict[str, Path]:
    """Return clip → file of one part of the set; other names, and the clips of NTU RGB+D 120, are problems."""
    for place in _PLACES[part]:
        found: dict[str, Path] = {}
        foreign_names: list[str] = []
        larger = 0
        for path in sorted((home / place).iterdir()) if (home / place).is_dir() else []:
            name = _clip_of(path, part)
            match = _NAME.fullmatch(name)
            if match is None:
                foreign_names += [path.name] if name and place else []
            elif int(match[5]) > _ACTIONS or int(match[1]) > _SETUPS or int(match[3]) > _PEOPLE or not 0 < int(match[2]) <= _CAMERAS:
                larger += 1
            else:
                found[name] = path
        if found:
            problems += [f"{name}: not a name of the form SsssCcccPpppRrrrAaaa, left out" for name in foreign_names]
            if larger:
                problems.append(f"{larger} {_WHAT[part]}(s) of NTU RGB+D 120 or of no known setup, camera, person or action are left out")
            return found
    return {}


def _clip_of(path: Path, part: str) -> str:
    """Return what should be a clip's name, or ``""`` where the file is of another kind."""
    if part in _FOLDERS:
        return path.name if path.is_dir() else ""
    suffix = ".skeleton" if part == "skeletons" else "_rgb.avi"
    return path.name.removesuffix(suffix) if path.name.endswith(suffix) else ""


def _listed_as_missing(folder: Path) -> set[str]:
    """Return the clips of the authors' list, where it lies beside the data."""
    places = [folder, folder.parent, *foreign.folders_in(folder)[:10]]
    return {match[0] for place in places for file in place.glob(_MISSING_LISTS) for match in _NAME.finditer(read_text(file))}


def _incomplete(clips: Iterable[str]) -> list[str]:
    """Return what each session (setup, person, repetition) lacks of its 60 actions in three cameras."""
    sessions: dict[tuple[str, str, str], set[tuple[str, str]]] = defaultdict(set)
    for clip in clips:
        setup, camera, person, repetition, action = (clip[start : start + 4] for start in range(0, 20, 4))
        sessions[setup, person, repetition].add((camera, action))
    whole = [(f"C{camera:03d}", f"A{action:03d}") for action in range(1, _ACTIONS + 1) for camera in range(1, _CAMERAS + 1)]
    found = []
    for (setup, person, repetition), there in sorted(sessions.items()):
        missing = [f"{setup}{camera}{person}{repetition}{action}" for camera, action in whole if (camera, action) not in there]
        if len(missing) > _NAMED:
            found.append(f"{setup}{person}{repetition}: {len(missing)} of {len(whole)} clips of this session are not there")
        else:
            found += [f"{clip}: neither skeletons nor video" for clip in missing]
    return found


def _name(part: str) -> str:
    return "ntu60" if part == "colour" else f"ntu60-{part}"


def _layout(part: str) -> str:
    return _FOLDERS.get(part, LAYOUT)


def _adapter(part: str) -> Adapter:
    return Adapter(
        name=_name(part),
        layout_help=_layout(part),
        locate=locate,
        scan=partial(scan, part=part),
        load_poses=load_poses,
        published={"clips": 56880, "subject": 40, "action": 60, "view": 3},
    )


ADAPTER: Adapter = _adapter("colour")
