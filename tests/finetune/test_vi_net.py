"""VI-Net: its trajectory maps, which frames it looks at, its backbones, and what it learns."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from stages.configuration import Layer
from stages.engine.batch import Batch
from stages.engine.method import Context, Phase
from stages.errors import MissingDependencyError, UsageError
from stages.finetune.config import resolve_finetune
from stages.finetune.methods.vi_net import Settings, TrajectoryDescriptor, VINet, consecutive, random_start
from stages.skeletons.heat_maps import place
from stages.skeletons.input import prepare
from stages.skeletons.layouts import KINECT_20
from stages.skeletons.poses import sequence
from tests.encoders.miniatures import stirred
from tests.finetune.drawn import batch_of, losses_of, settings_error
from tests.small import clip, write_pose_set

SMALL = {"size": 20, "width": 4, "clip": 8}


def _build(classes: int = 0, frames: int = 24, **settings: object) -> VINet:
    torch.manual_seed(0)
    values = {**SMALL, "input": {"frames": frames}, **settings}
    return VINet(Settings.model_validate(values), Context("kinect-20", 3, 1, classes))


def test_trajectory__starts_as_the_joined_map_and_shares_its_weights_among_joints() -> None:
    torch.manual_seed(0)
    descriptor = TrajectoryDescriptor(4, 20).eval()
    maps = torch.rand(2, 5, 4, 20, 20)
    with torch.no_grad():
        turned, joined = descriptor(maps), descriptor.join(maps.flatten(0, 1)).view(2, 5, 20, 20)
        swapped = descriptor(maps.flip(1)).flip(1)
    torch.testing.assert_close(turned, joined, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(swapped, turned)


def test_trajectory__a_turn_by_a_right_angle_by_hand() -> None:
    descriptor = TrajectoryDescriptor(1, 21).eval()
    with torch.no_grad():
        descriptor.join[0].weight.copy_(torch.eye(3)[1].outer(torch.eye(3)[1])[None, None])  # keeps the map as it is
        descriptor.turn[2].bias.copy_(torch.tensor([0.0, -1.0, 1.0, 0.0]))
        maps = torch.zeros(1, 1, 1, 21, 21)
        maps[..., 3, 10] = 1
        turned = descriptor(maps)[0, 0]
    # the matrix says where a pixel (x, y) is read: at (-y, x), so what was read 7 rows above the middle comes to lie 7 columns left of it
    assert divmod(int(turned.argmax()), 21) == (10, 3)


def test_random_start__stays_inside_the_clip_and_reaches_both_ends() -> None:
    mask = torch.zeros(3, 20, dtype=torch.bool)
    mask[0, 4:], mask[1, :9], mask[2, :5] = True, True, True  # padded in front, behind, and shorter than 8 frames
    torch.manual_seed(0)
    starts = torch.stack([random_start(mask, 8) for _ in range(300)])
    assert [(int(column.min()), int(column.max())) for column in starts.T] == [(4, 12), (0, 1), (0, 0)]


def test_consecutive__whole_clips_only_but_at_least_one() -> None:
    mask = torch.zeros(3, 20, dtype=torch.bool)
    mask[0, 3:], mask[1, :16], mask[2, :5] = True, True, True
    first, count = consecutive(mask, 8)
    assert (first.tolist(), count.tolist()) == ([3, 0, 0], [2, 2, 1])


def test_predict__is_the_mean_of_the_outputs_on_all_clips() -> None:
    model, batch = stirred(_build()), batch_of(2, 24)
    where, seen = place(batch.poses, batch.mask, model.settings.size)
    with torch.no_grad():
        outputs = [model.head(model._look(where, seen, torch.full((2,), start)))[:, 0] for start in (0, 8, 16)]
    torch.testing.assert_close(model.predict(batch)["value"], torch.stack(outputs).mean(dim=0))
    assert not torch.allclose(outputs[0], outputs[1])


@pytest.mark.parametrize("length", [1, 8, 13, 17])
@pytest.mark.parametrize("front", [False, True])
def test_predict__padding_changes_nothing(length: int, front: bool) -> None:
    model, clip = stirred(_build(classes=3)), batch_of(2, length)
    nothing, unreal = torch.zeros(2, 3, 9, 20, 1), torch.zeros(2, 9, dtype=torch.bool)
    parts = [(nothing, unreal), (clip.poses, clip.mask)] if front else [(clip.poses, clip.mask), (nothing, unreal)]
    padded = Batch(clip.ids, torch.cat([p for p, _ in parts], dim=2), torch.cat([m for _, m in parts], dim=1), None, clip.group)
    alone, scores = model.predict(clip)["scores"], model.predict(padded)["scores"]
    assert alone.shape == (2, 3)
    torch.testing.assert_close(scores, alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.represent(padded), model.represent(clip), rtol=1e-4, atol=1e-5)


def test_predict__the_same_twice_and_whatever_the_company() -> None:
    model, batch = stirred(_build()), batch_of(5, 24)
    batch.mask[3, 10:] = False
    first = model.predict(batch)["value"]
    assert torch.equal(first, model.predict(batch)["value"])
    one = Batch(batch.ids[3:4], batch.poses[3:4], batch.mask[3:4], None, batch.group[3:4])
    torch.testing.assert_close(model.predict(one)["value"], first[3:4], rtol=1e-4, atol=1e-5)
    assert model.represent(batch).shape == (5, 16)


def test_inputs__of_several_people_the_first_is_taken() -> None:
    one, other = clip(0.9, 24, 1), clip(0.2, 24, 2)
    prepared = _build().inputs.poses
    alone, _ = prepare(sequence(one, KINECT_20), prepared)
    together, _ = prepare(sequence(np.concatenate([one, other]), KINECT_20), prepared)
    assert alone.shape == (3, 24, 20, 1)
    assert np.array_equal(alone, together)


def test_step__a_random_clip_is_seen_in_training() -> None:
    model, batch = _build(), batch_of(4, 24, target=True)
    losses = set()
    for seed in range(4):
        torch.manual_seed(seed)
        losses.add(float(model.train().step({"train": batch}, Phase()).losses["main"].detach()))
    assert len(losses) == 4


def test_step__gradients_reach_all_parameters() -> None:
    model = stirred(_build(classes=3)).train()
    batch = batch_of(6, 24, classes=3)
    model.step({"train": batch}, Phase()).losses["main"].backward()
    assert [name for name, value in model.named_parameters() if value.grad is None or not value.grad.abs().sum() > 0] == []


@pytest.mark.parametrize("classes", [0, 2])
def test_model__learns_how_far_the_arms_go_up(classes: int) -> None:
    losses = losses_of(_build(classes), batch_of(12, 24, classes=classes, lifted=True, target=True), steps=25, lr=1e-2)
    assert sum(losses[-3:]) / 3 < 0.5 * sum(losses[:3]) / 3, losses


@pytest.mark.parametrize(("backbone", "dimensions"), [("resnext50", 2048), ("vgg19", 4096)])
def test_backbone__the_paper_s_two(backbone: str, dimensions: int) -> None:
    pytest.importorskip("torchvision")
    model, batch = _build(backbone=backbone, size=64, frames=8).eval(), batch_of(1, 8)
    assert model.represent(batch).shape == (1, dimensions)
    assert model.predict(batch)["value"].shape == (1,)


def test_backbone__without_torchvision_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(MissingDependencyError, match="The backbone resnext50 needs torchvision, which cannot be imported") as caught:
        _build(backbone="resnext50", size=64)
    assert caught.value.exit_code == 5
    assert caught.value.hint == "pip install aqa-toolkit[video], or --set settings.backbone=small"
    assert _build().predict(batch_of(1, 8))["value"].shape == (1,)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": "vgg16"}, "'backbone'.*Input should be 'small', 'vgg19' or 'resnext50', found 'vgg16'"),
        ({"backbone": "vgg19", "size": 32}, r"the backbone vgg19 needs heat maps of at least 64 pixels \(size=64\)"),
        ({"size": 17}, "'size'.*greater than or equal to 18, found 17"),
        ({"clip": 0}, "'clip'.*greater than or equal to 1, found 0"),
        ({"sigma": 0}, "'sigma'.*greater than 0, found 0"),
        ({"input": {"stream": "bone"}}, "heat maps are drawn of positions, so input.stream must be 'joint', not 'bone'"),
        ({"backbon": "small"}, r"Unknown key 'backbon'.*Did you mean 'backbone'\?"),
    ],
)
def test_settings__what_cannot_be_is_a_usage_error(settings: dict, message: str) -> None:
    settings_error("vi-net", settings, message)


def test_settings__defaults_are_the_small_ones() -> None:
    config = resolve_finetune([Layer("flag", {"method": "vi-net"})]).config
    assert (config.settings["backbone"], config.settings["size"], config.settings["clip"]) == ("small", 64, 16)


def test_finetune__vi_net_as_a_user_types_it(aqa, workspace: Path) -> None:
    write_pose_set(workspace / "poses/arms")
    small = [part for key, value in SMALL.items() for part in ("--set", f"settings.{key}={value}")]
    small += ["--set", "settings.input.frames=24", "--set", "settings.input.length=pad-back", "--epochs", "2"]
    for task in ("score", "action"):
        code, out, err = aqa("finetune", "--method", "vi-net", "--protocol", "arms/3-fold", "--task", task, "--name", task, *small)
        assert code == 0, err
        assert "3 done" in out
        code, _, err = aqa("evaluate", "--model", task)
        assert code == 0, err
    found = json.loads((workspace / "evaluations/score/metrics.json").read_text())
    assert -1 <= found["overall"]["spearman_pooled"]["value"] <= 1
    code, out, _ = aqa("methods", "--json")
    assert next(entry for entry in json.loads(out) if entry["name"] == "vi-net") == {
        "for": "finetune",
        "name": "vi-net",
        "summary": "view-invariant trajectories of the joints' heat maps + a 2-D network",
        "paper": "VI-Net, Sensors 2020",
        "inputs": "poses",
        "weights": "the pose estimator's, for videos",
    }


def test_finetune__a_backbone_too_large_for_its_maps_is_exit_2(aqa, workspace: Path) -> None:
    write_pose_set(workspace / "poses/arms")
    code, _, err = aqa("finetune", "--method", "vi-net", "--set", "settings.backbone=resnext50", "--set", "settings.size=32")
    assert code == 2
    assert "the backbone resnext50 needs heat maps of at least 64 pixels" in err
    with pytest.raises(UsageError, match="at least 64 pixels"):
        resolve_finetune([Layer("flag", {"method": "vi-net", "settings": {"backbone": "resnext50", "size": 32}})])
