"""``aqa doctor``: what is found, what is missing or broken, and what to do."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from stages import doctor
from stages.doctor import Package, examine, probe
from stages.version import __version__
from stages.workspace import Workspace

ALL = doctor.PACKAGES
FEW = (Package("numpy", "numpy"), Package("h5py", "h5py"))


def findings(workspace: Path, data: Path | None = None) -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in examine(Workspace(workspace), data)}


@pytest.fixture(autouse=True)
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at few packages, since importing all takes long."""
    if "slow" not in request.keywords:
        monkeypatch.setattr(doctor, "PACKAGES", FEW)


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages that are broken in every way."""
    for name, code in {
        "aqa_test_raises": "raise OSError('libGL.so.1: cannot open shared object file')",
        "aqa_test_needs": "import aqa_test_no_such_module",
        "aqa_test_dies": "import os; os.abort()",
        "aqa_test_good": "__version__ = '1.2'",
    }.items():
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)


def test_doctor__a_machine_that_is_fit(aqa, workspace: Path) -> None:
    code, out, _ = aqa("doctor")
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert ["ok", "aqa", f"{__version__},"] in [line[:3] for line in lines]
    assert any(line[:2] == ["ok", "h5py"] and "HDF5" in line for line in lines)
    for name in ("numpy", "cores", "free", "workspace", "data"):
        assert any(line[1] == name for line in lines)


def test_doctor__a_required_package_is_missing(aqa, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        doctor,
        "PACKAGES",
        (*FEW, Package("aqa_test_absent", "aqa_test_absent"), Package("aqa_test_extra", "aqa_test_extra", required=False)),
    )
    code, out, err = aqa("doctor", "--json")
    found = {entry["name"]: entry for entry in json.loads(out)}
    assert code == 5
    assert found["aqa_test_absent"]["state"] == "error"
    assert found["aqa_test_extra"]["value"] == "missing: pip install aqa-toolkit[video]"
    assert found["aqa_test_extra"]["state"] == "warning"
    assert "1 required package(s) are missing or broken: aqa_test_absent." in err
    assert "pip install --force-reinstall aqa-toolkit" in err


def test_probe__broken_in_every_way(broken: None) -> None:
    found = probe(["aqa_test_raises", "aqa_test_needs", "aqa_test_dies", "aqa_test_good", "aqa_test_absent"])
    assert found["aqa_test_raises"]["error"] == "OSError: libGL.so.1: cannot open shared object file"
    assert found["aqa_test_needs"]["error"] == "needs aqa_test_no_such_module, which is missing"
    assert found["aqa_test_dies"]["error"] == "importing it ends the process (exit status -6)"
    assert found["aqa_test_good"]["version"] == "1.2"
    assert found["aqa_test_absent"]["missing"] is True


def test_probe__a_package_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "aqa_test_hangs.py").write_text("import time; time.sleep(600)")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(doctor, "START_SECONDS", 3.0)
    assert probe(["aqa_test_hangs"])["aqa_test_hangs"]["error"] == "importing it did not end within 3 s"


def test_examine__broken_packages(broken: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        doctor, "PACKAGES", (Package("aqa_test_raises", "aqa_test_raises"), Package("aqa_test_needs", "aqa_test_needs", required=False))
    )
    found = findings(tmp_path)
    assert (found["aqa_test_raises"].state, found["aqa_test_raises"].mend) == ("error", doctor.REINSTALL)
    assert (found["aqa_test_needs"].state, found["aqa_test_needs"].mend) == ("warning", doctor.EXTRA)


@pytest.mark.parametrize(
    ("facts", "names", "state"),
    [
        ({"cuda": ["H200, 139 GiB", "H200, 139 GiB"]}, ["device cuda:0", "device cuda:1"], "ok"),
        ({"cuda": [], "mps": True}, ["device mps"], "ok"),
        ({"cuda": [], "built_for": "13.0"}, ["device"], "warning"),
        ({"cuda": [], "built_for": ""}, ["device"], "ok"),
    ],
    ids=["cuda", "mps", "driver", "cpu"],
)
def test_examine__devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facts: dict, names: list[str], state: str) -> None:
    monkeypatch.setattr(doctor, "probe", lambda _: {"torch": {"version": "2", **facts}})
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(doctor, "PACKAGES", (Package("torch", "torch"),))
    found = findings(tmp_path)
    assert [name for name in found if name.startswith("device")] == names
    assert found[names[0]].state == state


def test_examine__opencv_without_tv_l1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"version": "4.10", "tv_l1": False, "wheels": ["opencv-python 4.10", "opencv-contrib-python 4.10"]}
    monkeypatch.setattr(doctor, "probe", lambda _: {"cv2": facts})
    monkeypatch.setattr(doctor, "PACKAGES", (Package("cv2", "cv2", required=False),))
    finding = findings(tmp_path)["cv2"]
    installed = "(installed: opencv-python 4.10, opencv-contrib-python 4.10)"
    assert (finding.state, finding.value) == ("warning", f"4.10, without TV-L1 optical flow {installed}")
    gone = "opencv-python opencv-contrib-python opencv-python-headless"
    assert finding.mend == f"pip uninstall -y {gone} && pip install opencv-contrib-python"


def test_examine__disk_workspace_and_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = findings(tmp_path / "new/workspace", tmp_path)
    assert found["workspace"].value.endswith("not there yet; the first command makes it")
    assert (found["data root"].state, found["data root"].value) == ("ok", str(tmp_path))
    assert "set AQA_DATA" in findings(tmp_path)["data root"].mend
    absent = findings(tmp_path, tmp_path / "none")["data root"]
    assert (absent.state, absent.value) == ("warning", f"{tmp_path / 'none'} is not a folder")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1e9))
    assert (findings(tmp_path)["free disk"].state, findings(tmp_path)["free disk"].value) == ("warning", f"1.0 GB at {tmp_path}")


def test_examine__a_workspace_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    finding = findings(tmp_path)["workspace"]
    assert (finding.state, finding.value) == ("warning", f"{tmp_path}: cannot write in {tmp_path} (Read-only file system)")


@pytest.mark.slow
def test_doctor__this_machine(aqa, workspace: Path) -> None:
    code, out, err = aqa("doctor", "--json")
    assert code == 0, err + out
    assert {entry["name"] for entry in json.loads(out)} >= {"torch", "h5py", "cv2", "mmpose", "mmaction", "cores"}


def test_packages__are_those_of_pyproject() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[<>=!~ ;]", entry)[0] for entry in project["dependencies"]}
    extra = {re.split(r"[<>=!~ ;]", entry)[0] for entry in project["optional-dependencies"]["video"]}
    assert {package.distribution for package in ALL if package.required} == needed
    assert {package.distribution for package in ALL if not package.required} <= extra
