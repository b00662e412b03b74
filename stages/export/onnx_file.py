"""ONNX: a graph traced by torch's exporter, with what it is in its metadata, and compared with torch before anybody gets it.

A trace follows one path through a network.  Where the path depends on the clips, the graph is that of the example; so every graph is run by
onnxruntime on clips of other numbers and lengths, and what disagrees with torch is not written.  Where a network follows its clips'
number, a graph of one clip at a time is made instead.

torch's exporter of TorchScript is used, which needs no further package (that of ``torch.export`` needs onnx and onnxscript).  It asks
for the package onnx only to look for functions of onnxscript in the finished file, of which there are none here; the step is left out.
The metadata are appended: a protobuf message may be continued by further fields (ONNX's ``ModelProto``: ``metadata_props`` is field 14,
key and value are fields 1 and 2 of each).
"""

from __future__ import annotations

import importlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from stages.arrays import Array
from stages.errors import MissingDependencyError, UsageError
from stages.export.graph import Graph
from stages.export.recurrent import unpacked
from stages.export.tensors import examples

OPSET = 20
TOLERANCE, ROUNDING = 1e-4, 2e-6
"""How far a graph may be from torch: a share of the spread of an output over the example clips, and one of its largest number."""
_TRACED, _OTHERS = (2, 1), (1, 3, 5)
"""Clips of the example that is traced, and of those that the graph is compared on."""
_METADATA, _KEY, _VALUE = 14, 1, 2
_TEXT = 2
"""Wire type of a length and as many bytes."""


@dataclass(frozen=True)
class Exported:
    """A graph in a file.

    Attributes:
        content: of the file.
        graph: what is in it, without the inputs that nothing looks at.
        batch: how many clips it takes at once: ``N`` for any number, or 1.
        difference: the largest between it and torch, on the example clips.
        example: clips, and under ``expected.NAME`` what torch makes of them.
    """

    content: bytes
    graph: Graph
    batch: str | int
    difference: float
    example: Mapping[str, Array]


def export(graph: Graph, name: str) -> Exported:
    """Return a graph as an ONNX file that agrees with torch.

    Args:
        graph: the network.
        name: what it is called in messages.

    Raises:
        MissingDependencyError: onnxruntime is not there to compare with.
        UsageError: torch cannot write the network as a graph, or the graph says something else than the network.
    """
    _runtime()
    reasons: list[str] = []
    for count in (1,) if graph.alone else _TRACED:
        try:
            used = _without_unused(graph, count)
            content = _traced(used, count)
        except Exception as error:  # torch raises what its tracer, its symbolic functions and its C++ part come across
            reasons.append(_first_line(error))
            continue
        for batch in (1,) if graph.alone else ("N", 1) if count == 1 else ("N",):
            fixed = content if batch == "N" else _traced(used, count, several=False)
            try:
                difference = _compared(graph, used, fixed, alone=batch == 1)
            except Exception as error:  # onnxruntime's own error classes lie in its compiled part
                reasons.append(_first_line(error))
                continue
            return Exported(fixed, used, batch, difference, _example(graph, used, 1 if batch == 1 else 3))
    raise UsageError(
        f"{name} cannot be exported as ONNX: {reasons[-1]}",
        hint="--format safetensors writes its weights; docs/export.md says which methods can be exported",
    )


def with_metadata(content: bytes, texts: Mapping[str, str]) -> bytes:
    """Return a model file with texts in its metadata."""
    pairs = [_field(_KEY, key.encode()) + _field(_VALUE, value.encode()) for key, value in sorted(texts.items())]
    return content + b"".join(_field(_METADATA, pair) for pair in pairs)


