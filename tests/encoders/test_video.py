"""Video networks that are trained along: which frames they see, that they see them as feature extraction does, and that they learn."""

from __future__ import annotations

import pytest
import torch

from stages.encoders.video import VideoConfig, VideoEncoder, segment_frames
from stages.engine.batch import Images
from stages.errors import ArtifactError, UsageError
from stages.extract_features.backbones import tiny
from stages.extract_features.backbones.registry import HERE, build


def images(lengths: list[int], side: int = 64) -> Images:
    count = torch.tensor(lengths)
    values = torch.randint(0, 256, (sum(lengths), 1, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Images(values, count.cumsum(0) - count, count)


def test_segment_frames__at_even_distances_and_not_beyond_the_end() -> None:
    found = segment_frames(torch.tensor([20, 6, 3]), 3, 4)
    assert found[0, :, 0].tolist() == [0, 8, 16]
    assert found[0, 1].tolist() == [8, 9, 10, 11]
    assert found[1, :, 0].tolist() == [0, 1, 2]
    assert found[2].tolist() == [[0, 1, 2, 2]] * 3
    assert segment_frames(torch.tensor([20]), 1, 4).tolist() == [[[8, 9, 10, 11]]]


def test_encoder__sees_what_feature_extraction_sees() -> None:
    encoder = VideoEncoder(VideoConfig(network="tiny", weights="packaged", segments=2)).eval()
    encoder.load()
    data = images([40, 20])
    backbone = build("tiny", HERE / "tiny.h5", "fp32")
    numbers = segment_frames(data.count, 2, 16)
    expected = []
    for clip in range(2):
        frames = data.values[data.first[clip] + numbers[clip].flatten(), 0].float().view(2, 16, 3, 64, 64).transpose(1, 2)
        mean, std = (torch.tensor(values).view(-1, 1, 1, 1) for values in (tiny.LOOK.mean, tiny.LOOK.std))
        with torch.no_grad():
            expected.append(backbone.features((frames - mean) / std).mean(dim=0))
    with torch.no_grad():
        torch.testing.assert_close(encoder(data), torch.stack(expected), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("network", "side"), [("tiny", 64), ("i3d", 32)])
def test_encoder__every_weight_learns(network: str, side: int) -> None:
    torch.manual_seed(0)
    encoder = VideoEncoder(VideoConfig(network=network, segments=2))  # type: ignore[arg-type]
    found = encoder(images([20, 16], side))
    assert found.shape == (2, encoder.dimensions)
    found.square().sum().backward()
    seen = [name for name, parameter in encoder.named_parameters() if parameter.grad is not None]
    unused = {"network.logits.conv3d.weight", "network.logits.conv3d.bias"} if network == "i3d" else set()
    assert {name for name, _ in encoder.named_parameters()} - set(seen) == unused


def test_encoder__what_cannot_be() -> None:
    with pytest.raises(UsageError, match=r"tiny sees segments of 16 frames, not 8\."):
        VideoEncoder(VideoConfig(network="tiny", length=8))
    with pytest.raises(UsageError, match=r"The weights of i3d are in no package\."):
        VideoEncoder(VideoConfig(network="i3d", weights="packaged")).load()
    with pytest.raises(ArtifactError, match=r"nowhere\.pt"):
        VideoEncoder(VideoConfig(network="tiny", weights="nowhere.pt")).load()
