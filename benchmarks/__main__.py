"""``make bench``: every benchmark against its peer; ``python -m benchmarks SECTION …`` runs some of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from benchmarks.batches import batches
from benchmarks.command import command, memory
from benchmarks.ctr_gcn import ctr_gcn
from benchmarks.i3d import i3d
from benchmarks.non_expert import non_expert
from benchmarks.pose import pose
from benchmarks.timing import conditions

SECTIONS: dict[str, Callable[[], None]] = {
    "ctr-gcn": ctr_gcn,
    "non-expert": non_expert,
    "batches": batches,
    "i3d": i3d,
    "pose": pose,
    "command": command,
    "memory": memory,
}


def main() -> None:
    """Run the sections that were asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--video", type=Path, help="real video for the section pose, instead of drawn figures")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"unknown section {unknown[0]}; known are {', '.join(SECTIONS)}")
    print(conditions(), flush=True)
    for name in chosen.sections or SECTIONS:
        if name == "pose":
            pose(chosen.video)
        else:
            SECTIONS[name]()


if __name__ == "__main__":
    main()