def run(content: bytes, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return a graph's outputs by name, as onnxruntime computes them on one processor core."""
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


def expected(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return what torch says of the same inputs."""
    with torch.no_grad():
        said = graph.module(*(torch.from_numpy(inputs[port.name]) for port in graph.ports))
    return {name: values.numpy() for name, values in zip(graph.outputs, said, strict=True)}


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise MissingDependencyError(
            "Exporting to ONNX needs onnxruntime, which every graph is compared with torch by before it is written.",
            hint="pip install aqa-toolkit[video], or --format safetensors",
        ) from None
    return onnxruntime


def _without_unused(graph: Graph, count: int) -> Graph:
    """Return the graph without the inputs that a trace does not use."""
    with _tracing():
        traced: Any = torch.jit.trace(  # type: ignore[no-untyped-call]
            graph.module, _tensors(graph, count), check_trace=False, strict=False
        )
    inputs = list(traced.inlined_graph.inputs())[1:]
    unused = [port.name for port, value in zip(graph.ports, inputs, strict=True) if not value.uses()]
    return graph.without(unused)


def _traced(graph: Graph, count: int, *, several: bool = True) -> bytes:
    file, names, outputs = io.BytesIO(), [port.name for port in graph.ports], list(graph.outputs)
    axes = {name: {0: "N"} for name in (*names, *outputs)} if several and not graph.alone else {}
    with _tracing():
        torch.onnx.export(
            graph.module,
            _tensors(graph, count),
            file,  # type: ignore[arg-type]  # the exporter of TorchScript takes a buffer
            input_names=names,
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    return file.getvalue()


def _tensors(graph: Graph, count: int) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(values) for values in examples(graph.ports, count).values())


@contextmanager
def _tracing() -> Iterator[None]:
    """Trace without gradients, without a transformer's fused layers, which have no graph, and without the tracer's warnings."""
    fused, log = torch.backends.mha.get_fastpath_enabled(), logging.getLogger("torch.onnx")
    level = log.level
    torch.backends.mha.set_fastpath_enabled(False)
    log.setLevel(logging.ERROR)
    try:
        step = mock.patch.object(_last_steps(), "_add_onnxscript_fn", lambda content, _: content)
        with torch.no_grad(), warnings.catch_warnings(), step, unpacked(), _InOtherWords():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        log.setLevel(level)


def _last_steps() -> Any:
    """Return the exporter's module that finishes a file; torch moved it."""
    for package in ("torch.onnx._internal.torchscript_exporter", "torch.onnx._internal"):
        try:
            return importlib.import_module(f"{package}.onnx_proto_utils")
        except ModuleNotFoundError:
            continue
    raise MissingDependencyError(f"torch {torch.__version__} has no exporter of TorchScript.", hint="pip install 'torch<=2.15'")


class _InOtherWords(TorchFunctionMode):
    """Says what torch's exporter has no word for in words that it has."""

    def __torch_function__(self, function: Any, _: Any, arguments: Any = (), named: Any = None) -> Any:
        """Return what the function, or another that does the same, returns."""
        named = named or {}
        if function == torch.Tensor.mT.__get__:  # type: ignore[attr-defined]
            return arguments[0].transpose(-2, -1)
        if function == torch.Tensor.argsort:
            # TopK of ONNX puts equal numbers in their order, as a stable sort does
            values, along = arguments[0], named.get("dim", -1)
            values = values if values.is_floating_point() else values.long()
            return values.topk(values.shape[along], dim=along, largest=named.get("descending", False)).indices
        if function in (torch.movedim, torch.Tensor.movedim):
            return _moved(*arguments)
        if function is torch.split and isinstance(arguments[1], list) and len(arguments[1]) == 1:
            return (arguments[0],)
        return function(*arguments, **named)


def _moved(values: torch.Tensor, source: int, destination: int) -> torch.Tensor:
    """Return ``values.movedim(source, destination)``, with every axis counted from the first."""
    order = [axis for axis in range(values.dim()) if axis != source % values.dim()]
    order.insert(destination % values.dim(), source % values.dim())
    return values.permute(order)


def _compared(graph: Graph, used: Graph, content: bytes, *, alone: bool) -> float:
    """Return the largest difference between a file and torch, which is given all inputs, on clips together or each alone."""
    pairs: dict[str, list[tuple[Array, Array]]] = {}
    for inputs in _others(graph, alone=alone):
        truth, found = expected(graph, inputs), run(content, {port.name: inputs[port.name] for port in used.ports})
        for name, wanted in truth.items():
            if found[name].shape != wanted.shape or (np.isfinite(found[name]) != np.isfinite(wanted)).any():
                raise ValueError(f"its graph gives {found[name].shape} numbers where torch gives {wanted.shape}, or others are missing.")
            pairs.setdefault(name, []).append((wanted, found[name]))
    apart = {name: _apart(*(np.concatenate(values) for values in zip(*both, strict=True))) for name, both in pairs.items()}
    if beyond := [difference for difference, allowed in apart.values() if difference > allowed]:
        raise ValueError(f"its graph gives other numbers than torch, by {max(beyond):.3g}.")
    return max(difference for difference, _ in apart.values())


def _apart(wanted: Array, found: Array) -> tuple[float, float]:
    """Return the largest difference between two outputs of the same clips, and how large it may be; numbers that are missing count not."""
    there = np.isfinite(wanted)
    wanted, found = wanted[there], found[there]
    if not wanted.size:
        return 0.0, 0.0
    return float(np.abs(found - wanted).max()), float(TOLERANCE * np.ptp(wanted) + ROUNDING * np.abs(wanted).max())


def _others(graph: Graph, *, alone: bool) -> Iterator[dict[str, Array]]:
    """Yield clips of different lengths and classes: several at once, or one after the other."""
    if not alone:
        yield from (examples(graph.ports, count) for count in _OTHERS)
        return
    clips = examples(graph.ports, max(_OTHERS))
    yield from ({name: values[place : place + 1] for name, values in clips.items()} for place in range(max(_OTHERS)))


def _example(graph: Graph, used: Graph, count: int) -> dict[str, Array]:
    inputs = examples(graph.ports, count)
    told = {f"expected.{name}": values for name, values in expected(graph, inputs).items()}
    return {port.name: inputs[port.name] for port in used.ports} | told


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:300] if not isinstance(error, ValueError) else str(error)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _TEXT) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Return a number in groups of seven bits, the lowest first, all but the last with the eighth bit set."""
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
