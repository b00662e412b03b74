"""UWA3D Multiview Activity II: thirty daily actions of ten people, seen from four sides one after the other (Rahmani et al. 2014).

Layout: ``ActionsSkeleton/a01_s01_e01_v01.mat`` (all views in one folder, or ``view_1`` … ``view_4``): MATLAB files whose variable ``A`` has
45 numbers per frame, 15 joints × (x, y, z).  The joints' order is not documented; the one of public readers of this set is taken: head,
neck, torso, left arm, right arm, left leg, right leg.  Neither unit nor frame rate is stated: 30 frames per second are assumed.  Views were
recorded one after the other, so that no two clips are synchronous.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.datasets import foreign, manifest
from stages.datasets.manifest import Value
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError
from stages.skeletons.layouts import OPENNI_15
from stages.skeletons.poses import PoseSequence, sequence

FPS = 30.0
VARIABLE = "A"
ACTIONS, VIEWS = 30, 4
_HOMES = ("UWA3D", "UWA3DII", "UWA3D-Multiview-Activity-II", "UWA3DII_Skeleton", "ActionsSkeleton")
_NAME = re.compile(r"a(\d\d)_s(\d\d)_e(\d\d)_v(\d\d)")
_COLUMNS = 45
_MAX_FRAMES = 10**5


@dataclass(frozen=True)
class Recording:
    """The file of one clip."""

    file: Path


def locate(root: Path) -> Path | None:
    """Return the folder below which the skeleton files lie."""
    candidates = [inner for home in foreign.homes(root, _HOMES) for inner in (home / "ActionsSkeleton", home)]
    return next((folder for folder in candidates if _files(folder)), None)


def scan(folder: Path) -> Scan:
    """List every clip; names that are none and clips that lie in two folders are problems."""
    rows: dict[str, dict[str, Value]] = {}
    sources: dict[str, Recording] = {}
    problems: list[str] = []
    for file in _files(folder):
        match = _NAME.fullmatch(file.stem)
        if match is None or not 1 <= int(match[1]) <= ACTIONS or not 1 <= int(match[4]) <= VIEWS:
            problems.append(f"{file.name}: not a name of the form aAA_sSS_eEE_vVV with a published action and view")
            continue
        if file.stem in sources:
            problems.append(f"{file.stem}: in {sources[file.stem].file.parent.name} and in {file.parent.name}, the first is used")
            continue
        action, subject, episode, view = file.stem.split("_")
        rows[file.stem] = {"action": action, "subject": subject, "view": view, "episode": episode}
        sources[file.stem] = Recording(file)
    if not rows:
        raise ArtifactError(f"{folder} holds no clips.", hint=f"expected {ADAPTER.layout_help}")
    return Scan(manifest.from_rows(rows.items(), "uwa3d"), sources, problems)


def load_poses(recording: Recording) -> PoseSequence:
    """Read one clip: (1, T, 15, 3), origin at the camera, in the file's own unit; a joint at the origin was not seen."""
    name = recording.file.name
    table = _matrix(recording.file)
    if table.ndim != 2 or _COLUMNS not in table.shape or not table.size:
        raise ArtifactError(f"{name}: expected {VARIABLE} with {_COLUMNS} numbers per frame (15 joints × 3), found {table.shape}.")
    joints = (table if table.shape[1] == _COLUMNS else table.T).reshape(-1, _COLUMNS // 3, 3)
    joints = np.where((joints != 0).any(axis=-1, keepdims=True), joints, np.nan)
    if np.isnan(joints).all():
        raise ArtifactError(f"{name}: no joint was seen in any frame (all numbers are zero).")
    return sequence(joints, OPENNI_15, fps=FPS, origin="camera", clip={"file": name, "fps_from": "assumed"})


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    there = [*folder.glob("*.mat"), *(file for inner in foreign.folders_in(folder) for file in inner.glob("*.mat"))]
    return sorted(there) if any(_NAME.fullmatch(file.stem) for file in there) else []


def _matrix(file: Path) -> Array:
    """Return the matrix, frames first: MATLAB 7.3 files are HDF5, whose axes run the other way."""
    import h5py

    if not h5py.is_hdf5(file):
        return foreign.read_mat(file, VARIABLE, _COLUMNS)
    try:
        with h5py.File(file, "r") as opened:
            data = opened.get(VARIABLE)
            if not isinstance(data, h5py.Dataset) or data.dtype.kind not in "fiu" or data.ndim != 2 or max(data.shape) > _MAX_FRAMES:
                raise ArtifactError(f"{file.name}: expected a matrix of numbers '{VARIABLE}', found {', '.join(opened) or 'nothing'}.")
            return np.asarray(data[()], dtype=np.float64)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{file.name} is not a readable MATLAB file ({type(error).__name__}).", hint="download it again") from None


ADAPTER: Adapter = Adapter(
    name="uwa3d",
    layout_help="ActionsSkeleton/a01_s01_e01_v01.mat",
    locate=locate,
    scan=scan,
    load_poses=load_poses,
    published={"clips": 1075, "subject": 10, "action": 30, "view": 4},
)
