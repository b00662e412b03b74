"""One training in several processes: who writes, who has which clips of a batch, and what of a step is added up over all of them.

Every process draws every batch whole and takes its own consecutive part of the clips, so that clips, order and partners are those of one
process.  A loss is weighted by the part's share of the clips and gradients are added up, so that a mean over clips stays one; what looks
at several clips at once (batch normalisation, a contrast, a mean over those clips that have a label) looks at those of all processes:
:func:`batch_norm`, :func:`gathered`, :func:`mean_of`.  A batch of fewer clips than processes is computed whole by each.

Why not ``DistributedDataParallel``: it averages the gradients of one backward pass with equal weights, while methods here have several
optimisers, each with a loss that reaches only its own parameters, and last batches that are not even.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from stages.engine.launcher import met, this_process, together
from stages.engine.splitting import Batches, part_of
from stages.errors import TrainingError

T = TypeVar("T")

PATIENCE = timedelta(minutes=60)
"""How long a process waits for the others, which may be validating or writing."""

_FIRST_PORT = 15000


@dataclass(frozen=True)
class Own:
    """What a process computes of a step.

    Attributes:
        batches: its clips.
        share: how much its losses count.
        rank: its number; None where every process computes the whole batch, with the same random numbers.
    """

    batches: Batches
    share: float
    rank: int | None


_share: list[float] = []
"""The own share of a step that is under way and split; empty outside one."""


@contextmanager
def team() -> Iterator[None]:
    """While it is entered, the processes that a launcher started work together; nothing changes where there is one.

    Raises:
        TrainingError: another process ended, or cannot be reached.
    """
    process = this_process()
    if process.count == 1 or dist.is_initialized():
        yield
        return
    # numbers that steer the run travel between CPUs, gradients between GPUs where these are
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        dist.init_process_group(backend, init_method=_meeting(), rank=process.rank, world_size=process.count, timeout=PATIENCE)
        with met(process):
            yield
    except RuntimeError as error:
        if not _is_about_others(error):
            raise
        raise TrainingError(
            f"Process {process.rank} of {process.count} lost the others: {str(error).splitlines()[0]}",
            hint="the reason stands in the output of the process that ended first; then the same command with --resume auto",
        ) from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _meeting() -> str:
    """Return where the processes meet: the launcher's word, else the first node of the step and a port of the job's number."""
    address, port = os.environ.get("MASTER_ADDR"), os.environ.get("MASTER_PORT")
    if address is None:
        nodes = os.environ.get("SLURM_STEP_NODELIST", os.environ.get("SLURM_NODELIST", "127.0.0.1"))
        address = SLURMEnvironment.resolve_root_node_address(nodes)
    if port is None:
        job, step = (int(os.environ.get(name, "0")) for name in ("SLURM_JOB_ID", "SLURM_STEP_ID"))
        port = str(_FIRST_PORT + (job + 1000 * step) % 10000)
    return f"tcp://{address}:{port}"


def _is_about_others(error: RuntimeError) -> bool:
    words = ("gloo", "NCCL", "Connection", "connect", "Broken pipe", "socket", "Timed out", "store")
    return isinstance(error, dist.DistError) or any(word in str(error) for word in words)


def count() -> int:
    """Return how many processes work together."""
    return together().count


def agreed(make: Callable[[], T]) -> T:
    """Return what ``make`` returns in the first process, which alone calls it; plain data that JSON holds."""
    if together().count == 1:
        return make()
    text = json.dumps(make()).encode() if together().rank == 0 else b""
    size = torch.tensor([len(text)])
    dist.broadcast(size, 0)
    letters = torch.frombuffer(bytearray(text), dtype=torch.uint8) if text else torch.zeros(int(size), dtype=torch.uint8)
    dist.broadcast(letters, 0)
    found: T = json.loads(bytes(letters.numpy()))
    return found


def largest(value: int) -> int:
    """Return the largest of all processes' values."""
    if together().count == 1:
        return value
    found = torch.tensor([value])
    dist.all_reduce(found, dist.ReduceOp.MAX)
    return int(found)


def added(values: Mapping[str, float]) -> dict[str, float]:
    """Return each value added up over all processes, which name the same."""
    if together().count == 1:
        return dict(values)
    found = torch.tensor(list(values.values()), dtype=torch.float64)
    dist.all_reduce(found)
    return dict(zip(values, found.tolist(), strict=True))


