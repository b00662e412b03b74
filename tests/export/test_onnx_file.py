"""What a graph is compared on before anybody gets it: paths that depend on clips, networks that count them; metadata; recurrent layers."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stages.encoders import recurrent
from stages.errors import MissingDependencyError, UsageError
from stages.export import onnx_file
from stages.export.graph import Graph, _Named
from stages.export.recurrent import unpacked
from stages.export.tensors import Port, examples

POSES = (
    Port("poses", "float32", (3, 8, 5, 1), "poses"),
    Port("mask", "bool", (8,), "real frames"),
    Port("group", "int64", (), "class", classes=2),
)


class Toy(_Named):
    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        return (self.made_of[0](**dict(zip(self.names, values, strict=True))),)


def toy(said: Callable[..., Tensor], ports: tuple[Port, ...] = POSES) -> Graph:
    return Graph(Toy(ports, said).eval(), ports, {"score": "a number"})


def mean(poses: Tensor, mask: Tensor) -> Tensor:
    real = mask[:, None, :, None, None].float()
    return (poses * real).sum(dim=(1, 2, 3, 4)) / real.sum(dim=(1, 2, 3, 4))


def test_export__drops_what_nothing_looks_at_and_takes_any_number_of_clips() -> None:
    exported = onnx_file.export(toy(lambda poses, mask, **_: mean(poses, mask)), "toy")
    assert [port.name for port in exported.graph.ports] == ["poses", "mask"]
    assert exported.batch == "N"
    clips = examples(exported.graph.ports, 7)
    assert np.allclose(onnx_file.run(exported.content, clips)["score"], mean(*map(torch.from_numpy, clips.values())), atol=1e-6)


def test_export__a_network_that_counts_its_clips_takes_one_at_a_time() -> None:
    exported = onnx_file.export(toy(lambda poses, **_: poses.reshape(len(poses), -1).mean(dim=1)[: len(poses)]), "toy")
    assert exported.batch == 1
    assert len(exported.example["expected.score"]) == 1


def test_export__a_path_that_depends_on_the_clips_is_refused() -> None:
    def odd(poses: Tensor, mask: Tensor, **_: Tensor) -> Tensor:
        total = mean(poses, mask)
        return total if int(mask.sum(dim=1).min()) > 3 else -total

    with pytest.raises(
        UsageError, match=r"toy cannot be exported as ONNX: its graph gives other numbers than torch, by .*\n  hint: --format saf"
    ):
        onnx_file.export(toy(odd), "toy")


def test_export__what_has_no_graph_is_refused() -> None:
    with pytest.raises(UsageError, match=r"toy cannot be exported as ONNX: .*linalg_svd"):
        onnx_file.export(toy(lambda poses, **_: torch.linalg.svdvals(poses[:, :, :, 0, 0]).sum(dim=1)), "toy")


def test_export__onnxruntime_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError, match="Exporting to ONNX needs onnxruntime") as caught:
        onnx_file.export(toy(lambda poses, mask, **_: mean(poses, mask)), "toy")
    assert caught.value.hint == "pip install aqa-toolkit[video], or --format safetensors"
    assert caught.value.exit_code == 5


def test_with_metadata__onnxruntime_reads_it_back() -> None:
    import onnxruntime

    exported = onnx_file.export(toy(lambda poses, mask, **_: mean(poses, mask)), "toy")
    texts = {"aqa.name": "Knie ρ", "aqa.preparation": "x" * 100_000}
    session = onnxruntime.InferenceSession(onnx_file.with_metadata(exported.content, texts), providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map == texts
    assert onnx_file.run(onnx_file.with_metadata(exported.content, texts), examples(exported.graph.ports, 2))["score"].shape == (2,)


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_unpacked__is_what_packing_gives(kind: type[nn.GRU] | type[nn.LSTM], bidirectional: bool) -> None:
    torch.manual_seed(0)
    network = kind(4, 3, 2, batch_first=True, bidirectional=bidirectional)
    values, mask = torch.randn(4, 6, 4), torch.arange(6) >= torch.tensor([0, 2, 5, 3])[:, None]
    state = torch.randn(2 * (1 + bidirectional), 4, 3) if kind is nn.GRU else None
    packed = recurrent.run(network, values, mask, state)
    with unpacked():
        loose = recurrent.run(network, values, mask, state)
    for one, other in zip(packed, loose, strict=True):
        assert torch.allclose(one, other, atol=1e-6)
    again = recurrent.run(network, values, mask, state)
    assert torch.equal(again[0], packed[0]), "packing is back"


def test_examples__are_of_every_length_and_class_and_the_same_each_time() -> None:
    ports = (*POSES, Port("frames", "int64", (), "frames", classes=9), Port("old", "bool", (4,), "front", front=True))
    found = examples(ports, 5)
    assert found["mask"].sum(axis=1).tolist() == [8, 4, 1, 8, 4]
    assert found["group"].tolist() == [0, 1, -1, 0, 1]
    assert found["frames"].tolist() == [9, 4, 1, 9, 4]
    assert found["old"][1].tolist() == [False, False, True, True]
    assert not found["poses"][2, :, 1:].any()
    assert all(np.array_equal(values, examples(ports, 5)[name]) for name, values in found.items())


def test_export__a_clip_that_takes_another_ones_place_is_noticed() -> None:
    """The offset of scores is large and their spread small, so that a share of the scores themselves would hide it."""

    def mixed(poses: Tensor, mask: Tensor, **_: Tensor) -> Tensor:
        return 100 + 0.001 * mean(poses, mask)[torch.arange(len(poses))]

    exported = onnx_file.export(toy(mixed), "toy")
    assert exported.batch == 1


def test_export__torch_without_the_exporter(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(onnx_file.importlib, "import_module", missing)
    with pytest.raises(MissingDependencyError, match=r"torch .* has no exporter of TorchScript\."):
        onnx_file._last_steps()
