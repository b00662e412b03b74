"""A video network cut in two: without attention it is the whole one, with attention only what the tube says passes between segments."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from stages.encoders.tube_video import Attention, TubeVideo
from stages.encoders.video import VideoConfig, VideoEncoder
from stages.engine.batch import Images
from stages.errors import UsageError

AQA_7 = (0, 10, 20, 30, 40, 50, 60, 70, 80, 87)


def images(lengths: list[int], side: int = 64) -> Images:
    """Random frames, with the performer in the left half of the picture."""
    count = torch.tensor(lengths)
    values = torch.randint(0, 256, (sum(lengths), 1, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor([0.0, 0.0, 0.5, 1.0]).expand(sum(lengths), 1, 4)
    return Images(values, count.cumsum(0) - count, count, boxes)


def build(network: Any = "tiny", attention: Attention = "tube", **changed: Any) -> TubeVideo:
    torch.manual_seed(0)
    made = TubeVideo(VideoConfig(network=network, segments=changed.pop("segments", 2)), attention, **changed)
    for each in made.attentions:
        torch.nn.init.constant_(each.norm.weight, 0.1)  # type: ignore[arg-type, union-attr]
    return made.eval()


@pytest.mark.parametrize(("network", "side"), [("tiny", 64), ("i3d", 32)])
def test_none__is_the_network_uncut(network: str, side: int) -> None:
    made, data = build(network, "none"), images([20, 17], side)
    whole = VideoEncoder(VideoConfig(network=network, segments=2)).eval()  # type: ignore[arg-type]
    whole.load_state_dict(made.video.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(made(data), whole(data), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("network", "side", "expected"), [("tiny", 64, (2, 64, 8, 8, 8)), ("i3d", 64, (2, 480, 4, 4, 4))])
def test_first__maps_at_the_cut(network: str, side: int, expected: tuple[int, ...]) -> None:
    made = build(network)
    with torch.no_grad():
        maps = made.first(torch.randn(2, 3, 16, side, side))
    assert maps.shape == expected
    data = images([16, 16], side)
    cells = made.cells(data, made.segments(data), maps[:, None].repeat(1, 2, 1, 1, 1, 1))
    assert cells.shape == (2, 2, *expected[2:])
    half = expected[4] // 2
    assert (cells[..., :half].all(), cells[..., half:].any()) == (True, False)


def test_segments__start_where_they_are_told_to_and_not_beyond_the_end() -> None:
    made = build(starts=AQA_7, segments=10)
    found = made.segments(images([103, 40, 5], 8))
    assert found[0, :, 0].tolist() == [*AQA_7]
    assert found[0, -1].tolist() == [*range(87, 103)]
    assert found[1, :, 0].tolist() == [0, 10, 20, *[24] * 7]
    assert found[2, 3].tolist() == [0, 1, 2, 3, *[4] * 12]
    assert build(segments=10).segments(images([103], 8))[0, :, 0].tolist() == [0, 10, 19, 29, 39, 48, 58, 68, 77, 87]


def test_forward__attention_joins_the_segments_and_the_background_stays_out() -> None:
    data = images([32])
    other = Images(data.values.clone(), data.first, data.count, data.boxes)
    other.values[16:, ..., 44:] = 0  # the second segment, far from the performer

    def first_segment(made: TubeVideo, shown: Images) -> torch.Tensor:
        numbers = made.segments(shown)
        maps = made.first(made.video.seen(shown, numbers))[None]
        return made.attentions[0](maps, made.cells(shown, numbers, maps))[:, 0]  # type: ignore[no-any-return]

    with torch.no_grad():
        tube, everything = build(), build(attention="all")
        torch.testing.assert_close(first_segment(tube, data), first_segment(tube, other))
        assert not torch.allclose(first_segment(everything, data), first_segment(everything, other))
        other.values[16:, ..., :20] = 0
        assert not torch.allclose(first_segment(tube, data), first_segment(tube, other))


@pytest.mark.parametrize("attention", ["tube", "all"])
def test_forward__every_weight_learns(attention: Attention) -> None:
    made = build(attention=attention, modules=2, similarity="dot").train()
    found = made(images([20, 16]))
    assert found.shape == (2, made.dimensions)
    found.square().sum().backward()
    assert len(made.attentions) == 2
    assert [name for name, parameter in made.named_parameters() if parameter.grad is None] == []


def test_forward__a_few_segments_at_a_time_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    made, data = build(segments=3), images([40, 20])
    with torch.no_grad():
        whole = made(data)
        monkeypatch.setattr("stages.encoders.tube_video._SEGMENTS_AT_ONCE", 2)
        torch.testing.assert_close(made(data), whole, atol=1e-6, rtol=1e-6)


def test_network__what_cannot_be() -> None:
    with pytest.raises(UsageError, match=r"needs a network that can be cut: i3d or tiny, found c3d\."):
        TubeVideo(VideoConfig(network="c3d"), "tube")
    with pytest.raises(
        UsageError, match=r"settings\.starts names 2 segments, settings\.backbone\.segments says 10\.\n  hint: .*segments=2"
    ):
        TubeVideo(VideoConfig(network="tiny"), "tube", starts=(0, 16))
