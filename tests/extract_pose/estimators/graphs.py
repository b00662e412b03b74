"""ONNX graphs with constant outputs, written byte by byte: what an exporter would make, without one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

Shape = Sequence[int | str]


def write(path: Path, input_shape: Shape, outputs: dict[str, np.ndarray], *, open_batch: bool = False) -> Path:
    """Write a graph that takes ``input`` of a shape (text for an open dimension) and returns constants.

    Args:
        path: where to.
        input_shape: of the input.
        outputs: name → what it returns.
        open_batch: repeat the constants along the batch that the input has.
    """
    nodes, tensors = [], []
    if open_batch:
        nodes += [_node("Shape", ["input"], ["shape"]), _node("Gather", ["shape", "zero"], ["count"])]
        tensors.append(_tensor("zero", np.array([0], dtype=np.int64)))
    for name, value in outputs.items():
        tensors.append(_tensor(f"{name}_value", value))
        if open_batch:
            ones = np.ones(value.ndim - 1, dtype=np.int64)
            tensors.append(_tensor(f"{name}_ones", ones))
            nodes.append(_node("Concat", ["count", f"{name}_ones"], [f"{name}_times"], axis=0))
            nodes.append(_node("Tile", [f"{name}_value", f"{name}_times"], [name]))
        else:
            nodes.append(_node("Identity", [f"{name}_value"], [name]))
    shapes = {name: (["batch", *value.shape[1:]] if open_batch else list(value.shape)) for name, value in outputs.items()}
    graph = b"".join(
        [
            *(_bytes(1, node) for node in nodes),
            _bytes(2, b"graph"),
            *(_bytes(5, tensor) for tensor in tensors),
            _bytes(11, _value("input", input_shape)),
            *(_bytes(12, _value(name, shape)) for name, shape in shapes.items()),
        ]
    )
    path.write_bytes(_number(1, 8) + _bytes(8, _bytes(1, b"") + _number(2, 13)) + _bytes(7, graph))
    return path


def _node(kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: int) -> bytes:
    names = b"".join([*(_bytes(1, name.encode()) for name in inputs), *(_bytes(2, name.encode()) for name in outputs)])
    values = b"".join(_bytes(5, _bytes(1, key.encode()) + _number(3, value) + _number(20, 2)) for key, value in attributes.items())
    return names + _bytes(4, kind.encode()) + values


def _tensor(name: str, value: np.ndarray) -> bytes:
    kind = {np.dtype(np.float32): 1, np.dtype(np.int64): 7}[value.dtype]
    dims = b"".join(_number(1, side) for side in value.shape)
    return dims + _number(2, kind) + _bytes(8, name.encode()) + _bytes(9, np.ascontiguousarray(value).tobytes())


def _value(name: str, shape: Shape) -> bytes:
    dims = b"".join(_bytes(1, _number(1, side) if isinstance(side, int) else _bytes(2, side.encode())) for side in shape)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _number(1, 1) + _bytes(2, dims)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
