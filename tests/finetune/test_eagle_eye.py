"""EAGLE-Eye: the arithmetic of its modules, what padding does, its streams alone and together, and what they learn."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from examples.two_modalities import write as write_two_modalities
from stages.configuration import Layer
from stages.engine.batch import Batch, Features
from stages.engine.method import Context, Phase
from stages.errors import UsageError
from stages.finetune.config import resolve_finetune
from stages.finetune.methods.eagle_eye import EagleEye, JointCoordination, PoseStream, Settings, smallest_map
from tests.encoders.miniatures import stirred
from tests.finetune.drawn import DIMENSIONS, SEGMENTS, batch_of, losses_of, settings_error
from tests.small import write_pose_set

STREAMS = ("both", "pose", "appearance")
SMALL = {"size": 12, "hidden": 16, "appearance_channels": 8, "expansion": 2}


def _build(streams: str = "both", classes: int = 0, frames: int = 16, **settings: object) -> EagleEye:
    torch.manual_seed(0)
    values = Settings.model_validate({**SMALL, "streams": streams, "input": {"frames": frames}, **settings})
    roles = EagleEye.consumes(values)
    skeleton, channels = ("kinect-20", 3) if "poses" in roles else ("", 0)
    sizes = {"features": (SEGMENTS, DIMENSIONS)} if "features" in roles else {}
    return EagleEye(values, Context(skeleton, channels, 1, classes, features=sizes))


def _padded(batch: Batch, frames: int, segments: int, *, front: bool = False) -> Batch:
    """The same clips with frames and segments behind (or frames in front) that are not real and hold nonsense."""
    count = len(batch)
    poses, mask = torch.full((count, 3, frames, 20, 1), 7.0), torch.zeros(count, frames, dtype=torch.bool)
    order = slice(None, None, -1 if front else 1)
    own = batch.features["features"]
    values = torch.cat([own.values, torch.full((count, 1, segments, DIMENSIONS), 7.0)], dim=2)
    real = torch.cat([own.mask, torch.zeros(count, segments, dtype=torch.bool)], dim=1)
    return replace(
        batch,
        poses=torch.cat([batch.poses, poses][order], dim=2),
        mask=torch.cat([batch.mask, mask][order], dim=1),
        features={"features": Features(values, real)},
    )


def test_coordination__each_tempo_by_hand() -> None:
    torch.manual_seed(0)
    module = stirred(JointCoordination(6, 4, Settings(kernels=(3, 5)), last=True))
    x, mask = torch.randn(2, 6, 4, 5, 5), torch.ones(2, 4, dtype=torch.bool)
    tempos = []
    for tempo, groups in zip(module.tempos, (2, 3), strict=True):
        kernel = tempo.time.kernel_size[0]
        over_time = F.conv1d(
            x.permute(0, 3, 4, 1, 2).reshape(-1, 6, 4), tempo.time.weight[..., 0], tempo.time.bias, padding=kernel // 2, groups=6
        )
        padded = F.pad(over_time, (0, 0, 1, 1))  # neighbouring joints, each frame with weights of its own
        row = tempo.joints
        coordinated = sum(padded[:, place : place + 6] * row[:, place] for place in range(3)) + tempo.bias
        grouped = torch.stack([coordinated[:, first : first + groups].mean(dim=1) for first in range(0, 6, groups)], dim=1)
        larger = torch.maximum(grouped[..., 0::2], grouped[..., 1::2])
        shaped = larger.view(2, 5, 5, 6 // groups, 2).permute(0, 3, 4, 1, 2)
        norm = tempo.norm
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        shift = norm.bias - norm.running_mean * scale
        tempos.append(shaped * scale.view(-1, 1, 1, 1) + shift.view(-1, 1, 1, 1))
    joined = torch.cat(tempos, dim=1).relu()
    expected = torch.stack(
        [F.max_pool2d(F.conv2d(joined[:, :, t], module.space.weight[:, :, 0], module.space.bias), 2) for t in range(2)], dim=2
    )
    with torch.no_grad():
        found, coarse = module(x, mask)
    assert found.shape == (2, module.channels, 2, 1, 1) == (2, 5, 2, 1, 1)
    torch.testing.assert_close(found, expected)
    assert coarse.tolist() == [[True, True]] * 2


def test_pose_stream__has_the_sizes_of_the_authors() -> None:
    stream = PoseStream(16, Settings(size=64, input={"frames": 103}))
    assert [module.channels for module in stream.stack] == [8 + 5 + 4, 8 + 5 + 4]
    assert stream.dimensions == 170
    assert [tempo.time.kernel_size[0] for tempo in stream.stack[0].tempos] == [3, 5, 7]
    seen: list[torch.Size] = []
    stream.expand.register_forward_hook(lambda _module, _inputs, output: seen.append(output.shape))
    with torch.no_grad():
        stream.eval()(torch.rand(1, 16, 103, 64, 64), torch.ones(1, 103, dtype=torch.bool))
    # 103 frames → 52 → 26 → 4 (the authors leave incomplete pools out: 51, 25, 3), 64 pixels → 32 → 15 → 7
    assert seen == [(1, 170, 4, 7, 7)]


@pytest.mark.parametrize("modules", [1, 2, 3, 4])
def test_pose_stream__the_smallest_map_is_the_smallest(modules: int) -> None:
    least = smallest_map(modules)
    stream = PoseStream(17, Settings(pose_modules=modules, size=least, input={"frames": 8})).eval()
    mask = torch.ones(1, 8, dtype=torch.bool)
    assert stream(torch.rand(1, 17, 8, least, least), mask).shape == (1, stream.dimensions)
    with pytest.raises(RuntimeError):
        stream(torch.rand(1, 17, 8, least - 1, least - 1), mask)


@pytest.mark.parametrize("streams", STREAMS)
@pytest.mark.parametrize("classes", [0, 3])
def test_predict__shapes_of_every_stream(streams: str, classes: int) -> None:
    model, batch = _build(streams, classes).eval(), batch_of(4, 16)
    found = model.predict(batch)
    assert {name: tuple(value.shape) for name, value in found.items()} == ({"scores": (4, 3)} if classes else {"value": (4,)})
    parts = [part.dimensions for part in (model.pose, model.appearance) if part is not None]
    assert len(parts) == (2 if streams == "both" else 1)
    assert model.represent(batch).shape == (4, sum(parts))
    assert torch.equal(model.predict(batch)[next(iter(found))], next(iter(found.values())))


def test_predict__a_stream_alone_sees_nothing_else() -> None:
    batch = batch_of(4, 16)
    own = batch.features["features"]
    other_features = replace(batch, features={"features": Features(torch.randn_like(own.values), own.mask)})
    other_poses = replace(batch, poses=torch.randn_like(batch.poses))
    for streams, poses_matter, features_matter in (("pose", True, False), ("appearance", False, True), ("both", True, True)):
        model = stirred(_build(streams))
        value = model.predict(batch)["value"]
        assert torch.equal(model.predict(other_features)["value"], value) != features_matter
        assert torch.equal(model.predict(other_poses)["value"], value) != poses_matter


@pytest.mark.parametrize("kernels", ["frame", "shared"])
def test_predict__what_lies_in_padding_does_not_matter(kernels: str) -> None:
    model = stirred(_build(frames=16, joint_kernels=kernels))
    clip = batch_of(3, 11)
    padded = _padded(clip, 5, 3)
    other = replace(padded, poses=torch.where(padded.mask[:, None, :, None, None], padded.poses, -30.0))
    torch.testing.assert_close(model.predict(other)["value"], model.predict(padded)["value"])
    assert not torch.allclose(model.predict(replace(padded, mask=torch.ones_like(padded.mask)))["value"], model.predict(padded)["value"])


@pytest.mark.parametrize("length", [1, 6, 11, 16])
@pytest.mark.parametrize("streams", STREAMS)
def test_predict__padding_changes_nothing(length: int, streams: str) -> None:
    model, clip = stirred(_build(streams, joint_kernels="shared")), batch_of(3, length)
    alone = model.predict(clip)["value"]
    for padded in (
        _padded(clip, 5, 3),
        _padded(clip, 32, 8),
        _padded(clip, 32, 8, front=True),
    ):  # in front: a multiple of the 32 pooled frames
        torch.testing.assert_close(model.predict(padded)["value"], alone, rtol=1e-4, atol=1e-5)


def test_predict__whatever_the_company() -> None:
    model, batch = stirred(_build()), _padded(batch_of(5, 11), 5, 3)
    whole = model.predict(batch)["value"]
    own = batch.features["features"]
    one = replace(
        batch, ids=("2",), poses=batch.poses[2:3], mask=batch.mask[2:3], features={"features": Features(own.values[2:3], own.mask[2:3])}
    )
    torch.testing.assert_close(model.predict(one)["value"], whole[2:3], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("streams", STREAMS)
def test_step__gradients_reach_all_parameters(streams: str) -> None:
    model, batch = stirred(_build(streams, classes=3)).train(), batch_of(6, 16, classes=3)
    model.step({"train": batch}, Phase()).losses["main"].backward()
    missing = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.abs().sum() > 1e-12]
    # what a batch norm follows directly has no use for a bias: it is subtracted again
    assert [name for name in missing if not name.endswith("bias")] == []
    assert all(value.grad is not None and torch.isfinite(value.grad).all() for value in model.parameters())


def test_step__a_last_batch_of_one_clip_can_be_trained() -> None:
    model, batch = _build(), batch_of(1, 16, target=True)
    assert torch.isfinite(model.train().step({"train": batch}, Phase()).losses["main"])


@pytest.mark.parametrize("classes", [0, 2])
@pytest.mark.parametrize("streams", STREAMS)
def test_model__each_stream_learns(streams: str, classes: int) -> None:
    told = streams == "appearance"
    batch = batch_of(12, 16, classes=classes, target=True, lifted=not told, told=told)
    losses = losses_of(_build(streams, classes, dropout=0.0), batch, steps=25, lr=1e-2)
    assert sum(losses[-3:]) / 3 < 0.3 * losses[0], losses


def test_measure__takes_the_real_segments_alone() -> None:
    from stages.engine.batch import Clips

    batch = _padded(batch_of(4, 16), 0, 2)
    model = _build("appearance")
    model.measure(Clips(batch.ids, batch.poses, batch.mask, None, batch.group, batch.features))
    real = batch.features["features"].values[:, 0, :SEGMENTS].flatten(0, 1)
    assert model.standardise is not None
    torch.testing.assert_close(model.standardise.mean, real.mean(dim=0))
    torch.testing.assert_close(model.standardise.deviation, real.std(dim=0, unbiased=False))


def test_batch_norm__of_several_clips_is_torch_s() -> None:
    norms = [module for module in _build().head if isinstance(module, nn.BatchNorm1d)]
    ours, theirs, x = norms[0].train(), nn.BatchNorm1d(16), torch.randn(5, 16)
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours(x[:1]), theirs.eval()(x[:1]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"streams": "video"}, "'streams'.*Input should be 'both', 'pose' or 'appearance', found 'video'"),
        ({"kernels": [3, 4]}, "the kernels must be odd, so that they have a middle"),
        ({"kernels": []}, "'kernels'.*at least 1 item"),
        ({"size": 11}, r"2 JCA module\(s\) need heat maps of at least 12 pixels \(size=12\)"),
        ({"pose_modules": 4}, r"4 JCA module\(s\) need heat maps of at least 48 pixels \(size=48\)"),
        ({"joint_kernels": "none"}, "'joint_kernels'.*Input should be 'frame' or 'shared', found 'none'"),
        ({"dropout": 1}, "'dropout'.*less than 1, found 1"),
        ({"sigma": 0}, "'sigma'.*greater than 0, found 0"),
        ({"input": {"stream": "joint-motion"}}, "heat maps are drawn of positions, so input.stream must be 'joint', not 'joint-motion'"),
        ({"stream": "pose"}, r"Unknown key 'stream'.*Did you mean 'streams'\?"),
    ],
)
def test_settings__what_cannot_be_is_a_usage_error(settings: dict, message: str) -> None:
    settings_error("eagle-eye", settings, message)


def test_settings__the_appearance_stream_needs_no_heat_maps() -> None:
    config = resolve_finetune([Layer("flag", {"method": "eagle-eye", "settings": {"streams": "appearance", "size": 1}})]).config
    assert config.settings["streams"] == "appearance"


def test_build__more_joints_averaged_than_there_are() -> None:
    with pytest.raises(UsageError, match=r"averages up to 22 joints \(joint_pool=20, 3 kernels\), and there are 20") as caught:
        _build("pose", joint_pool=20)
    assert caught.value.hint == "fewer with --set settings.joint_pool=2 and --set settings.kernels=[3,5,7]"
    assert caught.value.exit_code == 2


CHOSEN = [part for key, value in SMALL.items() for part in ("--set", f"settings.{key}={value}")]
CHOSEN += ["--set", "settings.input.frames=16", "--epochs", "2", "--select", "last"]


@pytest.mark.parametrize("streams", STREAMS)
def test_finetune__eagle_eye_as_a_user_types_it(aqa, workspace: Path, streams: str) -> None:
    write_two_modalities(workspace, subjects=4, each=3)
    run = ["finetune", "--method", "eagle-eye", "--dataset", "two", "--protocol", "2-fold", "--set", f"settings.streams={streams}", *CHOSEN]
    code, out, err = aqa(*run)
    assert code == 0, err
    assert "2 done" in out
    code, out, err = aqa("evaluate")
    assert code == 0, err
    found = json.loads((workspace / "evaluations/two-eagle-eye/metrics.json").read_text())
    assert -1 <= found["overall"]["spearman"]["value"] <= 1


def test_finetune__poses_only_and_levels(aqa, workspace: Path) -> None:
    write_pose_set(workspace / "poses/arms")
    run = ["finetune", "--method", "eagle-eye", "--protocol", "arms/3-fold", *CHOSEN]
    code, _, err = aqa(*run)
    assert (code, "There is no feature set in the workspace." in err, "aqa extract-features VIDEOS" in err) == (2, True, True), err
    code, out, err = aqa(*run, "--set", "settings.streams=pose", "--task", "level", "--target-column", "action")
    assert code == 0, err
    assert "3 done" in out
    code, _, err = aqa("evaluate")
    assert code == 0, err
    found = json.loads((workspace / "evaluations/arms-eagle-eye/metrics.json").read_text())
    assert 0 <= found["overall"]["accuracy"]["value"] <= 1
    code, out, _ = aqa("methods", "--json")
    assert next(entry for entry in json.loads(out) if entry["name"] == "eagle-eye") == {
        "for": "finetune",
        "name": "eagle-eye",
        "summary": "joint coordination in heat maps of the joints + appearance dynamics, at several tempos; either alone",
        "paper": "EAGLE-Eye, WACV 2021",
        "inputs": "poses, features (either optional)",
        "weights": "the pose estimator's and the backbone's, for videos",
    }
