"""Recurrent networks over clips of different length: padding, in front or behind, changes nothing and costs nothing."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

Recurrent = nn.GRU | nn.LSTM


def run(network: Recurrent, values: Tensor, mask: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Run a (batch-first) network over the real frames of each clip.

    Args:
        network: H units per direction, L layers.
        values: (N, T, D).
        mask: (N, T), true where a frame is real; where a clip has none, its first frame stands for it.
        state: the initial state of a GRU, (L × directions, N, H); zeros by default.

    Returns:
        the outputs (N, T, directions × H), zero beyond the clip, and the last hidden state (L × directions, N, H).
    """
    if bool(mask.all()):
        outputs, last = network(values, state)
    else:
        order = mask.to(torch.uint8).argsort(dim=1, descending=True, stable=True)  # real frames first, in their order
        lengths = mask.sum(dim=1).clamp(min=1).cpu()
        moved = values.gather(1, order[:, :, None].expand_as(values))
        packed = pack_padded_sequence(moved, lengths, batch_first=True, enforce_sorted=False)
        result, last = network(packed, state)
        padded, _ = pad_packed_sequence(result, batch_first=True, total_length=values.shape[1])
        outputs = torch.zeros_like(padded).scatter(1, order[:, :, None].expand_as(padded), padded) * mask[:, :, None]
    return outputs, last[0] if isinstance(last, tuple) else last


def both_directions(state: Tensor) -> Tensor:
    """Join the two directions' states of each layer of a bidirectional network: (2 L, N, H) → (L, N, 2 H)."""
    return torch.cat([state[0::2], state[1::2]], dim=2)
