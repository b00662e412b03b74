"""Other people's weights: found, downloaded, read without running anything, and put into a network."""

from __future__ import annotations

import hashlib
import io
import os
import urllib.request
from collections import OrderedDict
from email.message import Message
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from stages import openmmlab, weights
from stages.artifacts import store, tree
from stages.artifacts.store import Artifact, Header
from stages.engine.progress import Silent
from stages.errors import ArtifactError, MissingDependencyError, UsageError


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


class Response(io.BytesIO):
    """What ``urlopen`` returns."""

    def __init__(self, content: bytes, url: str, length: int | None = None) -> None:
        super().__init__(content)
        self.headers, self.url = Message(), url
        self.headers["Content-Length"] = str(len(content) if length is None else length)

    def geturl(self) -> str:
        return self.url


def serve(monkeypatch: pytest.MonkeyPatch, content: bytes, *, url: str = "", length: int | None = None) -> list[str]:
    asked: list[str] = []

    def urlopen(address: str, timeout: float) -> Response:
        asked.append(address)
        return Response(content, url or address, length)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return asked


CONTENT = b"weights"
NAME = f"net-{hashlib.sha256(CONTENT).hexdigest()[:8]}_20220101.pth"
URL = f"https://weights.invalid/{NAME}"


def test_locate__an_existing_file_is_itself(tmp_path: Path) -> None:
    file = tmp_path / "mine.pth"
    file.touch()
    assert weights.locate(str(file), URL, None, Silent()) == file


def test_locate__downloads_once_into_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = serve(monkeypatch, CONTENT)
    monkeypatch.setenv("AQA_WEIGHTS", str(tmp_path / "elsewhere"))
    for _ in range(2):
        file = weights.locate("net", URL, tmp_path / "here", Silent())
        assert (file, file.read_bytes()) == (tmp_path / "here" / NAME, CONTENT)
    assert asked == [URL]
    assert weights.locate("net", URL, None, Silent()) == tmp_path / "elsewhere" / NAME
    assert [path.name for path in (tmp_path / "here").iterdir()] == [NAME]


def test_folder__is_the_users_cache_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AQA_WEIGHTS", raising=False)
    assert weights.folder() == Path.home() / ".cache/aqa/weights"


@pytest.mark.parametrize("name", [NAME, NAME.replace("_20220101", ""), "net.pth"], ids=["dated", "undated", "no-hash"])
def test_locate__takes_each_style_of_published_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    serve(monkeypatch, CONTENT)
    assert weights.locate("net", f"https://weights.invalid/{name}", tmp_path, Silent()).is_file()


def test_locate__another_file_than_the_published_one_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, b"something else")
    with pytest.raises(ArtifactError, match=r"gave another file.*Nothing was kept"):
        weights.locate("net", URL, tmp_path, Silent())
    assert list(tmp_path.iterdir()) == []


def test_locate__a_damaged_file_in_the_folder_is_noticed(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"half")
    with pytest.raises(ArtifactError, match=f"{NAME} is not the published file"):
        weights.locate("net", URL, tmp_path, Silent())


def test_locate__without_a_network_says_which_file_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def urlopen(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    with pytest.raises(MissingDependencyError, match=f"{NAME} are not in .*Name or service not known") as caught:
        weights.locate("net", URL, tmp_path, Silent())
    assert caught.value.exit_code == 5
    assert f"download {URL}" in caught.value.hint
    assert f"put it at {tmp_path / NAME}" in caught.value.hint


def test_locate__a_broken_connection_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, CONTENT, length=1000)
    with pytest.raises(MissingDependencyError, match="the connection broke after 7 of 1000 bytes"):
        weights.locate("net", URL, tmp_path, Silent())
    assert list(tmp_path.iterdir()) == []


def test_locate__takes_https_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="https addresses only"):
        weights.locate("net", URL.replace("https", "http"), tmp_path, Silent())
    serve(monkeypatch, CONTENT, url="http://weights.invalid/x")
    with pytest.raises(MissingDependencyError, match="not https"):
        weights.locate("net", URL, tmp_path, Silent())


def test_locate__no_file_and_no_address(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"mine\.pth do not exist"):
        weights.locate(str(tmp_path / "mine.pth"), None, None, Silent())


@pytest.mark.parametrize("form", ["bare", "state_dict", "model", "module", "legacy"])
def test_read_state__takes_the_published_forms(tmp_path: Path, form: str) -> None:
    own = network().state_dict()
    content: Any = {
        "bare": own,
        "state_dict": {"state_dict": own, "meta": {"epoch": 3}},
        "model": {"model": own},
        "module": {"state_dict": OrderedDict((f"module.{key}", value) for key, value in own.items())},
        "legacy": {"state_dict": own | {"ema_0_weight": own["0.weight"]}},
    }[form]
    file = tmp_path / "net.pth"
    torch.save(content, file, _use_new_zipfile_serialization=form != "legacy")
    state = weights.read_state(file)
    assert list(state) == list(own)
    assert all(torch.equal(state[key], own[key]) for key in own)


