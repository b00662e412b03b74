"""PSTL: its masks, its loss, and training."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.encoders.spec import PretrainedEncoder
from stages.engine import loop
from stages.engine.method import Phase
from stages.engine.training import TrainingConfig
from stages.pretrain.methods.pstl import PSTL, Settings, barlow_twins
from stages.pretrain.methods.pstl_masks import central_joints, closed_up, degrees, kept_frames, motion
from stages.skeletons.layouts import KINECT_25, LAYOUTS
from tests.pretrain.toys import FRAMES, Plain, assert_resumes, clips, spec, train
from tests.small import write_pose_set

TRAINING = TrainingConfig(epochs=3, batch_size=6, lr=1e-3)


def build(**changed: object) -> PSTL:
    return PSTL(Settings(**{"projection": 24, **changed}), spec())


def _method(**changed: object) -> PSTL:
    return loop.initialise(lambda: build(**changed), 0).train()


# --- central spatial masking -----------------------------------------------------------------------------------------------------


def test_degrees__are_the_published_ones_of_kinect() -> None:
    published = [3, 2, 2, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 1, 4, 1, 2, 1, 2]
    assert degrees(KINECT_25).tolist() == published


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_degrees__every_joint_has_a_bone(layout) -> None:
    degree = degrees(layout)
    assert degree.min() >= 1
    assert degree.sum() == 2 * (len(layout.joints) - 1)


def test_central_joints__the_first_goes_by_its_share_of_the_degrees() -> None:
    torch.manual_seed(0)
    degree = torch.tensor([4.0, 3, 2, 1])
    share = central_joints(20000, degree, 0.25).float().mean(dim=0)
    torch.testing.assert_close(share, degree / degree.sum(), atol=0.01, rtol=0)


def test_central_joints__the_second_by_what_is_left() -> None:
    torch.manual_seed(0)
    degree = torch.tensor([4.0, 3, 2, 1])
    share = degree / degree.sum()
    second = [sum(share[j] * share[i] / (1 - share[j]) for j in range(4) if j != i) for i in range(4)]
    found = central_joints(20000, degree, 0.5).float().mean(dim=0)
    torch.testing.assert_close(found, share + torch.stack(second), atol=0.015, rtol=0)


@pytest.mark.parametrize(("rate", "masked"), [(0.0, 0), (0.32, 8), (0.96, 24)])
def test_central_joints__masks_exactly_its_share(rate: float, masked: int) -> None:
    assert central_joints(50, degrees(KINECT_25), rate).sum(dim=1).tolist() == [masked] * 50


# --- motion attention temporal masking -------------------------------------------------------------------------------------------


def test_motion__four_frames_by_hand() -> None:
    poses = torch.tensor([[0.0, 1, 3, 3], [0, 0, 0, 4]])[None, :, :, None, None]  # x and y of one joint
    assert motion(poses, torch.ones(1, 4, dtype=torch.bool))[0].tolist() == [0.5, 2, 8, 0]
    assert motion(poses, torch.tensor([[False, True, True, False]]))[0].tolist() == [0, 2, 0, 0]


def test_kept_frames__the_fastest_go_and_as_many_of_the_others_at_random() -> None:
    torch.manual_seed(0)
    speed = torch.tensor([1.0, 9, 2, 3, 8, 1, 2, 1, 1, 0])
    mask = torch.zeros(3000, 13, dtype=torch.bool)
    mask[:, 2:12] = True
    poses = torch.zeros(3000, 1, 13, 1, 1)
    poses[:, 0, 2:12, 0, 0] = torch.cat([torch.zeros(1), speed[:-1].cumsum(dim=0)])
    kept = kept_frames(poses, mask, 0.2)
    assert kept.sum(dim=1).tolist() == [6] * 3000
    assert not (kept & ~mask).any()
    share = kept[:, 2:12].float().mean(dim=0)
    assert share[[1, 4]].tolist() == [0, 0]
    torch.testing.assert_close(share[[0, 2, 3, 5, 6, 7, 8, 9]], torch.full((8,), 0.75), atol=0.03, rtol=0)


@settings(max_examples=50, deadline=None)
@given(length=st.integers(1, 30), padding=st.integers(0, 9), front=st.booleans(), rate=st.floats(0, 0.49), seed=st.integers(0, 99))
def test_kept_frames__only_valid_ones_and_exactly_the_share(length: int, padding: int, front: bool, rate: float, seed: int) -> None:
    torch.manual_seed(seed)
    mask = torch.arange(length + padding)[None] < length
    mask = mask.flip(1) if front else mask
    poses = torch.randn(1, 2, length + padding, 3, 2)
    kept = kept_frames(poses, mask, rate)
    number = round(rate * length)
    assert int(kept.sum()) == length - 2 * number
    assert not (kept & ~mask).any()
    speed = motion(poses, mask)[0]
    slowest = speed[mask[0]].sort().values[: length - number]
    assert (speed[kept[0]] <= slowest[-1]).all()


def test_closed_up__kept_frames_one_after_the_other() -> None:
    poses = torch.arange(12.0).view(2, 1, 6, 1, 1)
    kept = torch.tensor([[0, 1, 0, 1, 1, 0], [1, 0, 0, 0, 0, 1]], dtype=torch.bool)
    found, mask = closed_up(poses, kept)
    assert found[:, 0, :, 0, 0].tolist() == [[1, 3, 4], [6, 11, 0]]
    assert mask.tolist() == [[True, True, True], [True, True, False]]


# --- the loss --------------------------------------------------------------------------------------------------------------------


def _formula(one: np.ndarray, two: np.ndarray, balance: float) -> float:
    """Barlow Twins, term by term in float64."""
    one, two = ((each - each.mean(axis=0)) / np.sqrt(each.var(axis=0) + 1e-5) for each in (one, two))
    loss = 0.0
    for i in range(one.shape[1]):
        for j in range(one.shape[1]):
            entry = float(np.mean(one[:, i] * two[:, j]))
            loss += (1 - entry) ** 2 if i == j else balance * entry**2
    return loss


@pytest.mark.parametrize("balance", [2e-4, 0.5])
def test_barlow_twins__against_the_formula_in_float64(balance: float) -> None:
    random = np.random.default_rng(0)
    one = random.normal(size=(11, 7))
    two = 2 * one + random.normal(size=(11, 7)) + 5
    found = barlow_twins(torch.from_numpy(one).float(), torch.from_numpy(two).float(), balance)
    assert float(found) == pytest.approx(_formula(one, two, balance), rel=1e-4)


def test_barlow_twins__is_zero_for_equal_uncorrelated_features() -> None:
    corners = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    assert float(barlow_twins(corners, 3 * corners + 1, 1.0)) == pytest.approx(0, abs=1e-6)
    assert float(barlow_twins(corners, corners.flip(1), 1.0)) == pytest.approx(4, abs=1e-3)


def test_barlow_twins__of_one_clip_is_a_number() -> None:
    assert float(barlow_twins(torch.randn(1, 7), torch.randn(1, 7), 2e-4)) == 7


# --- steps and training ----------------------------------------------------------------------------------------------------------


class _Seen(Plain):
    """Remembers what it was given."""

    dimensions = 3

    def __init__(self) -> None:
        super().__init__()
        self.given: list[tuple[torch.Tensor, torch.Tensor]] = []

    def forward(self, poses: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        self.given.append((poses, mask))
        return super().forward(poses, mask)


def test_step__anchor_whole_one_copy_without_joints_and_one_without_frames() -> None:
    method = PSTL(Settings(projection=24, changes={"crop": 0, "shear": 0, "swap_sides": 0, "rotate": 0}), spec())
    method.encoder, method.projection = _Seen(), torch.nn.Identity()
    batch = clips().take(range(6))
    method.step({"train": batch}, Phase())
    (anchor, mask), (spatial, spatial_mask), (temporal, temporal_mask) = method.encoder.given
    assert torch.equal(anchor, batch.poses)
    assert torch.equal(mask, batch.mask)
    assert torch.equal(spatial_mask, batch.mask)
    gone = (spatial == 0).all(dim=(1, 2, 4))
    assert gone.sum(dim=1).tolist() == [round(0.32 * 20)] * 6
    assert torch.equal(spatial, batch.poses * ~gone[:, None, None, :, None])
    assert temporal_mask.sum(dim=1).tolist() == [length - 2 * round(0.2 * length) for length in batch.mask.sum(dim=1).tolist()]
    assert temporal.shape[2] == FRAMES - 2 * round(0.2 * FRAMES)


class _Joints(_Seen):
    """Gives every joint's position as its feature."""

    def joints(self, poses: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return poses.permute(0, 4, 1, 2, 3), mask


def test_step__masked_joints_do_not_count_in_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    method = PSTL(Settings(projection=24, mask_joints=0.5, changes={"crop": 0, "shear": 0, "swap_sides": 0, "rotate": 0}), spec())
    method.encoder, method.projection = _Joints(), torch.nn.Identity()
    compared: list[torch.Tensor] = []
    monkeypatch.setattr("stages.pretrain.methods.pstl.barlow_twins", lambda one, two, _: compared.append(two) or two.sum())
    batch = clips().take(range(6))
    method.step({"train": replace(batch, poses=torch.ones_like(batch.poses) * batch.mask[:, None, :, None, None])}, Phase())
    torch.testing.assert_close(compared[0], torch.ones(6, 3))


def test_step__trains_encoder_and_projection() -> None:
    method = _method()
    step = method.step({"train": clips().take(range(6))}, Phase())
    step.losses["main"].backward()
    assert torch.isfinite(step.losses["main"])
    assert all(parameter.grad is not None for parameter in method.parameters())
    assert float(step.losses["main"].detach()) == pytest.approx(float((step.terms["spatial"] + step.terms["temporal"]).detach()))


@pytest.mark.parametrize(("channels", "people"), [(2, 1), (3, 2)])
def test_step__two_axes_and_two_people(channels: int, people: int) -> None:
    method = PSTL(Settings(projection=24), spec(channels, people)).train()
    batch = clips(channels=channels, people=people).take(range(5))
    assert torch.isfinite(method.step({"train": batch}, Phase()).losses["main"])


def test_validate__changes_nothing() -> None:
    method = _method()
    train(method, TRAINING)
    before = {name: value.clone() for name, value in method.state_dict().items()}
    torch.manual_seed(0)
    one = method.eval().validate(clips().take([1, 2, 4])).losses["main"]
    torch.manual_seed(0)
    assert torch.equal(one, method.validate(clips().take([1, 2, 4])).losses["main"])
    assert all(torch.equal(before[name], value) for name, value in method.state_dict().items())


def test_train__lowers_the_loss() -> None:
    method = _method(balance=0.05)
    history = train(method, TrainingConfig(epochs=40, batch_size=12, lr=5e-3))
    first, last = (np.mean([row["main"] for row in rows]) for rows in (history.rows[:5], history.rows[-5:]))
    assert last < 0.7 * first


@pytest.mark.parametrize("stop_at", [1, 4])
def test_resume__goes_on_bit_for_bit(tmp_path: Path, stop_at: int) -> None:
    assert_resumes(build, TRAINING, tmp_path, stop_at)


def test_pretrain__through_the_command_line(aqa, workspace: Path) -> None:
    write_pose_set(workspace / "poses/arms")
    small = ["--set", "settings.encoder_settings={width: 8, blocks: 2}", "--set", "settings.input.frames=12"]
    small += ["--set", "training.batch_size=6", "--set", "settings.projection=32", "--set", "settings.changes.shear=0.5"]
    code, out, err = aqa("pretrain", "--method", "pstl", "--epochs", 2, "--set", "validation=0.34", *small)
    assert code == 0, err
    assert "1 done" in out
    encoder = PretrainedEncoder.read(workspace / "encoders/pstl.h5")
    assert encoder.weights.keys() == encoder.spec.build().state_dict().keys()
    assert "1 skipped" in aqa("pretrain", "--method", "pstl", "--epochs", 2, "--set", "validation=0.34", *small)[1]


def test_config__lists_the_paper_s_constants(aqa) -> None:
    code, out, _ = aqa("config", "show", "pretrain", "--set", "method=pstl")
    assert code == 0
    values = dict(line.split("\t")[:2] for line in out.splitlines())
    expected = {"projection": "6144", "balance": "0.0002", "mask_joints": "0.32", "mask_frames": "0.2", "changes.shear": "1.0"}
    assert {key: values[f"settings.{key}"] for key in expected} == expected
    assert values["training.epochs"] == "150"
    code, _, err = aqa("config", "show", "pretrain", "--set", "method=pstl", "--set", "settings.mask_frames=0.5")
    assert code == 2
    assert "'mask_frames' (--set): Input should be less than 0.5" in err


def test_sampled_joints__differ_from_clip_to_clip() -> None:
    masked = central_joints(40, degrees(KINECT_25), 0.32)
    assert Counter(tuple(row) for row in masked.tolist()).most_common(1)[0][1] < 5
