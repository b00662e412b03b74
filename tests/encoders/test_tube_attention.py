"""Tube self-attention: which cells are in the tube, what they gather, and that the rest stays as it is."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from stages.encoders.tube_attention import Similarity, TubeAttention, covered, tube_cells

NAN = [math.nan] * 4
BOTH: list[Similarity] = ["softmax", "dot"]


def boxes(*frames: list[float]) -> Tensor:
    """Boxes of one performer in the frames of one segment of one clip, (1, 1, L, 1, 4)."""
    return torch.tensor(frames).view(1, 1, -1, 1, 4)


def drawn(cells: Tensor) -> list[list[str]]:
    """The cells of a clip's first segment, a text per row for each time step."""
    return [["".join("#" if cell else "." for cell in row) for row in step] for step in cells[0, 0].tolist()]


def module(similarity: Similarity, channels: int = 3) -> TubeAttention:
    """A module whose batch norm lets everything through."""
    torch.manual_seed(0)
    made = TubeAttention(channels, similarity).eval()
    torch.nn.init.ones_(made.norm.weight)
    return made


def test_covered__share_of_each_cell() -> None:
    found = covered(torch.tensor([[0.25, 0.0, 0.75, 0.5], [-1, 0.5, 2, 2], NAN]), 2, 2)
    assert found.tolist() == [[[0.5, 0.5], [0, 0]], [[0, 0], [1, 1]], [[0, 0], [0, 0]]]


def test_tube_cells__half_of_a_cell_is_enough() -> None:
    assert drawn(tube_cells(boxes([0.125, 0.25, 0.6, 0.75]), (1, 4, 4), 0.5)) == [["....", "##..", "##..", "...."]]
    assert drawn(tube_cells(boxes([0.125, 0.25, 0.6, 0.75]), (1, 4, 4), 0.6)) == [["....", ".#..", ".#..", "...."]]
    assert drawn(tube_cells(boxes([0.125, 0.25, 0.6, 0.75]), (1, 4, 4), 0.4)) == [["....", "###.", "###.", "...."]]


def test_tube_cells__a_step_has_those_of_all_its_frames() -> None:
    left, right = [0.0, 0.0, 0.25, 1.0], [0.75, 0.0, 1.0, 0.5]
    found = tube_cells(boxes(left, NAN, right, NAN, NAN, NAN, left, left), (3, 2, 4), 0.5)
    assert drawn(found) == [["#..#", "#..."], ["....", "...."], ["#...", "#..."]], "three frames a step, the last step has two"
    assert not tube_cells(boxes(NAN, NAN), (2, 2, 2), 0.5).any()


def test_tube_cells__a_small_box_keeps_the_cell_that_it_lies_in_most() -> None:
    assert drawn(tube_cells(boxes([0.55, 0.55, 0.6, 0.6]), (1, 2, 2), 0.5)) == [["..", ".#"]]
    assert drawn(tube_cells(boxes([0.45, 0.1, 0.65, 0.2]), (1, 2, 2), 0.5)) == [[".#", ".."]]
    assert drawn(tube_cells(boxes([1.2, 0.1, 1.5, 0.2]), (1, 2, 2), 0.5)) == [["..", ".."]], "outside of the picture"


def test_tube_cells__of_several_performers() -> None:
    two = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]]).view(1, 1, 1, 2, 4)
    assert drawn(tube_cells(two, (1, 2, 2), 0.5)) == [["#.", ".#"]]


def test_attention__softmax_of_two_cells_by_hand() -> None:
    made = module("softmax", 2)
    with torch.no_grad():
        made.given.weight.copy_(torch.eye(2))
        made.given.bias.zero_()
        made.taken.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
        made.taken.bias.zero_()
    maps = torch.tensor([[1.0, 0.0], [0.0, 2.0], [7.0, 7.0]]).T.reshape(1, 1, 2, 1, 1, 3)
    found = made(maps, torch.tensor([True, True, False]).view(1, 1, 1, 1, 3)).reshape(2, 3).T
    one, other = math.e / (math.e + 1), math.exp(4) / (1 + math.exp(4))  # inner products 1 and 0; 0 and 4
    scale = 1 / math.sqrt(1 + made.norm.eps)
    expected = [[1 + 2 * one * scale, 2 * (1 - one) * scale], [2 * (1 - other) * scale, 2 + 2 * other * scale], [7, 7]]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_attention__inner_product_of_two_cells_by_hand() -> None:
    made = module("dot", 2)
    with torch.no_grad():
        for linear in (*made.compared, made.given, made.taken):
            linear.weight.copy_(torch.eye(2))  # type: ignore[operator, union-attr]
            linear.bias.zero_()  # type: ignore[operator, union-attr]
        made.compared[1].weight.mul_(3)  # type: ignore[operator, union-attr]
    maps = torch.tensor([[1.0, 1.0], [0.0, 2.0]]).T.reshape(1, 1, 2, 1, 1, 2)
    found = made(maps, torch.ones(1, 1, 1, 1, 2, dtype=torch.bool)).reshape(2, 2).T
    scale = 1 / math.sqrt(1 + made.norm.eps) / 2  # two cells
    first, second = [6 * 1 + 6 * 0, 6 * 1 + 6 * 2], [6 * 1 + 12 * 0, 6 * 1 + 12 * 2]
    expected = [[1 + first[0] * scale, 1 + first[1] * scale], [second[0] * scale, 2 + second[1] * scale]]
    torch.testing.assert_close(found, torch.tensor(expected))


