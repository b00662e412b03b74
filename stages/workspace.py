"""The workspace: one folder in which every stage finds its inputs and leaves its outputs unless told otherwise.

::

    poses/<set>/<clip>.h5   features/<set>/<backbone>/<clip>.h5   images/<set>/<clip>.h5
    encoders/<name>.h5      models/<name>/<fold>/<seed>.h5        evaluations/<name>/{predictions.h5, metrics.json, report.html}
    curves/…                (training curves, for TensorBoard)
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from stages.errors import UsageError

ENVIRONMENT_VARIABLE = "AQA_WORKSPACE"
DATA_VARIABLE = "AQA_DATA"


@dataclass(frozen=True)
class Workspace:
    """The folders of one workspace."""

    root: Path

    @classmethod
    def default(cls) -> Workspace:
        """``$AQA_WORKSPACE``, else ``./aqa-workspace``."""
        return cls(Path(os.environ.get(ENVIRONMENT_VARIABLE) or "aqa-workspace"))

    @property
    def poses(self) -> Path:
        """Folders of pose artifacts, one per set."""
        return self.root / "poses"

    @property
    def encoders(self) -> Path:
        """Pretrained encoders."""
        return self.root / "encoders"

    @property
    def models(self) -> Path:
        """Trained models, one folder per experiment."""
        return self.root / "models"

    @property
    def evaluations(self) -> Path:
        """Evaluations, one folder per experiment."""
        return self.root / "evaluations"

    def curves(self, output: Path) -> Path:
        """Return where the training curves of the run that makes ``output`` lie."""
        inside = output.is_relative_to(self.root)
        return self.root / "curves" / (output.relative_to(self.root) if inside else Path(output.name)).with_suffix("")

    def pose_sets(self) -> list[str]:
        """Return the names of the pose sets: folders, and files that ``aqa merge`` made."""
        if not self.poses.is_dir():
            return []
        return sorted({path.stem if path.suffix == ".h5" else path.name for path in self.poses.iterdir() if _visible(path)})

    def pose_set(self, name: str) -> Path:
        """Return where the pose set ``name`` lies (the folder, or the merged file beside it)."""
        folder, merged = self.poses / name, self.poses / f"{name}.h5"
        return merged if merged.is_file() and not folder.is_dir() else folder

    def experiments(self) -> list[str]:
        """Return the names of the experiments that have models."""
        return sorted(path.parent.name for path in self.models.glob("*/index.json")) if self.models.is_dir() else []


def only_one(what: str, names: list[str], flag: str, make: str) -> str:
    """Return the only name there is.

    Raises:
        UsageError: there is none (the error says what makes one), or several (the error lists them).
    """
    if len(names) == 1:
        return names[0]
    if not names:
        raise UsageError(f"There is no {what} in the workspace.", hint=make)
    raise UsageError(f"Several {what}s are possible: {', '.join(names)}.", hint=f"choose one with {flag}")


def data_root(given: Path | None) -> Path | None:
    """Return the folder under which data sets lie: the flag, else ``$AQA_DATA``, else None."""
    if given is not None:
        return given
    variable = os.environ.get(DATA_VARIABLE)
    return Path(variable) if variable else None


def _visible(path: Path) -> bool:
    return not path.name.startswith(".") and (path.is_dir() or path.suffix == ".h5")
