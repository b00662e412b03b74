"""Recurrent networks over clips of different length, said in words that torch's exporter has.

:func:`stages.encoders.recurrent.run` packs sequences, and torch's exporter has no graph for a packed network whose outputs nobody reads.
While a graph is traced, every layer and direction runs by itself over all frames, real ones first: the last state is the output at the last
real frame, and the backward direction sees the real frames in reverse.  N clips, T frames, D dimensions, H units of a direction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest import mock

import torch
from torch import Tensor, nn

from stages.encoders import recurrent


class _Padded(NamedTuple):
    """What stands for a packed sequence: values (N, T, D), and how many frames are real (N,)."""

    values: Tensor
    lengths: Tensor


@contextmanager
def unpacked() -> Iterator[None]:
    """Let recurrent networks run without packing."""
    with (
        mock.patch.object(recurrent, "pack_padded_sequence", lambda values, lengths, **_: _Padded(values, lengths)),
        mock.patch.object(recurrent, "pad_packed_sequence", lambda packed, **_: packed),
        mock.patch.object(nn.GRU, "forward", _forward(nn.GRU.forward)),
        mock.patch.object(nn.LSTM, "forward", _forward(nn.LSTM.forward)),
    ):
        yield


def _forward(original: Any) -> Any:
    def forward(network: nn.RNNBase, values: Any, state: Any = None) -> Any:
        return _run(network, values, state) if isinstance(values, _Padded) else original(network, values, state)

    return forward


def _run(network: nn.RNNBase, padded: _Padded, state: Tensor | None) -> tuple[_Padded, Any]:
    """Return the outputs, and the last state of every layer and direction (L × directions, N, H), of an LSTM beside nothing."""
    values, lengths = padded
    place = torch.arange(values.shape[1])
    reverse = torch.where(place < lengths[:, None], lengths[:, None] - 1 - place, place)
    states = []
    for layer in range(network.num_layers):
        found = []
        for direction in range(1 + network.bidirectional):
            number = layer * (1 + network.bidirectional) + direction
            seen = values if not direction else _in_order(values, reverse)
            start = values.new_zeros(1, values.shape[0], network.hidden_size) if state is None else state[number : number + 1]
            output = _layer(network, number, seen, start)
            states.append(output.gather(1, (lengths - 1)[:, None, None].expand(-1, 1, output.shape[2]))[:, 0])
            found.append(output if not direction else _in_order(output, reverse))
        values = torch.cat(found, dim=2)
    last = torch.stack(states)
    return _Padded(values, lengths), (last, None) if isinstance(network, nn.LSTM) else last


def _layer(network: nn.RNNBase, number: int, values: Tensor, start: Tensor) -> Tensor:
    """Return the outputs (N, T, H) of one layer in one direction."""
    weights: list[Tensor] = [*network.all_weights[number]]
    settings = (network.bias, 1, 0.0, False, False, True)
    output: Tensor
    if isinstance(network, nn.LSTM):
        output = torch.lstm(values, (start, torch.zeros_like(start)), weights, *settings)[0]
    else:
        output = torch.gru(values, start, weights, *settings)[0]
    return output


def _in_order(values: Tensor, order: Tensor) -> Tensor:
    return values.gather(1, order[:, :, None].expand(-1, -1, values.shape[2]))
