"""Published maps, one folder of numbered pictures per clip.

* DensePose's IUV maps: PNG of 8 bits with three channels, the body part I (0 is background, 1 to 24), and U and V (0 to 255), in that order
  as OpenCV writes and reads them; named ``NAME_IUV.png`` after the frame, or by number alone (Güler et al., "DensePose", CVPR 2018).
* Masked depth images of NTU RGB+D: PNG of 16 bits with one channel, millimetres, 0 outside of the people;
  ``nturgb+d_depth_masked/S001C001P001R001A001/MDepth-00000001.png`` (Shahroudy et al., CVPR 2016).

Which of the two a folder holds is seen from its pictures.
"""

from __future__ import annotations

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.extract_maps.config import ExtractMapsConfig
from stages.extract_maps.maps import Cutout, Maps, chosen, cut_out, fitted, own_view
from stages.skeletons.body_maps import nearness
from stages.video import source as sources
from stages.video.frame import FOLDER_FPS, Source, window_of
from stages.video.opencv import cv2
from stages.video.source import Image

PARTS = 24
"""DensePose's body parts."""
_SPREAD = 10
"""What parts are multiplied by, so that they fill the range of values."""
_EXPECTED = "expected DensePose's IUV (8 bits, three channels) or masked depth (16 bits, one channel, millimetres)"


def pictures(source: Source, config: ExtractMapsConfig) -> Maps:
    """Return a clip's published maps in one square around all that is not background in any frame.

    Raises:
        ArtifactError: it is no folder of numbered pictures, a picture cannot be read, is of another kind or size, or all are empty.
    """
    if not source.path.is_dir():
        raise ArtifactError(f"{source.path} is a video, expected a folder of numbered pictures.", hint="--source silhouettes or frames")
    there = sources.images(source.path)
    inside = there[slice(*window_of(len(there), source))]
    if not inside:
        raise ArtifactError(f"The clip's window lies behind the {len(there)} pictures of {source.path}.")
    times = np.arange(len(inside)) / FOLDER_FPS
    numbers = chosen(times, config)
    cutouts: list[Cutout | None] = []
    first: tuple[tuple[int, ...], np.dtype[np.generic]] | None = None
    for number in numbers:
        picture = _read(inside[number])
        if first is None:
            first = picture.shape, picture.dtype
        if (picture.shape, picture.dtype) != first:
            raise ArtifactError(f"{inside[number].path} is {_kind(*first, picture)}.")
        cutouts.append(_depth(picture) if picture.dtype == np.uint16 else _iuv(picture, inside[number]))
    assert first is not None
    kind = "depth" if first[1] == np.uint16 else "iuv"
    interpolation = cv2().INTER_AREA if kind == "depth" else cv2().INTER_NEAREST
    images, box = fitted(cutouts, config.size, interpolation, f"All pictures in {source.path} are empty: they show background only.")
    return Maps(images[None], times[numbers], {"kind": kind, "units": "px", "views": [own_view(box)]})


def _read(image: Image) -> Array:
    try:
        content = np.fromfile(image.path, np.uint8)
    except OSError as error:
        raise ArtifactError(f"{image.path} cannot be read: {error.strerror}.") from None
    found = cv2().imdecode(content, cv2().IMREAD_UNCHANGED) if content.size else None
    if found is None:
        raise ArtifactError(f"{image.path} cannot be read as a picture.", hint="copy or extract it again")
    found = np.asarray(found)
    if (found.dtype == np.uint16 and found.ndim == 2) or (found.dtype == np.uint8 and found.shape[2:] == (3,)):
        return found
    channels = found.shape[2] if found.ndim == 3 else 1
    raise ArtifactError(f"{image.path} has {8 * found.dtype.itemsize} bits and {channels} channel(s); {_EXPECTED}.")


def _kind(shape: tuple[int, ...], dtype: np.dtype[np.generic], picture: Array) -> str:
    found, before = (
        f"{size[1]} × {size[0]} of {8 * kind.itemsize} bits" for size, kind in ((picture.shape, picture.dtype), (shape, dtype))
    )
    return f"{found}, the pictures before it are {before}"


def _iuv(picture: Array, image: Image) -> Cutout | None:
    highest = int(picture[..., 0].max())
    if highest > PARTS:
        raise ArtifactError(
            f"{image.path} is no IUV map: its first channel goes up to {highest}, DensePose has {PARTS} parts.",
            hint="--source frames takes pictures as they are",
        )
    shown = picture.copy()
    shown[..., 0] *= _SPREAD
    shown[picture[..., 0] == 0] = 0
    return cut_out(shown, picture[..., 0] > 0)


def _depth(picture: Array) -> Cutout | None:
    mask = picture > 0
    if not mask.any():
        return None
    metres = (picture.astype(np.float32) - float(np.median(picture[mask]))) / 1000
    return cut_out(np.where(mask, np.rint(nearness(metres)), 0).astype(np.uint8), mask)