def dense(made: TubeAttention, maps: Tensor, inside: Tensor) -> Tensor:
    """The same with a matrix of all cells by all cells, those outside of the tube masked."""
    results = []
    for clip, mask in zip(maps, inside, strict=True):
        cells, there = clip.movedim(1, -1).flatten(0, -2), mask.flatten()
        if len(made.compared):
            weight = made.compared[0](cells) @ made.compared[1](cells).T * there / there.sum()
        else:
            weight = (cells @ cells.T).masked_fill(~there, -torch.inf).softmax(dim=1)
        changed = cells + made.norm(made.taken(weight @ made.given(cells)))
        kept = torch.where(there[:, None], changed, cells)
        results.append(kept.reshape(*clip.movedim(1, -1).shape).movedim(-1, 1))
    return torch.stack(results)


@pytest.mark.parametrize("similarity", BOTH)
def test_attention__equals_dense_attention_with_a_mask(similarity: Similarity) -> None:
    made, maps = module(similarity), torch.randn(3, 2, 3, 2, 4, 4)
    inside = torch.rand(3, 2, 2, 4, 4) < torch.tensor([0.1, 0.5, 0.9]).view(3, 1, 1, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(made(maps, inside), dense(made, maps, inside), atol=1e-5, rtol=1e-5)
        everything = torch.ones_like(inside)
        torch.testing.assert_close(made(maps, everything), dense(made, maps, everything), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("similarity", BOTH)
def test_attention__outside_of_the_tube_nothing_changes_and_nothing_counts(similarity: Similarity) -> None:
    made, maps = module(similarity), torch.randn(2, 2, 3, 2, 4, 4)
    inside = torch.rand(2, 2, 2, 4, 4) < 0.4
    other = torch.where(inside[:, :, None], maps, torch.randn_like(maps))
    with torch.no_grad():
        one, two = made(maps, inside), made(other, inside)
    outside = ~inside[:, :, None].expand_as(maps)
    assert torch.equal(one[outside], maps[outside])
    assert torch.equal(two[outside], other[outside])
    assert torch.equal(one[~outside], two[~outside])
    assert not torch.allclose(one[~outside], maps[~outside])


def test_attention__a_clip_does_not_depend_on_its_company() -> None:
    made, maps = module("softmax"), torch.randn(2, 1, 3, 2, 4, 4)
    inside = torch.rand(2, 1, 2, 4, 4) < 0.5
    with torch.no_grad():
        together = made(maps, inside)
        torch.testing.assert_close(together[:1], made(maps[:1], inside[:1]), atol=1e-6, rtol=1e-6)
        inside[0] = False
        inside[0, 0, 0, 1, 2] = True
        together = made(maps, inside)
        assert not torch.equal(together[:1], maps[:1])
        torch.testing.assert_close(together[:1], made(maps[:1], inside[:1]), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("similarity", BOTH)
def test_attention__clips_without_a_tube(similarity: Similarity) -> None:
    made, maps = module(similarity).train(), torch.randn(3, 1, 3, 1, 2, 2, requires_grad=True)
    inside = torch.zeros(3, 1, 1, 2, 2, dtype=torch.bool)
    assert torch.equal(made(maps, inside), maps)
    inside[1, 0, 0, 0] = True
    found = made(maps, inside)
    assert torch.equal(found[::2], maps[::2])
    found.square().sum().backward()
    assert maps.grad is not None
    assert torch.isfinite(maps.grad).all()
    assert all(torch.isfinite(each.grad).all() for each in made.parameters() if each.grad is not None)


def test_attention__changes_nothing_before_it_has_learned_and_then_learns() -> None:
    torch.manual_seed(0)
    made, maps, inside = TubeAttention(3, "softmax"), torch.randn(2, 1, 3, 2, 4, 4), torch.ones(2, 1, 2, 4, 4, dtype=torch.bool)
    assert torch.equal(made(maps, inside), maps)
    rate, wanted = torch.optim.Adam(made.parameters(), lr=0.05), maps.flip(0)
    losses = []
    for _ in range(20):
        loss = (made(maps, inside) - wanted).square().mean()
        rate.zero_grad()
        loss.backward()
        rate.step()
        losses.append(loss.item())
    assert losses[-1] < 0.95 * losses[0]
