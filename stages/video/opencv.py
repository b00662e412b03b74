"""The one door to OpenCV: imported late, silent, and with the error that mends an installation that lacks something."""

from __future__ import annotations

import importlib
import os
import sys
from functools import cache
from importlib import metadata
from types import ModuleType

from stages.errors import MissingDependencyError

MEND = "pip uninstall -y opencv-python opencv-contrib-python opencv-python-headless && pip install opencv-contrib-python"
"""What brings TV-L1 optical flow back where one OpenCV wheel has overwritten another."""

_WHEELS = ("opencv-python", "opencv-contrib-python", "opencv-python-headless", "opencv-contrib-python-headless")
_QUIET = {"OPENCV_FFMPEG_LOGLEVEL": "-8", "OPENCV_LOG_LEVEL": "SILENT"}
"""Broken videos are reported by our own errors, with the file's name; FFmpeg's chatter on stderr has none."""


def cv2() -> ModuleType:
    """Return OpenCV, which then writes nothing to stderr (a user's own ``OPENCV_LOG_LEVEL`` and ``OPENCV_FFMPEG_LOGLEVEL`` are left alone).

    Raises:
        MissingDependencyError: it is not installed, or cannot be imported.
    """
    return _import()


def optical_flow() -> ModuleType:
    """Return ``cv2.optflow``, which has TV-L1.

    Raises:
        MissingDependencyError: the installed OpenCV has none, which is what happens where two of its wheels were installed together.
    """
    module = cv2()
    if not has_tv_l1(module):
        wheels = installed_wheels()
        cause = " They share one folder, and the last one installed has overwritten the other." if len(wheels) > 1 else ""
        raise MissingDependencyError(
            f"The installed OpenCV {module.__version__} has no TV-L1 optical flow; installed: {', '.join(wheels) or 'no wheel'}.{cause}",
            hint=MEND,
        )
    return module.optflow


def has_tv_l1(module: ModuleType) -> bool:
    """Say whether this OpenCV has the flow of its contrib modules."""
    flow = getattr(module, "optflow", None)
    return hasattr(flow, "DualTVL1OpticalFlow_create") or hasattr(flow, "createOptFlow_DualTVL1")


def installed_wheels() -> list[str]:
    """Return the installed OpenCV distributions with their versions."""
    found = []
    for name in _WHEELS:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def _import() -> ModuleType:
    wanted = os.environ.get("OPENCV_LOG_LEVEL")
    for variable, value in _QUIET.items():
        os.environ.setdefault(variable, value)
    try:
        module = importlib.import_module("cv2")
    except ModuleNotFoundError as error:
        if error.name != "cv2":
            raise
        raise MissingDependencyError("Reading video needs OpenCV, which is not installed.", hint="pip install aqa-toolkit[video]") from None
    except ImportError as error:
        sys.modules.pop("cv2", None)
        raise MissingDependencyError(f"OpenCV is installed but cannot be imported: {error}.", hint=MEND) from None
    if wanted is None:  # the variable comes too late where somebody imported OpenCV before us
        module.utils.logging.setLogLevel(module.utils.logging.LOG_LEVEL_SILENT)
    return module
