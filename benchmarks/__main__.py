"""``make bench``: every benchmark against its peer; ``python -m benchmarks SECTION …`` runs some of them."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.command import command, memory
from benchmarks.i3d import i3d
from benchmarks.peers import ThreeBranchCTRGCN
from benchmarks.pose import pose
from benchmarks.timing import conditions
from stages.encoders.ctr_gcn import CTRGCN, CTRGCNConfig, from_published
from stages.skeletons.layouts import KINECT_25

CLIPS, FRAMES, REPEATS = 16, 64, 5


def seconds(step: Callable[[], None]) -> float:
    """Return the shortest of a few runs, after one that warms up."""
    step()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return min(times)


def ctr_gcn() -> None:
    """Training steps of CTR-GCN (16 clips × 64 frames × 25 joints) against its published three-branch structure, eager fp32."""
    torch.manual_seed(0)
    peer = ThreeBranchCTRGCN(KINECT_25)
    ours = CTRGCN(CTRGCNConfig(), KINECT_25)
    ours.load_state_dict(from_published(peer.state_dict())[0])
    poses, mask = torch.randn(CLIPS, 3, FRAMES, 25, 1), torch.ones(CLIPS, FRAMES, dtype=torch.bool)
    with torch.no_grad():
        difference = float((peer.eval()(poses) - ours.eval()(poses, mask)).abs().max())
    assert difference < 1e-4, difference
    peer.train()
    ours.train()

    def step(forward: Callable[[], torch.Tensor], *, bf16: bool = False) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = forward().float().square().mean()
        loss.backward()

    base = seconds(lambda: step(lambda: peer(poses)))
    print(f"CTR-GCN training, published structure, fp32    {CLIPS / base:7.1f} clips/s")
    for name, bf16 in (("ours, fp32", False), ("ours, bf16", True)):
        took = seconds(lambda bf16=bf16: step(lambda: ours(poses, mask), bf16=bf16))
        print(f"CTR-GCN training, {name:<29}{CLIPS / took:7.1f} clips/s   {base / took:.2f} x")
    print(f"  outputs differ by at most {difference:.1e}")


SECTIONS: dict[str, Callable[[], None]] = {"ctr-gcn": ctr_gcn, "i3d": i3d, "pose": pose, "command": command, "memory": memory}


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
