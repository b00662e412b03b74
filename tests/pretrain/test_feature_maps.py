"""Feature maps of any encoder: pooled, they are its representation."""

from __future__ import annotations

import pytest
import torch

from stages.encoders.registry import ENCODERS
from stages.engine.method import Phase
from stages.pretrain.methods.aimclr import AimCLR
from stages.pretrain.methods.feature_maps import feature_map, pooled
from stages.pretrain.methods.pstl import PSTL
from tests.encoders.miniatures import MINI
from tests.pretrain.toys import Plain, clips, spec

OF_POSES = [name for name, entry in ENCODERS.items() if entry.inputs == "poses"]


def test_pooled__is_the_mean_over_people_real_frames_and_the_joints_that_count() -> None:
    features, mask = torch.randn(2, 2, 3, 5, 4), torch.tensor([[True] * 5, [True, True, False, False, False]])
    joints = torch.tensor([[True, True, False, True], [False, True, True, False]])
    found = pooled(features, mask, joints)
    torch.testing.assert_close(found[0], features[0][:, :, :, [0, 1, 3]].mean(dim=(0, 2, 3)))
    torch.testing.assert_close(found[1], features[1][:, :, :2, 1:3].mean(dim=(0, 2, 3)))


class _Frames(Plain):
    """An encoder that gives a representation per frame."""

    def frames(self, poses: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return poses.sum(dim=(3, 4)).transpose(1, 2), mask

    def forward(self, poses: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        frames, mask = self.frames(poses, mask)
        return (frames * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)


@pytest.mark.parametrize("encoder", [Plain(), _Frames(), spec().build().eval()], ids=["plain", "frames", "joints"])
def test_feature_map__pools_to_the_representation(encoder: torch.nn.Module) -> None:
    data = clips()
    features, mask = feature_map(encoder, data.poses, data.mask)
    rest = torch.ones(12, 99, dtype=torch.bool)  # joints of no map here: not used
    torch.testing.assert_close(pooled(features, mask, rest), encoder(data.poses, data.mask))


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_POSES)
def test_feature_map__of_every_encoder(name: str) -> None:
    data = clips(4, channels=2, people=2)
    encoder = spec(2, 2, name, MINI[name]).build().eval()
    features, mask = feature_map(encoder, data.poses, data.mask)
    torch.testing.assert_close(pooled(features, mask), encoder(data.poses, data.mask), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_POSES)
@pytest.mark.parametrize(("method", "settings"), [(AimCLR, {"queue": 4, "mining_epoch": 0}), (PSTL, {"projection": 16})])
def test_step__of_every_encoder(name: str, method: type, settings: dict[str, int]) -> None:
    data = clips(4, channels=2, people=2)
    built = method(method.SETTINGS(**settings), spec(2, 2, name, MINI[name])).train()
    built.measure(data)
    loss = built.step({"train": data.take(range(4))}, Phase()).losses["main"]
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(parameter.grad).all() for parameter in built.encoder.parameters() if parameter.grad is not None)
    assert sum(parameter.grad is not None for parameter in built.encoder.parameters()) > 10
