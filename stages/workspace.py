"""The workspace: one folder in which every stage finds its inputs and leaves its outputs unless told otherwise.

::

    poses/<set>/<clip>.h5   features/<set>/<backbone>/<clip>.h5   images/<set>/<clip>.h5
    flow/<set>/<clip>/…     (optical flow that is kept, where asked for)
    renders/<set>/…         (videos with skeletons drawn over them)
    encoders/<name>.h5      models/<name>/<fold>/<seed>.h5        evaluations/<name>/{predictions.h5, metrics.json, report.html}
    comparisons/<name>-vs-<name>/{compare.html, compare.json, compare.csv}
    sweeps/<name>/{sweep.html, sweep.json, sweep.csv}
    examinations/<name>/{examine.html, examine.json, examine.csv}
    exports/<name>/{MODEL_CARD.md, preparation.json, <fold>/<seed>.onnx, …}
    scored/<stage>-<digest of its settings>/…   (what new videos were turned into to be scored)
    curves/…                (training curves, for TensorBoard)
"""

from __future__ import annotations

import os
from collections.abc import Sequence
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
    def features(self) -> Path:
        """Folders of feature artifacts: one per set, in it one per backbone."""
        return self.root / "features"

    @property
    def images(self) -> Path:
        """Folders of body maps and other pictures, one per set."""
        return self.root / "images"

    @property
    def flow(self) -> Path:
        """Optical flow that is kept for several backbones: one folder per set, in it one per clip."""
        return self.root / "flow"

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

    @property
    def comparisons(self) -> Path:
        """Comparisons of evaluations."""
        return self.root / "comparisons"

    @property
    def sweeps(self) -> Path:
        """Figures over the values of a setting, one folder per sweep."""
        return self.root / "sweeps"

    @property
    def examinations(self) -> Path:
        """What encoders have learned, one folder per pretraining."""
        return self.root / "examinations"

    @property
    def exports(self) -> Path:
        """Models and encoders as files of other formats, one folder per experiment."""
        return self.root / "exports"

    def curves(self, output: Path) -> Path:
        """Return where the training curves of the run that makes ``output`` lie."""
        inside = output.is_relative_to(self.root)
        return self.root / "curves" / (output.relative_to(self.root) if inside else Path(output.name)).with_suffix("")

    def pose_sets(self) -> list[str]:
        """Return the names of the pose sets: folders, and files that ``aqa merge`` made."""
        return _sets_in(self.poses)

    def pose_set(self, name: str) -> Path:
        """Return where the pose set ``name`` lies (the folder, or the merged file beside it)."""
        return _set_in(self.poses, name)

    def image_sets(self) -> list[str]:
        """Return the names of the sets of pictures: folders, and files that ``aqa merge`` made."""
        return _sets_in(self.images)

    def image_set(self, name: str) -> Path:
        """Return where the set of pictures ``name`` lies (the folder, or the merged file beside it)."""
        return _set_in(self.images, name)

    def feature_sets(self) -> list[str]:
        """Return the feature sets as ``set/backbone``: folders, and files that ``aqa merge`` made."""
        if not self.features.is_dir():
            return []
        folders = [path for path in self.features.iterdir() if path.is_dir() and _visible(path)]
        found = {
            f"{folder.name}/{path.stem if path.is_file() else path.name}"
            for folder in folders
            for path in folder.iterdir()
            if _visible(path)
        }
        return sorted(found)

    def feature_set(self, name: str) -> Path:
        """Return where the feature set ``set/backbone`` lies (the folder, or the merged file beside it)."""
        folder = self.features / name
        merged = folder.with_name(f"{folder.name}.h5")
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


def folded(name: str) -> str:
    """Return a name without the differences that people do not type: hyphens, underscores and capitals."""
    return name.lower().replace("-", "").replace("_", "")


def plain_name(name: str, flag: str = "--set-name") -> str:
    """Return the ``name`` that was given to a set.

    Raises:
        UsageError: it is empty, hidden or a path.
    """
    if not name or "/" in name or name.startswith("."):
        raise UsageError(f"{flag} takes a plain name, found '{name}'.")
    return name


def name_after(paths: Sequence[Path]) -> str:
    """Return the name of a set that is made of ``paths``: that of the one folder or file, of several that of the folder above them.

    Raises:
        UsageError: that folder has no name.
    """
    resolved = [path.resolve() for path in paths]
    if len(resolved) == 1:
        name = resolved[0].name if resolved[0].is_dir() else resolved[0].stem
    else:
        name = Path(os.path.commonpath(resolved)).name
    if not name or name.startswith("."):
        raise UsageError("The paths give the set no name.", hint="--set-name NAME")
    return name


def data_root(given: Path | None) -> Path | None:
    """Return the folder under which data sets lie: the flag, else ``$AQA_DATA``, else None."""
    if given is not None:
        return given
    variable = os.environ.get(DATA_VARIABLE)
    return Path(variable) if variable else None


def _sets_in(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted({path.stem if path.suffix == ".h5" else path.name for path in folder.iterdir() if _visible(path)})


def _set_in(folder: Path, name: str) -> Path:
    inside, merged = folder / name, folder / f"{name}.h5"
    return merged if merged.is_file() and not inside.is_dir() else inside


def _visible(path: Path) -> bool:
    return not path.name.startswith(".") and (path.is_dir() or path.suffix == ".h5")
