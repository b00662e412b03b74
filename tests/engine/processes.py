"""Several processes that train together over gloo on this machine, forked from the test so that nothing is imported twice."""

from __future__ import annotations

import multiprocessing
import os
import socket
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

from stages.engine import ranks

SECONDS = 60


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Return what ``work`` returns in each of ``count`` processes, given its rank; an error is returned as it is."""
    port, context = free_port(), multiprocessing.get_context("fork")
    pipes = [context.Pipe(duplex=False) for _ in range(count)]
    children = [context.Process(target=_child, args=(rank, count, port, work, pipes[rank][1])) for rank in range(count)]
    for child in children:
        child.start()
    found = []
    for child, (receiver, sender) in zip(children, pipes, strict=True):
        sender.close()
        try:
            found.append(receiver.recv() if receiver.poll(SECONDS) else TimeoutError("the process does not answer"))
        except EOFError:
            found.append(EOFError("the process died"))
        child.join(SECONDS)
        child.kill()
    return found


def _child(rank: int, count: int, port: int, work: Callable[[int], Any], answer: Connection) -> None:
    torch.set_num_threads(1)  # threads of the parent do not live on in a fork
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    try:
        with ranks.team():
            found = work(rank)
    except Exception as error:
        traceback.print_exc()
        found = error
    answer.send(found)
