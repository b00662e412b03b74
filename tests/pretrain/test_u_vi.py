"""U-VI's geometry and losses against their equations, its pairs, and that it learns what two views have in common."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from stages.encoders.posture import PostureConfig, PostureEncoder
from stages.encoders.spec import ImageSpec, spec_from_json
from stages.engine import loop
from stages.engine.batch import Clips, Images
from stages.engine.method import Phase
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.pretrain.methods.u_vi import UVI, Settings, same_moment, synchronous
from stages.pretrain.methods.u_vi_examined import retrieval
from stages.pretrain.methods.u_vi_networks import rotation, seen, shifted

SIZE, FRAMES = 16, 4


def painted(points: torch.Tensor, yaw: float) -> torch.Tensor:
    """Points (…, P, 3) as a camera at ``yaw`` sees them: a spot each, points 0, 1, 2 in the channels; (…, 3, SIZE, SIZE) uint8."""
    x = points[..., 0] * math.cos(yaw) + points[..., 2] * math.sin(yaw)
    grid = torch.linspace(-1, 1, SIZE)
    across, down = ((grid - place[..., None]).square() / -0.2 for place in (x, points[..., 1]))
    return (255 * down.exp()[..., :, None] * across.exp()[..., None, :]).to(torch.uint8)


def clips(count: int = 12, *, seed: int = 0, views: int = 2) -> Clips:
    """Clips of three moving points, from cameras 90° apart."""
    points = 0.8 * (2 * torch.rand(count * FRAMES, 3, 3, generator=torch.Generator().manual_seed(seed)) - 1)
    points[..., 2] = points[..., 0].roll(1, -1)  # so that each camera sees all there is to know
    values = torch.stack([painted(points, number * math.pi / 2) for number in range(views)], dim=1)
    return _clips(values, count)


def _clips(values: torch.Tensor, count: int, **others: Any) -> Clips:
    first = torch.arange(0, count * FRAMES, FRAMES)
    poses, mask = torch.zeros(count, 0, 0, 0, 0), torch.zeros(count, 0, dtype=torch.bool)
    ids, images = tuple(map(str, range(count))), Images(values, first, torch.full((count,), FRAMES))
    return Clips(ids, poses, mask, None, torch.zeros(count, dtype=torch.long), images=images, **others)


def method(width: int = 2, points: int = 6, **settings: Any) -> UVI:
    spec = ImageSpec("posture", {"features": points, "width": width}, 3, (SIZE, SIZE))
    made = loop.initialise(lambda: UVI(Settings(**settings), spec), 0)
    assert isinstance(made, UVI)
    return made


def test_rotation__turns_about_one_axis_after_the_other() -> None:
    angles = torch.randn(50, 3)
    turns = rotation(angles)
    torch.testing.assert_close(turns @ turns.transpose(1, 2), torch.eye(3).expand(50, 3, 3), atol=1e-6, rtol=0)
    torch.testing.assert_close(torch.linalg.det(turns), torch.ones(50))
    alone = [rotation(angles * torch.eye(3)[axis]) for axis in range(3)]
    torch.testing.assert_close(alone[2] @ alone[1] @ alone[0], turns)
    quarter = rotation(torch.tensor([[0, 0, math.pi / 2]]))[0] @ torch.tensor([1.0, 0, 0])
    torch.testing.assert_close(quarter, torch.tensor([0.0, 1, 0]), atol=1e-6, rtol=0)


def test_seen__turns_then_moves() -> None:
    poses, turn, place = torch.randn(5, 3, 7), rotation(torch.randn(5, 3)), torch.randn(5, 3)
    expected = torch.stack([turn[n] @ poses[n] + place[n][:, None] for n in range(5)])
    torch.testing.assert_close(seen(poses, turn, place), expected)


def test_shifted__moves_right_and_down_and_lets_nothing_in_from_the_other_side() -> None:
    pictures = torch.rand(3, 2, 6, 8)
    moved = shifted(pictures, torch.tensor([[2.0, 1], [-3, 0], [0, 0]]))
    torch.testing.assert_close(moved[0, :, 1:, 2:], pictures[0, :, :-1, :-2])
    assert not moved[0, :, 0].any()
    assert not moved[0, :, :, :2].any()
    torch.testing.assert_close(moved[1, :, :, :-3], pictures[1, :, :, 3:])
    assert not moved[1, :, :, -3:].any()
    torch.testing.assert_close(moved[2], pictures[2])


def test_equivariance__is_zero_where_the_pose_moves_as_the_picture() -> None:
    made = method()
    before, shift = torch.randn(4, 3, 6), torch.tensor([[1.0, 0], [0, -1], [1, 1], [0, 0]])
    after = before + torch.nn.functional.pad(shift, (0, 1))[:, :, None] / (SIZE / 2)
    torch.testing.assert_close(made.equivariance(before, after, shift), torch.tensor(0.0), atol=1e-8, rtol=0)
    # One pixel off along x in one of three coordinates
    off = after.clone()
    off[:, 0] += 1 / (SIZE / 2)
    torch.testing.assert_close(made.equivariance(before, off, shift), torch.tensor(1 / 3))


def test_pictures__two_views_of_one_moment_and_one_each_of_another() -> None:
    values = torch.zeros(3 * FRAMES, 2, 3, SIZE, SIZE, dtype=torch.uint8)
    values += (10 * torch.arange(3 * FRAMES)[:, None] + torch.arange(2)).to(torch.uint8)[:, :, None, None, None]
    batch = _clips(values, 3).take([2, 0, 1])
    made, moments, swaps = method(), set(), set()
    for _ in range(60):
        one, two, one_else, two_else = ((255 * each[:, 0, 0, 0]).round().int() for each in made.pictures(batch))
        assert (one // 10).tolist() == (two // 10).tolist()
        assert ((one % 10) + (two % 10)).tolist() == [1, 1, 1], "the two views of the moment"
        assert [(one % 10).tolist(), (two % 10).tolist()] == [(one_else % 10).tolist(), (two_else % 10).tolist()]
        for found in (one, one_else, two_else):
            assert (found // 10 // FRAMES).tolist() == [2, 0, 1]
        moments.add(tuple((one // 10).tolist()))
        swaps.add(tuple((one % 10).tolist()))
    assert len(moments) > 10
    assert len(swaps) == 8


def test_step__equation_8_and_its_switches() -> None:
    made = method(invariance_weight=3.0, equivariance_weight=0.5, reconstruction_weight=2.0)
    torch.manual_seed(0)
    step = made.step({"train": clips(6).take(range(6))}, Phase())
    terms = step.terms
    expected = 3 * terms["invariance"] + 0.5 * terms["equivariance"] + 2 * (terms["reconstruction"] + terms["reconstruction_shifted"])
    torch.testing.assert_close(step.losses["main"], expected)
    step.losses["main"].backward()
    assert all(parameter.grad is not None for parameter in made.parameters())
    assert "invariance" not in method(invariance_weight=0.0).step({"train": clips(6).take(range(6))}, Phase()).terms


@pytest.mark.parametrize(("other_frame", "used"), [(0.0, [True, True, True, True, False, False]), (1.0, [False] * 4 + [True, True])])
def test_step__rotations_come_from_other_frames_as_often_as_asked_for(other_frame: float, used: list[bool]) -> None:
    made = method(other_frame=other_frame)
    inside = made.viewpoint.forward
    caught: list[torch.Tensor] = []

    def watched(pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        angles, places = inside(pictures)
        angles.retain_grad()
        caught.append(angles)
        return angles, places

    made.viewpoint.forward = watched  # type: ignore[method-assign]
    made.step({"train": clips(6).take(range(6))}, Phase()).losses["main"].backward()
    (angles,) = caught
    assert angles.grad is not None
    # own pictures, shifted ones (whose rotation is never taken: it is that of the original), other frames
    found = [bool(part.any()) for part in torch.split(angles.grad, 6)]
    assert found == [used[0], used[1], False, False, used[4], used[5]]


def test_train__finds_the_same_pose_from_both_sides() -> None:
    made = method(width=8, points=6, pairs_per_clip=4, shift=0.1)
    data, held_out = clips(60), clips(20, seed=1)
    history = loop.train(made, {"train": data}, TrainingConfig(epochs=12, batch_size=10, lr=2e-3), loop.Setting())
    assert history.rows[-1]["invariance"] < 0.7 * history.rows[0]["invariance"]
    torch.manual_seed(0)
    found = [float(made.validate(held_out.take(range(20))).terms["retrieval"]) for _ in range(5)]
    assert np.mean(found) > 0.15, "three times chance on clips that were not learned from"


def test_stream__pairs_of_clips_that_show_one_moment() -> None:
    moments = torch.tensor([0, 0, 1, 1, 1, 2, -1, -1])
    data = _clips(torch.zeros(8 * FRAMES, 1, 3, SIZE, SIZE, dtype=torch.uint8), 8, annotations={"moment": moments})
    assert synchronous(data, "moment") == [0, 1, 2, 3, 4]
    choose = same_moment(data.chosen([0, 1, 2, 3, 4] * 2), "moment")
    random = np.random.default_rng(0)
    chosen = [choose(np.arange(10), random) % 5 for _ in range(30)]
    assert all(place % 5 != number % 5 for found in chosen for number, place in enumerate(found))
    assert {(2, int(found[2])) for found in chosen} == {(2, 3), (2, 4)}
    made = method(pairs="clips")
    batch = made.streams({"train": data}, Phase(), TrainingConfig(batch_size=4))["train"].batch(0, 0, 0)
    assert batch.partner is not None
    assert torch.equal(batch.annotations["moment"], batch.partner.annotations["moment"])
    assert torch.isfinite(made.step({"train": batch}, Phase()).losses["main"])


def test_stream__without_pairs() -> None:
    alone = _clips(torch.zeros(2 * FRAMES, 1, 3, SIZE, SIZE, dtype=torch.uint8), 2, annotations={"moment": torch.tensor([0, 1])})
    with pytest.raises(UsageError, match=r"U-VI learns from two views of a moment; these pictures have one\.\n  hint: aqa extract-maps"):
        method().streams({"train": alone}, Phase(), TrainingConfig())
    with pytest.raises(UsageError, match=r"No two clips have the same value in 'moment', so none are synchronous"):
        method(pairs="clips").streams({"train": alone}, Phase(), TrainingConfig())


def test_retrieval__of_equal_and_of_exchanged_poses() -> None:
    poses = torch.randn(6, 3, 4)
    assert retrieval(poses, poses + 1e-3) == 1
    assert retrieval(poses, poses.roll(1, 0)) == 0


def test_encoder__has_table_1_s_weights() -> None:
    encoder = PostureEncoder(PostureConfig(), 3, (128, 128))
    channels = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512)]
    convolutions = sum(9 * before * after + after for before, after in channels)
    norms = 2 * sum(after for _, after in channels[:-1])
    layers = (512 * 16 * 16 + 1) * 1024 + 1025 * 512 + 513 * 3 * 70
    assert sum(parameter.numel() for parameter in encoder.parameters()) == convolutions + norms + layers
    assert encoder.dimensions == 210


def test_encoder__sizes_that_cannot_be_halved() -> None:
    with pytest.raises(UsageError, match=r"The pictures are 100 × 100; the network takes multiples of 8\.\n  hint: aqa extract-maps"):
        PostureEncoder(PostureConfig(), 3, (100, 100))


def test_spec__is_what_its_artifact_says() -> None:
    spec = ImageSpec("posture", {"trunk": "cnn", "features": 5, "width": 2}, 3, (SIZE, SIZE))
    assert spec_from_json(spec.to_json()) == spec
    assert spec.build()(torch.rand(2, 3, SIZE, SIZE)).shape == (2, 3, 5)
