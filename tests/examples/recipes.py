"""Running a recipe through the shell, and what it would type, without running it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "examples/reproduce"
_RECORD = "\x1e"
_STAND_IN = f"""#!/bin/sh
{{ for word in "${{0##*/}}" "$@"; do printf '%s\\0' "$word"; done; printf '{_RECORD}'; }} >> "$RECORDED"
"""
VARIABLES = (
    *("EPOCHS", "PRETRAIN_EPOCHS", "PROTOCOL", "SEEDS", "SELECT"),
    *("BACKBONE", "BOXES", "DATASETS", "ESTIMATOR", "MMFS_VIDEOS", "SEGMENTS"),
    *("AGCN", "AIMCLR", "CTR_GCN", "EFFICIENT_GCN", "POSEC3D", "PSTL", "SME_GCN", "ST_GCN", "WAYS"),
    *("C3D", "CLIPS", "EXERCISE", "EXERCISES", "I3D", "KIMORE_VIDEOS", "RECOGNITION", "SAMPLING", "SOURCES", "VIDEO"),
    *("ADAM", "ALIGNMENT", "CAPTION", "DIVES", "DRAW", "FLOW", "LABELS", "RECOVERY", "ROUTINES", "SGD", "TRIALS", "VIDEOS"),
    *("EXPERIMENTS", "FEATURES", "FPS", "INPUTS", "MODEL", "PEOPLE", "PRETEXT", "QMAR_CV", "QMAR_MAPS", "SIZE", "SPLITS", "TESTS", "WIDTH"),
    *("CHECKPOINT", "COEFFICIENTS", "COPIES", "ITERATIONS", "OF_FEW", "OF_MANY", "POSES", "ROUND", "STEP", "TESTED"),
    *("BASELINES", "JRG_EPOCHS", "STATIC", "STILLS", "TSA_EPOCHS", "TSA_NET", "TSA_SIZE"),
    *("CHANNELS", "DISCRIMINATOR", "EAGLE_EYE", "EXPERT_UNITS", "FRAMES", "UNITS", "VI_NET"),
)
"""Variables of the recipes; whoever runs the tests may have some of them."""


def run(script: Path, path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a recipe with the programs of the folder ``path`` before all others."""
    own = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment = own | {"PATH": f"{path}{os.pathsep}{os.environ['PATH']}"} | variables
    return subprocess.run(["sh", str(script)], capture_output=True, text=True, env=environment, check=False)


@dataclass(frozen=True)
class Typed:
    """One command line of a recipe."""

    program: str
    words: tuple[str, ...]

    @property
    def command(self) -> str:
        """The command of ``aqa``."""
        return self.words[0]

    def values(self, option: str) -> list[str]:
        """Return what stands behind every ``option``, also after ``=``."""
        apart = [value for word, value in zip(self.words, self.words[1:], strict=False) if word == option]
        return apart + [word.removeprefix(f"{option}=") for word in self.words if word.startswith(f"{option}=")]

    def value(self, option: str) -> str:
        """Return what stands behind the only ``option``; nothing where it is not there."""
        found = self.values(option)
        assert len(found) <= 1, f"{option} is there {len(found)} times: {self.words}"
        return found[0] if found else ""

    def setting(self, key: str) -> str:
        """Return the value of the last ``--set key=``."""
        found = [value.partition("=")[2] for value in self.values("--set") if value.partition("=")[0] == key]
        return found[-1] if found else ""


def typed(script: Path, folder: Path, **variables: str) -> list[Typed]:
    """Run a recipe with programs that do nothing; return what it types, in order."""
    folder.mkdir()
    for program in ("aqa", "python3"):
        (folder / program).write_text(_STAND_IN)
        (folder / program).chmod(0o755)
    given: Mapping[str, str] = {"RECORDED": str(folder / "typed"), "AQA_DATA": "/data", "AQA_WORKSPACE": str(folder / "workspace")}
    result = run(script, folder, **{**given, **variables})
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    records = (folder / "typed").read_text(encoding="utf-8").split(_RECORD)[:-1]
    return [Typed(words[0], tuple(words[1:-1])) for words in (record.split("\0") for record in records)]
