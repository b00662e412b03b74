"""Recurrent networks over padded clips: each clip as if it were alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stages.encoders.gru import GRUConfig, GRUEncoder, bodies, coordinates
from stages.encoders.recurrent import both_directions, run
from stages.skeletons.layouts import COCO_17

LENGTHS = (7, 3, 1, 5)


def padded(front: bool) -> tuple[torch.Tensor, torch.Tensor]:
    mask = torch.arange(7) < torch.tensor(LENGTHS)[:, None]
    if front:
        mask = mask.flip(1)
    return torch.randn(4, 7, 3), mask  # what lies in the padding must not matter


@pytest.mark.parametrize("front", [True, False], ids=["front", "back"])
@pytest.mark.parametrize("both", [True, False], ids=["both-directions", "forward"])
@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_run__each_clip_is_alone(kind: type[nn.GRU | nn.LSTM], both: bool, front: bool) -> None:
    network = kind(3, 4, 2, batch_first=True, bidirectional=both)
    values, mask = padded(front)
    outputs, last = run(network, values, mask)
    assert not outputs[~mask].any()
    for clip in range(4):
        alone, state = network(values[clip][mask[clip]][None])
        torch.testing.assert_close(outputs[clip][mask[clip]], alone[0])
        torch.testing.assert_close(last[:, clip], (state[0] if isinstance(state, tuple) else state)[:, 0])


def test_run__starts_from_the_state() -> None:
    network = nn.GRU(3, 4, 2, batch_first=True)
    values, mask = padded(front=True)
    state = torch.randn(2, 4, 4)
    outputs, _ = run(network, values, mask, state)
    alone, _ = network(values[1][mask[1]][None], state[:, 1:2])
    torch.testing.assert_close(outputs[1][mask[1]], alone[0])


def test_run__gradients_of_padded_clips_are_those_of_the_clip_alone() -> None:
    network = nn.GRU(3, 4, 1, batch_first=True, bidirectional=True)
    values, mask = padded(front=True)
    values.requires_grad_()
    run(network, values, mask)[0][1].square().sum().backward()
    assert values.grad is not None
    alone = values.detach()[1][mask[1]][None].requires_grad_()
    network(alone)[0].square().sum().backward()
    assert alone.grad is not None
    torch.testing.assert_close(values.grad[1][mask[1]], alone.grad[0])
    assert not values.grad[~mask].any()


def test_both_directions__puts_the_two_of_each_layer_side_by_side() -> None:
    network = nn.GRU(3, 4, 2, batch_first=True, bidirectional=True)
    values, mask = padded(front=False)
    outputs, last = run(network, values, mask)
    joined = both_directions(last)
    assert joined.shape == (2, 4, 8)
    ends = outputs[torch.arange(4), torch.tensor(LENGTHS) - 1, :4]
    torch.testing.assert_close(joined[1], torch.cat([ends, outputs[:, 0, 4:]], dim=1))


def test_coordinates__and_back() -> None:
    poses = torch.randn(2, 3, 5, 17, 2)
    assert coordinates(poses).shape == (2, 5, 102)
    assert torch.equal(bodies(coordinates(poses), poses), poses)


def test_encoder__frames_and_their_mean() -> None:
    encoder = GRUEncoder(GRUConfig(units=6), COCO_17, channels=2)
    mask = torch.arange(8) >= torch.tensor([0, 5])[:, None]
    poses = torch.randn(2, 2, 8, 17, 1)
    frames, same = encoder.frames(poses, mask)
    assert frames.shape == (2, 8, 6)
    assert torch.equal(same, mask)
    torch.testing.assert_close(encoder(poses, mask)[1], frames[1, 5:].mean(dim=0))
    assert encoder.states(poses, mask)[1].shape == (2, 2, 6)
