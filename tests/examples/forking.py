"""``aqa`` for shell scripts that call it dozens of times: a process that has imported everything forks for each call.

What runs is the real command line with the caller's arguments, folder, environment, output and exit code; only the seconds are saved
in which every call would import torch again.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
SOCKET = "socket"
_IMPORTED = ("aqa_cli.main", *(f"stages.{name}.stage" for name in ("extract_pose", "extract_features", "pretrain", "finetune", "evaluate")))
_CLIENT = """#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    said = json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(said).to_bytes(4, "big")], [0, 1, 2])
    server.sendall(said)
    answer = server.recv(1)
sys.exit(answer[0] if answer else 1)
"""


@contextmanager
def aqa_in(folder: Path) -> Iterator[None]:
    """Put an ``aqa`` into ``folder``, which works until the block ends; the folder's path must be short, as sockets' are."""
    address = folder / SOCKET
    client = folder / "aqa"
    client.write_text(_CLIENT.format(python=sys.executable, address=str(address)))
    client.chmod(0o755)
    server = subprocess.Popen([sys.executable, "-m", __name__, str(address)], cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        wait_for(address.exists, server)
        yield
    finally:
        server.kill()
        server.wait()


def serve(address: Path) -> None:
    """Answer calls until killed."""
    for module in _IMPORTED:
        importlib.import_module(module)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(address) + ".new")
    listening.listen()
    Path(str(address) + ".new").rename(address)
    while True:
        caller, _ = listening.accept()
        with caller:
            child = os.fork()
            if not child:
                os._exit(_answer(caller))
            _, status = os.waitpid(child, 0)
            caller.sendall(bytes([os.waitstatus_to_exitcode(status) & 0xFF]))


def _answer(caller: socket.socket) -> int:
    """Run one call in this process, which is the call's own, and return its exit code."""
    length, descriptors, *_ = socket.recv_fds(caller, 4, 3)
    said = b""
    while len(said) < int.from_bytes(length, "big"):
        said += caller.recv(65536)
    arguments, folder, environment = json.loads(said)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = arguments
    try:
        from aqa_cli.main import main

        main()
        code = 0
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
