"""The expert: its streams, what padding does, its ablations, and training from a non-expert."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from aqa_cli.main import app
from stages.encoders.spec import PoseSpec
from stages.engine import loop
from stages.engine.batch import Clips, Features
from stages.engine.method import Context, Phase
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.methods.appearance import AppearanceStream
from stages.finetune.methods.expert import Expert, Settings
from stages.skeletons.input import PoseInput
from tests.small import write_feature_set, write_pose_set

FRAMES, SEGMENTS, SIZE = 10, 6, 12
ROWS: dict[str, dict[str, Any]] = {
    "full": {},
    "pose alone": {"video": False},
    "linear head": {"video": False, "head": "linear"},
    "features as they are": {"appearance": "plain"},
}


def spec(encoder: str = "gru") -> PoseSpec:
    sizes: dict[str, Any] = {"units": 8} if encoder == "gru" else {"size": 12, "width": 4, "blocks": [1, 1, 1]}
    return PoseSpec(encoder, sizes, "kinect-20", 3, PoseInput(skeleton="kinect-20", frames=FRAMES))


def build(classes: int = 0, encoder: str = "gru", **changed: Any) -> Expert:
    context = Context("kinect-20", 3, 1, classes, 1, {"features": (SEGMENTS, SIZE)} if changed.get("video", True) else {})
    return loop.initialise(lambda: Expert(Settings(units=6, channels=5, **changed), context, spec(encoder)), 0)  # type: ignore[return-value]


def clips(count: int = 24, *, video: bool = True) -> Clips:
    """Clips whose target is in the height of a joint, and half in the features; every third has fewer frames and segments."""
    generator = torch.Generator().manual_seed(0)
    one, two = torch.randn(2, count, generator=generator)
    poses = 0.1 * torch.randn(count, 3, FRAMES, 20, 1, generator=generator)
    poses[:, 1, :, 3] += one[:, None, None]
    features = 0.1 * torch.randn(count, 1, SEGMENTS, SIZE, generator=generator)
    features[..., :4] += two[:, None, None, None]
    short = torch.arange(count) % 3 == 0
    mask = torch.arange(FRAMES) >= torch.where(short, 4, 0)[:, None]
    real = torch.arange(SEGMENTS) < torch.where(short, 3, SEGMENTS)[:, None]
    values = Features(features * real[:, None, :, None], real)
    poses = poses * mask[:, None, :, None, None]
    target = one + two if video else one
    return Clips(tuple(map(str, range(count))), poses, mask, target, torch.zeros(count, dtype=torch.long), {"features": values})


@pytest.mark.parametrize("row", ROWS)
def test_train__every_row_of_the_table_learns_what_its_streams_can_see(row: str) -> None:
    method, data = build(**ROWS[row]), clips(160, video=ROWS[row].get("video", True))
    train, test = data.chosen(range(120)), data.take(range(120, 160))
    method.measure(train)
    loop.train(method, {"train": train}, TrainingConfig(epochs=30, batch_size=24, lr=1e-2), loop.Setting())
    assert test.target is not None
    left = float(((method.predict(test)["value"] - test.target) ** 2).mean() / test.target.var())
    assert left < 0.25


@pytest.mark.parametrize("row", ROWS)
def test_predict__padding_changes_nothing(row: str) -> None:
    method, data = build(**ROWS[row]).eval(), clips().take(range(6))
    old = data.features["features"]
    pad = torch.nn.functional.pad
    features = Features(pad(old.values, (0, 0, 0, 4)), pad(old.mask, (0, 4)))
    longer = replace(data, poses=pad(data.poses, (0, 0, 0, 0, 5, 0)), mask=pad(data.mask, (5, 0)), features={"features": features})
    torch.testing.assert_close(method.predict(longer)["value"], method.predict(data)["value"])


def test_step__levels_by_cross_entropy_and_gradients_everywhere() -> None:
    method = build(classes=4).train()
    data = clips().take(range(8))
    batch = replace(data, target=torch.arange(8) % 4)
    loss = method.step({"train": batch}, Phase()).losses["main"]
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(method(batch), batch.target))  # type: ignore[arg-type]
    loss.backward()
    assert [name for name, value in method.named_parameters() if value.grad is None] == []
    assert method.eval().predict(batch)["scores"].shape == (8, 4)


def test_freeze__only_the_head_moves() -> None:
    method, data = build(video=False, head="linear", freeze=True), clips()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    loop.train(method, {"train": data}, TrainingConfig(epochs=2, batch_size=12), loop.Setting())
    assert {name for name, value in method.state_dict().items() if not torch.equal(value, before[name])} == {"out.weight", "out.bias"}


def test_streams__no_last_batch_of_one_clip() -> None:
    method, data = build(), clips(13)
    stream = method.streams({"train": data}, Phase(), TrainingConfig(batch_size=6))["train"]
    assert [len(stream.batch(0, 0, step)) for step in range(stream.steps)] == [6, 6]
    stream = method.streams({"train": data}, Phase(), TrainingConfig(batch_size=5))["train"]
    assert [len(stream.batch(0, 0, step)) for step in range(stream.steps)] == [5, 5, 3]


def test_appearance__modules_halve_the_time_and_see_twice_as_far() -> None:
    stream = AppearanceStream(SIZE, channels=4, modules=2, kernels=(1, 3, 5)).eval()
    assert stream.dimensions == 12
    features = torch.randn(2, 16, SIZE, requires_grad=True)
    mask = torch.ones(2, 16, dtype=torch.bool)
    x, coarse = stream.blocks[0](features.transpose(1, 2), mask)
    assert (x.shape, coarse.shape) == ((2, 12, 8), (2, 8))
    assert stream(features, mask).shape == (2, 12)
    assert stream(features[:, :1], mask[:, :1]).shape == (2, 12), "one segment is enough"
    one = AppearanceStream(SIZE, channels=4, modules=1)
    assert one.dimensions == 12


def test_method__what_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"A linear layer on the encoder sees poses alone\.\n  hint: --set settings\.video=false"):
        build(head="linear")
    monkeypatch.delattr("stages.encoders.pose_c3d.PoseC3D.frames")
    with pytest.raises(UsageError, match=r"a representation per frame; 'posec3d' has none\.\n  hint: --set settings\.encoder=gru"):
        build(encoder="posec3d")


def test_preset__is_the_paper_s() -> None:
    settings = Settings()
    assert (settings.units, settings.modules, settings.loss, settings.video) == (100, 2, "mse", True)
    assert (Expert.TRAINING.epochs, Expert.TRAINING.batch_size, Expert.TRAINING.lr) == (1000, 25, 3e-4)


def test_command__non_expert_then_expert_with_and_without_video(tmp_path: Path) -> None:
    write_pose_set(tmp_path / "poses/small")
    write_feature_set(tmp_path / "features/small/net")
    runner, workspace = CliRunner(), ["--workspace", str(tmp_path)]
    sizes = ["--set", "settings.input.frames=40", "--set", "settings.encoder_settings.units=8"]
    pretraining = ["--set", "settings.units=8", "--set", "settings.discriminator_units=4", "--epochs", "2"]

    def aqa(*arguments: str) -> str:
        result = runner.invoke(app, [*arguments, *workspace])
        assert result.exit_code == 0, result.output
        return result.output

    aqa("pretrain", "--method", "non-expert", *sizes, *pretraining)
    shared = ["--method", "expert", "--protocol", "2-fold", "--select", "last", "--epochs", "2", "--set", "settings.units=6"]
    aqa("finetune", *shared, "--init", "non-expert", "--name", "full")
    aqa("finetune", *shared, "--init", "none", "--name", "alone", "--set", "settings.video=false", *sizes)
    for name in ("full", "alone"):
        assert "Spearman" in aqa("evaluate", "--model", name)
    aqa("pretrain", "--method", "non-expert", "--init", str(tmp_path / "encoders/non-expert.h5"), "--name", "more", *sizes, *pretraining)
