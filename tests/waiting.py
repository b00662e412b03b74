"""Waiting for another process."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any

from stages.errors import ArtifactError


def wait_for(condition: Callable[[], bool], child: subprocess.Popen[Any], seconds: float = 120) -> None:
    """Return when ``condition`` holds; fail where the child ends first or the time is over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if condition():
                return
        except ArtifactError:
            pass
        assert child.poll() is None, f"the process ended with {child.returncode}: {child.communicate()}"
        time.sleep(0.02)
    raise AssertionError("it never happened")
