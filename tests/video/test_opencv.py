"""OpenCV as the one door gives it: silent, and with errors that mend what is missing."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from stages.errors import MissingDependencyError
from stages.video import opencv
from tests.conftest import run_python


@pytest.fixture
def fresh(monkeypatch):
    opencv._import.cache_clear()
    yield monkeypatch
    opencv._import.cache_clear()


def test_cv2__is_missing(fresh) -> None:
    fresh.setattr(opencv.importlib, "import_module", _raise)
    with pytest.raises(MissingDependencyError, match="Reading video needs OpenCV, which is not installed") as caught:
        opencv.cv2()
    assert (caught.value.exit_code, caught.value.hint) == (5, "pip install aqa-toolkit[video]")


def test_cv2__is_broken(fresh) -> None:
    fresh.setattr(opencv.importlib, "import_module", lambda _: _raise("libGL.so.1: cannot open", ImportError))
    fresh.setattr(sys, "modules", dict(sys.modules))
    with pytest.raises(MissingDependencyError, match=r"cannot be imported: libGL\.so\.1"):
        opencv.cv2()


def test_cv2__says_nothing_on_stderr_about_a_broken_video(tmp_path) -> None:
    code = f"""
from pathlib import Path
from stages.video.errors import VideoError
from stages.video.frame import Source
from stages.video.reader import count
from tests.video.make import BROKEN, broken_video
for how in BROKEN:
    try:
        count(Source(broken_video(Path({str(tmp_path)!r}) / (how + '.mp4'), how)))
    except VideoError:
        pass
    else:
        raise SystemExit(how)
"""
    done = run_python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_optical_flow__is_there() -> None:
    assert opencv.optical_flow().createOptFlow_DualTVL1 or opencv.optical_flow().DualTVL1OpticalFlow_create


def test_optical_flow__was_lost_to_a_second_wheel(monkeypatch) -> None:
    versions = {"opencv-python": "5.0.0", "opencv-contrib-python": "5.0.0"}

    def version(name: str) -> str:
        if name not in versions:
            raise opencv.metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(opencv, "cv2", lambda: SimpleNamespace(__version__="5.0.0"))
    monkeypatch.setattr(opencv.metadata, "version", version)
    with pytest.raises(MissingDependencyError, match=r"no TV-L1.*installed: opencv-python 5.0.0, opencv-contrib-python 5.0.0\. They share"):
        opencv.optical_flow()
    del versions["opencv-contrib-python"]
    with pytest.raises(MissingDependencyError) as caught:
        opencv.optical_flow()
    assert "They share" not in caught.value.message
    assert caught.value.hint.endswith("&& pip install opencv-contrib-python")
    assert caught.value.exit_code == 5


def _raise(name: str, kind: type[ImportError] = ModuleNotFoundError):
    raise kind(name, name=name)
