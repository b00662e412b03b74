"""Calling a function in a process of its own, with a time limit.

A damaged HDF5 file can make the library hang or crash, and no exception handler helps against that.  Commands that look at
files which may be damaged therefore do it through a :class:`Guard`: one child process serves call after call, and is replaced when
it hangs or dies.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from types import TracebackType
from typing import Any

from stages.engine.registry import load
from stages.errors import AqaError, ArtifactError

START_SECONDS = 120.0
"""How long a child may take to import its function; slow disks of clusters need it."""
SECONDS_PER_GIGABYTE = 60.0
"""How much longer a big file may take: a slow disk and a SHA-256."""


class Guard:
    """Calls ``reference`` (``module:function``, JSON in and out) in a child process.

    Args:
        reference: the function.
        seconds: the limit of one call.
    """

    def __init__(self, reference: str, seconds: float) -> None:
        self._reference, self._seconds = reference, seconds
        self._child: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()

    def call(self, *arguments: Any, where: str, size: int = 0) -> Any:
        """Return what the function returns.

        Args:
            arguments: of the function.
            where: names the file in errors.
            size: bytes to be read; a big file may take longer.

        Raises:
            ArtifactError: the call took too long, or the process died; and whatever error of ours the function raised.
        """
        child = self._child or self._start()
        assert child.stdin is not None
        limit = self._seconds + size / 1e9 * SECONDS_PER_GIGABYTE
        try:
            child.stdin.write(json.dumps(arguments) + "\n")
            child.stdin.flush()
            answer = self._lines.get(timeout=limit)
        except queue.Empty:
            self._stop()
            raise ArtifactError(
                f"{where} is damaged: reading it did not end within {limit:.0f} s.", hint="delete it and run the stage that made it again"
            ) from None
        except BrokenPipeError:
            answer = None
        if answer is None:
            code = child.wait()
            self._stop()
            raise ArtifactError(
                f"{where} is damaged: reading it crashed the HDF5 library (exit status {code}).",
                hint="delete it and run the stage that made it again",
            )
        return _unwrap(json.loads(answer), where)

    def _start(self) -> subprocess.Popen[str]:
        code = f"import sys; sys.path[:] = {sys.path!r}; from stages.artifacts.guarded import serve; serve({self._reference!r})"
        self._child = child = subprocess.Popen(  # noqa: S603 (our own interpreter, our own code)
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        self._lines = queue.Queue()
        threading.Thread(target=_forward, args=(child, self._lines), daemon=True).start()
        try:
            ready = self._lines.get(timeout=START_SECONDS)
        except queue.Empty:
            ready = None
        if ready is None:
            self._stop()
            raise RuntimeError(f"the process that calls {self._reference} did not start")
        return child

    def _stop(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            assert self._child.stdin is not None
            try:
                self._child.stdin.close()
            except BrokenPipeError:
                pass
        self._child = None


def serve(reference: str) -> None:
    """Answer calls on stdin until it closes; what libraries print goes nowhere."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    function = load(reference)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        try:
            answer: dict[str, Any] = {"result": function(*json.loads(line))}
        except AqaError as error:
            answer = {"error": [error.message, error.hint]}
        except Exception as error:  # whatever a damaged file makes of our code
            answer = {"error": [f"Unexpected content ({type(error).__name__}: {error}).", "aqa validate says more"]}
        print(json.dumps(answer), file=answers, flush=True)


def _forward(child: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert child.stdout is not None
    with child.stdout as stream:
        for line in stream:
            lines.put(line)
    lines.put(None)


def _unwrap(answer: dict[str, Any], where: str) -> Any:
    if "error" in answer:
        message, hint = answer["error"]
        raise ArtifactError(message if where in message else f"{where}: {message}", hint=hint)
    return answer["result"]