def alike(module: nn.Module) -> None:
    """Give every process the first one's weights and buffers."""
    if together().count > 1:
        for tensor in module.state_dict().values():
            held = tensor.detach().contiguous()
            dist.broadcast(held, 0)
            tensor.copy_(held)


def add_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each parameter's gradient by the sum of all processes' gradients; one that none of them has stays absent."""
    if together().count == 1:
        return
    owned = list(parameters)
    has = torch.tensor([int(each.grad is not None) for each in owned])
    dist.all_reduce(has)
    moved = [each for each, number in zip(owned, has.tolist(), strict=True) if number]
    for each in moved:
        if each.grad is None:
            each.grad = torch.zeros_like(each)
    for kind in sorted({(each.dtype, each.device) for each in moved}, key=str):
        gradients = [each.grad for each in moved if (each.dtype, each.device) == kind and each.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        for gradient, part in zip(gradients, torch.split(flat, [gradient.numel() for gradient in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))


@contextmanager
def shared(batches: Batches) -> Iterator[Own]:
    """Yield what this process computes of a step; while it is entered, what looks at several clips looks at all processes'."""
    if together().count == 1:
        yield Own(batches, 1.0, None)
        return
    if min(len(batch) for batch in batches.values()) < together().count:
        yield Own(batches, 1 / together().count, None)
        return
    share, part = part_of(batches, together().rank, together().count)
    _share.append(share)
    try:
        with _Together():
            yield Own(part, share, together().rank)
    finally:
        _share.pop()


def is_split() -> bool:
    """Say whether a step is under way whose clips are those of several processes."""
    return bool(_share)


def gathered(values: Tensor) -> Tensor:
    """Return the rows of all processes, (N, …) of own ones → (N', …), in the order of one process; gradients find their way back."""
    if not _share:
        return values
    sizes = torch.zeros(together().count, dtype=torch.long)
    sizes[together().rank] = len(values)
    dist.all_reduce(sizes)
    before = int(sizes[: together().rank].sum())
    # Zeros around the own rows and a sum: the parts need not be of one size, and the sum knows its own gradient.
    kind = torch.long if not values.is_floating_point() else values.dtype
    behind = int(sizes.sum()) - before - len(values)
    blank = [values.new_zeros(rows, *values.shape[1:], dtype=kind) for rows in (before, behind)]
    whole = _sum(torch.cat([blank[0], values.to(kind), blank[1]]))
    return whole.to(values.dtype)


def _sum(values: Tensor) -> Tensor:
    """Return all processes' values added up; gradients are added up on their way back."""
    found: Tensor = _Sum.apply(values)
    return found


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _sum(gradient)


def mean_of(total: Tensor, members: Tensor) -> Tensor:
    """Return a sum over own clips divided by the number of members that all processes' clips have, at least 1.

    In a step that is split it is weighted so that the loss, which counts by the clips' share, is the mean over all members.

    Args:
        total: the sum, of any shape.
        members: how many there are here, of a shape that divides it.
    """
    if not _share:
        return total / members.clamp(min=1)
    everywhere = members.clone()
    dist.all_reduce(everywhere)
    return total / everywhere.clamp(min=1) / _share[-1]


def batch_norm(
    values: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise (N, C, …) by the mean and variance of all processes' values, as :func:`torch.nn.functional.batch_norm` does in training."""
    over = [0, *range(2, values.dim())]
    shape = [1, -1, *[1] * (values.dim() - 2)]
    exact = values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
    members = torch.tensor([values.numel() // values.shape[1]])
    dist.all_reduce(members)
    number = int(members)
    mean = _sum(exact.sum(dim=over)) / number
    centred = exact - mean.view(shape)
    variance = _sum(centred.square().sum(dim=over)) / number
    with torch.no_grad():
        for running, found in ((running_mean, mean), (running_var, variance * number / max(1, number - 1))):
            if running is not None:
                running.lerp_(found.to(running.dtype), momentum)
    normal = centred * (variance + eps).rsqrt().view(shape)
    if weight is not None and bias is not None:
        normal = normal * weight.view(shape) + bias.view(shape)
    return normal.to(values.dtype)


_ARGUMENTS = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
"""Those of :func:`torch.nn.functional.batch_norm`, in order."""


class _Together(TorchFunctionMode):
    """Batch normalisation in training sees the clips of all processes, in whatever module it is called."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is not F.batch_norm:
            return func(*args, **kwargs)
        given = (
            dict(zip(("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"), args, strict=False))
            | kwargs
        )
        if not given.pop("training", False):
            return func(*args, **kwargs)
        return batch_norm(given.pop("input"), **given)
