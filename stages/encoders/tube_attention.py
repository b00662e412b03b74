"""Tube self-attention (TSA-Net, Wang et al., ACM MM 2021, section 3.2): the performer's places in feature maps attend to each other.

The tube are the cells of the maps that lie in the performer's boxes.  Every cell of it gathers from all others, of all segments of the
clip and all their time steps, and gets the result added; cells outside neither give nor get, so that the maps keep their shape and only
the tube's cells are computed with.  With every cell in the tube this is the non-local network's attention.

The paper compares cells by an inner product of two linear maps, over the number of cells (``dot``); the authors' code takes the softmax of
the inner products of the features themselves, unscaled (``softmax``).  Behind either stands that code's
batch norm, which starts at zero, so that untrained attention changes nothing.
N clips, S segments, L frames of a segment, P performers, C channels; t, h, w are the sizes of feature maps, K the cells of all tubes.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Similarity = Literal["softmax", "dot"]
_ROUNDING = 1e-5
"""Shares are counted as equal within this."""


def covered(boxes: Tensor, rows: int, columns: int) -> Tensor:
    """Return how much of each cell of a picture boxes cover, (…, rows, columns), 0 to 1; nothing where a box is NaN.

    Args:
        boxes: (…, 4) left, top, right, bottom as shares of the picture's width and height.
        rows: h.
        columns: w.
    """
    across, down = (_overlap(boxes[..., first], boxes[..., first + 2], count) for first, count in ((0, columns), (1, rows)))
    return torch.nan_to_num(down[..., :, None] * across[..., None, :], nan=0.0)


def _overlap(low: Tensor, high: Tensor, count: int) -> Tensor:
    edges = torch.arange(count + 1, device=low.device) / count
    return (torch.minimum(high[..., None], edges[1:]) - torch.maximum(low[..., None], edges[:-1])).clamp(min=0) * count


def tube_cells(boxes: Tensor, size: tuple[int, int, int], threshold: float) -> Tensor:
    """Return which cells of the maps are in the tube, (N, S, t, h, w) (the paper's equations 1 to 3).

    In one frame these are the cells of which a box covers ``threshold`` or more.  Where a box is too small for that, it is the cell that it
    covers most of (ours), so that a performer who is far away is not lost.  A time step has the cells of all frames that it comes from.

    Args:
        boxes: (N, S, L, P, 4) in the frames of each segment.
        size: t, h, w.
        threshold: the paper's τ.
    """
    steps, rows, columns = size
    share = covered(boxes, rows, columns)
    most = share.amax(dim=(-2, -1), keepdim=True)
    enough = torch.where(most >= threshold, torch.full_like(most, threshold), most)
    inside = ((share >= enough - _ROUNDING) & (most > 0)).any(dim=3)
    frames = -(-inside.shape[2] // steps)  # frames of a time step
    inside = F.pad(inside, (0, 0, 0, 0, 0, steps * frames - inside.shape[2]))
    return inside.reshape(*inside.shape[:2], steps, frames, rows, columns).any(dim=3)


class TubeAttention(nn.Module):
    """One module: maps (N, S, C, t, h, w) and the cells of the tube (N, S, t, h, w) → maps of the same shape."""

    def __init__(self, channels: int, similarity: Similarity) -> None:
        super().__init__()
        self.compared = nn.ModuleList(nn.Linear(channels, channels) for _ in range(2 if similarity == "dot" else 0))
        self.given = nn.Linear(channels, channels)
        self.taken = nn.Linear(channels, channels)
        self.norm = nn.BatchNorm1d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, maps: Tensor, inside: Tensor) -> Tensor:
        """Return the maps, changed in the tube alone."""
        last = maps.movedim(2, -1)
        cells = last[inside]
        if len(cells) < (2 if self.training else 1):  # a batch norm cannot learn from one
            return maps
        gathered = self.gather(cells, inside.flatten(1).sum(dim=1).tolist())
        changed = cells + self.norm(self.taken(gathered))
        return last.index_put((inside,), changed.to(last.dtype)).movedim(-1, 2)

    def gather(self, cells: Tensor, counts: list[int]) -> Tensor:
        """Return what each cell (K, C) gathers from those of its clip; clip after clip, ``counts`` of each."""
        given = torch.split(self.given(cells), counts)
        if not len(self.compared):
            own = torch.split(cells, counts)
            return torch.cat([_softly(one, gives) for one, gives in zip(own, given, strict=True)])
        asked, offered = (torch.split(compared(cells), counts) for compared in self.compared)
        # (θ φᵀ) g is θ (φᵀ g): without a softmax no matrix of cells by cells is needed.
        return torch.cat([one @ (other.T @ gives) / max(len(one), 1) for one, other, gives in zip(asked, offered, given, strict=True)])


def _softly(cells: Tensor, given: Tensor) -> Tensor:
    """Return the mean of ``given`` (k, C) weighted by the softmax of the cells' inner products, for each cell (k, C)."""
    if not len(cells):
        return given
    same = cells.to(given.dtype)[None]
    return F.scaled_dot_product_attention(same, same, given[None], scale=1.0)[0]