def test_read_state__reads_what_mmengine_writes_beside_the_weights(tmp_path: Path) -> None:
    openmmlab.prepare()
    from mmengine.logging import MessageHub

    hub = MessageHub("test")
    hub.update_scalar("train/loss", 1.0)
    hub.update_scalar("train/loss", np.float32(2.0))
    hub.update_info("iter", np.int64(3))
    meta = {"dataset_meta": {"sigmas": np.ones(17), "names": {"nose"}}, "epoch": np.int64(1), "seed": np.float64(0.5), "cfg": "model = 1"}
    file = tmp_path / "epoch_1.pth"
    torch.save({"meta": meta, "message_hub": hub.state_dict(), "state_dict": network().state_dict(), "optimizer": {}}, file)
    with pytest.raises(Exception, match="Weights only load failed"):
        torch.load(file, weights_only=True)
    assert list(weights.read_state(file)) == list(network().state_dict())


class Harmful:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_read_state__refuses_a_program_and_runs_nothing(tmp_path: Path, legacy: bool) -> None:
    mark = tmp_path / "ran"
    file = tmp_path / "net.pth"
    content = {"state_dict": network().state_dict(), "meta": Harmful(os.system, f"touch {mark}")}
    torch.save(content, file, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ArtifactError, match=r"is refused: .*system.*Nothing of it was run"):
        weights.read_state(file)
    assert not mark.exists()
    torch.load(file, weights_only=False)
    assert mark.exists()  # the file would have done it


def test_read_state__what_it_lets_through_is_inert(tmp_path: Path) -> None:
    """``getattr`` is let through for the sake of old checkpoints, as an object that does nothing."""
    file = tmp_path / "net.pth"
    torch.save({"state_dict": network().state_dict(), "meta": Harmful(getattr, "text", "upper")}, file)
    content = weights._read_pickle(file)
    assert isinstance(content["meta"], weights._Inert)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "not a readable checkpoint"), (b"no pickle at all", "not a readable checkpoint"), (None, "truncated, damaged")],
    ids=["empty", "text", "truncated"],
)
def test_read_state__damaged_file(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "net.pth"
    if content is None:
        torch.save(network().state_dict(), file)
        content = file.read_bytes()[:800]
    file.write_bytes(content)
    with pytest.raises(ArtifactError, match=message):
        weights.read_state(file)


def test_read_state__no_weights_in_it(tmp_path: Path) -> None:
    file = tmp_path / "net.pth"
    torch.save({"epoch": 1}, file)
    with pytest.raises(ArtifactError, match=r"holds no weights.*found epoch"):
        weights.read_state(file)
    with pytest.raises(ArtifactError, match="do not exist"):
        weights.read_state(tmp_path / "absent.pth")


def test_read_state__our_own_artifact(tmp_path: Path) -> None:
    file, own = tmp_path / "net.h5", network().state_dict()
    documents = {"encoder": {}, "training": {}, "config": {}, "provenance": {}}
    store.write(file, Artifact(Header("encoder", "pretrain", 1, "0" * 64), tree.weights_to_arrays(own), documents))
    assert torch.equal(weights.read_state(file)["0.weight"], own["0.weight"])


def test_read_state__safetensors(tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    file.write_bytes(b"nothing")
    try:
        import safetensors  # noqa: F401
    except ModuleNotFoundError:
        with pytest.raises(MissingDependencyError, match="needs the package safetensors"):
            weights.read_state(file)
    else:
        with pytest.raises(ArtifactError, match="not a readable safetensors file"):
            weights.read_state(file)


def test_read_state__a_real_published_file(shared: Path) -> None:
    state = weights.read_state(shared / "data/weights/ntu_ShiftGCN_joint_xsub.pt")
    assert len(state) > 100
    assert not any(key.startswith("module.") for key in state)


def test_load_into__puts_the_weights_in(tmp_path: Path) -> None:
    torch.manual_seed(1)
    other = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    weights.load_into(other, network().state_dict() | {"data_preprocessor.mean": torch.zeros(3)}, "net.pth")
    assert torch.equal(other[0].weight, network()[0].weight)


def test_load_into__lists_every_kind_of_misfit() -> None:
    state = dict(network().state_dict())
    del state["0.bias"]
    state |= {f"head.{number}": torch.zeros(1) for number in range(9)} | {"1.weight": torch.zeros(7)}
    with pytest.raises(ArtifactError) as caught:
        weights.load_into(network(), state, "net.pth")
    assert "1 missing: 0.bias\n" in caught.value.message
    assert "9 unknown: head.0, head.1, head.2, head.3, head.4 …" in caught.value.message
    assert "1 of another shape: 1.weight (expected (4,), found (7,))" in caught.value.message


def test_sha256__of_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(CONTENT)
    assert weights.sha256(tmp_path / "x") == hashlib.sha256(CONTENT).hexdigest()
