"""Which format a file has: by the end of its name, and by its first bytes where several formats share one ending."""

from __future__ import annotations

import csv
from pathlib import Path

from stages.errors import ArtifactError
from stages.skeletons.importers import generic_csv, hdf5
from stages.skeletons.importers.common import reading_errors
from stages.skeletons.importers.dlc_h5 import table_name
from stages.skeletons.importers.registry import FORMATS

_BEGINNING = 1 << 16
_JSON_KEYS = (
    # A key that only one format has → that format; the first that the beginning of the file holds counts.
    ('"instance_info"', "mmpose"),
    ('"instances"', "mmpose"),
    ('"keypoint_scores"', "mmpose"),
    ('"meta_info"', "mmpose"),
    ('"pose_keypoints_2d"', "openpose"),
    ('"people"', "openpose"),
    ('"image_id"', "coco"),
    ('"images"', "coco"),
    ('"annotations"', "coco"),
)


def detect(path: Path) -> str | None:
    """Return the name of the file's format, or None where it has none of them.

    Raises:
        ArtifactError: the file cannot be read.
    """
    name = path.name.lower()
    possible = [entry.name for entry in FORMATS.values() if name.endswith(entry.extensions)]
    if len(possible) < 2:
        return possible[0] if possible else None
    if name.endswith(FORMATS["openpose"].extensions):
        return "openpose"
    if name.endswith(".json"):
        beginning = _beginning(path)
        return next((found for key, found in _JSON_KEYS if key in beginning), None)
    if name.endswith(".csv"):
        return _csv(path)
    return _hdf5(path)


def _csv(path: Path) -> str | None:
    lines = _beginning(path).splitlines()
    try:
        cells = next(csv.reader(lines[:1]), [])
    except csv.Error:
        return None
    if cells and cells[0].strip() == "scorer":
        return "dlc-csv"
    return "csv" if generic_csv.is_header(cells) else None


def _hdf5(path: Path) -> str | None:
    with hdf5.opening(path) as file:
        if "aqa_kind" in file.attrs:
            raise ArtifactError(f"{path.name} is an artifact of this toolkit already.", hint="aqa inspect shows what it holds")
        if "tracks" in file and "node_names" in file:
            return "sleap"
        return "dlc-h5" if table_name(file) is not None else None


def _beginning(path: Path) -> str:
    with reading_errors(path), path.open("rb") as file:
        return file.read(_BEGINNING).decode("utf-8-sig", errors="replace")
