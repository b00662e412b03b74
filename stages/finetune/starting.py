"""What a training starts from.

An encoder: the one that was named, a folder of one per fold, or the only one that fits.  Or the whole of another experiment's model
(``--from``): that of the same fold, which must not have seen the fold's test clips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stages.artifacts import store, tree
from stages.datasets.splits import Fold
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError, some, unknown_name
from stages.finetune.index import read_index


@dataclass(frozen=True)
class Start:
    """A model of another experiment that a training starts from.

    Attributes:
        name: ``<experiment>/<fold>/<seed>``.
        path: its artifact.
        fingerprint: of the artifact.
        documents: what it says of itself.
    """

    name: str
    path: Path
    fingerprint: str
    documents: Mapping[str, Any]

    @property
    def clips(self) -> frozenset[str]:
        """All clips that it learned from or was validated on, and those of what it itself started from."""
        data, training = self.documents["data"], self.documents["training"]
        return frozenset([*data["train"], *data["validation"], *data.get("unlabelled", ()), *training["clips"]])

    def into(self, network: torch.nn.Module) -> None:
        """Load the model's weights.

        Raises:
            ArtifactError: they do not fit.
        """
        arrays = store.read(self.path, "model").arrays
        network.load_state_dict(tree.weights_from_arrays(arrays, network.state_dict(), f"{self.name}, to start from,"))


def find_starts(experiment: str, method: str, parts: Sequence[tuple[Fold, int]], options: RunOptions) -> list[Start]:
    """Return the model of another experiment that each part starts from: that of its fold and seed, or the only one there is.

    Raises:
        UsageError: there is no such experiment, it has another method, or no model for a part; or a model knows clips that the part
            would test on.
        ArtifactError: a model is not there, or damaged.
    """
    names = options.workspace.experiments()
    if experiment not in names:
        raise unknown_name("experiment", experiment, names)
    folder = options.workspace.models / experiment
    index = read_index(folder)
    models, theirs = {(entry["fold"], entry["seed"]): entry["file"] for entry in index["models"]}, index["method"]
    if theirs != method:
        raise UsageError(f"'{experiment}' is of the method {theirs}; {method} cannot start from it.", hint=f"--method {theirs}")
    found = []
    for fold, seed in parts:
        wanted = _the_one(experiment, "fold", [fold.name, fold.protocol_fold], [name for name, _ in models])
        chosen = wanted, _the_one(experiment, "seed", [seed], [each for name, each in models if name == wanted])
        start = _opened(folder / models[chosen], f"{experiment}/{wanted}/{chosen[1]}")
        if known := sorted(start.clips & set(fold.test)):
            raise UsageError(
                f"{start.name} knows {len(known)} of the {len(fold.test)} clips on which {fold.name} would test: {some(known)}.",
                hint="start from models that were trained on other actions: aqa finetune --protocol zero-shot",
            )
        found.append(start)
    return found


def _the_one(experiment: str, what: str, wanted: Sequence[Any], there: Sequence[Any]) -> Any:
    known = list(dict.fromkeys(there))
    if match := [each for each in wanted if each in known] or (known if len(known) == 1 else []):
        return match[0]
    listing = ", ".join(map(str, known))
    raise UsageError(f"'{experiment}' has no model of the {what} {wanted[0]} to start from.", hint=f"its {what}s: {listing}")


def _opened(path: Path, name: str) -> Start:
    if not path.is_file():
        raise ArtifactError(f"The model {name} to start from is not there: {path}.", hint="run the 'aqa finetune' that makes it first")
    documents = {key: store.read_document(path, key) for key in ("method", "data", "training", "provenance")}
    return Start(name, path, store.read_header(path).fingerprint, documents)


def find_encoder(init: str | None, options: RunOptions, architecture: str | None, folds: set[str]) -> dict[str, Path]:
    """Return fold → the encoder artifact to start from; empty for fresh weights.

    A name may stand for one artifact, or for a folder with one per fold (a pretraining inside the protocol).  Where none is named, the
    only one of the ``architecture`` is taken; without an architecture, pretraining is no part of the method and has to be asked for.
    """
    workspace = options.workspace
    if init is None and architecture is None:
        return {}
    if init is None:
        names = (
            sorted({path.stem for path in workspace.encoders.iterdir() if not path.name.startswith(".")})
            if workspace.encoders.is_dir()
            else []
        )
        names = [name for name in names if _architecture(workspace.encoders / name) == architecture]
        if len(names) > 1:
            raise UsageError(f"Several encoders are possible: {', '.join(names)}.", hint="choose one with --init NAME, or --init none")
        if not names:
            options.progress.note("No encoder in the workspace: training from scratch.")
            return {}
        init = names[0]
        options.progress.note(f"Starting from the only encoder in the workspace, '{init}' (--init none starts from scratch).")
    if init == "none":
        return {}
    base = workspace.encoders / init
    candidates = [Path(init), base.with_name(base.name + ".h5"), base]
    found = next((path for path in candidates if path.exists()), None)
    if found is None:
        raise UsageError(f"There is no encoder '{init}' in {workspace.encoders}, nor a file of that name.", hint="aqa pretrain --help")
    if found.is_file():
        return dict.fromkeys(folds, found)
    missing = sorted(fold for fold in folds if not (found / f"{fold}.h5").is_file())
    if missing:
        raise ArtifactError(f"{found} has no encoder for the fold(s) {', '.join(missing)}.", hint="pretrain with the same --protocol")
    return {fold: found / f"{fold}.h5" for fold in folds}


def _architecture(path: Path) -> str:
    files = [path.with_name(path.name + ".h5")] if not path.is_dir() else sorted(path.glob("*.h5"))[:1]
    return str(store.read_document(files[0], "encoder")["name"]) if files and files[0].is_file() else ""
