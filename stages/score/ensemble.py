"""All models of an experiment (its folds and seeds), or a single one: opened, asked what they must be told, and who judges which clip."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from stages.arrays import Array
from stages.datasets.manifest import Row
from stages.engine.method import Assessor
from stages.engine.options import RunOptions
from stages.engine.records import Records
from stages.engine.targets import Target, group_name
from stages.errors import ArtifactError, UsageError, unknown_name
from stages.finetune.index import INDEX, files_of, read_index
from stages.finetune.model import Model
from stages.score.judgement import Judgement
from stages.score.judging import judged
from stages.workspace import only_one

_AGAIN = "run its 'aqa finetune' again"


@dataclass(frozen=True)
class Ensemble:
    """Models that judge together.

    Attributes:
        name: of the experiment, or of the file.
        models: all of them.
        files: where they lie.
    """

    name: str
    models: tuple[Model, ...]
    files: tuple[Path, ...]

    @property
    def target(self) -> Target:
        """The target of the first model; all have the same configuration."""
        return self.models[0].target

    @property
    def groups(self) -> list[str]:
        """The classes that any of the models knows."""
        return sorted({group for model in self.models for group in model.target.groups})

    def needs(self) -> dict[str, str]:
        """Return the columns that must be known of a clip beforehand, and what for."""
        config, found = self.target.config, {}
        if config.times is not None and config.task == "score":
            found[config.times] = f"scores are multiplied by it (target.times={config.times})"
        if len(self.groups) > 1 and config.task == "score" and (config.scaling.startswith("class-") or self._per_class):
            found[config.group_column] = f"the model knows several: {', '.join(self.groups)}"
        method = self.models[0].method
        for column in method.told() if isinstance(method, Assessor) else ():
            found[column] = "the method is told of it"
        return found

    @property
    def _per_class(self) -> bool:
        """Whether the experiment has one model per value of a column."""
        return self.models[0].documents["config"].get("per") is not None

    def check(self, row: Row, name: str) -> None:
        """Raise where the clip called ``name`` lacks a column that the models need."""
        for column, why in self.needs().items():
            if row.text(column) == "":
                raise UsageError(f"Nothing is known of {name}'s '{column}': {why}.", hint=f"--with {column}=VALUE, or --manifest FILE")

    def judging(self, row: Row) -> list[Model]:
        """Return the models that judge a clip."""
        return [self.models[number] for number in self._judges(row)]

    def known(self, row: Row) -> Array:
        """Return the training scores (N,) of a clip's class, or of all where none is known of it, as the first of its judges saw them."""
        model = self.judging(row)[0]
        if model.carried is None or model.target.classes:
            return np.zeros(0)
        group = group_name(row, model.target.config)
        own = model.carried.groups == model.target.groups.index(group) if group in model.target.groups else slice(None)
        return np.asarray(model.carried.scores[own])

    def judge(self, records: Records, confidence: float, device: torch.device, dataset: str = "") -> list[Judgement]:
        """Return what the models say of every clip.

        Args:
            records: the clips.
            confidence: of intervals and sets.
            device: where networks run.
            dataset: the set that the clips are of; "" for new videos.
        """
        parts: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for number, record in enumerate(records):
            parts[self._judges(record.row)].append(number)
        found: dict[int, Judgement] = {}
        for judges, numbers in parts.items():
            own = [records[number] for number in numbers]
            found |= dict(zip(numbers, judged([self.models[judge] for judge in judges], own, confidence, device, dataset), strict=True))
        return [found[number] for number in range(len(records))]

    def _judges(self, row: Row) -> tuple[int, ...]:
        """Return which models judge a clip: those that know its class, or all where none does."""
        group = group_name(row, self.target.config)
        return tuple(n for n, model in enumerate(self.models) if group in model.target.groups) or tuple(range(len(self.models)))


def read(name: str | None, options: RunOptions) -> Ensemble:
    """Open the models that a user names.

    Args:
        name: an experiment of the workspace, its folder, or the file of one model; None takes the only experiment.
        options: the workspace.

    Raises:
        UsageError: there is none of that name, or there are several.
        ArtifactError: a model is missing or damaged, or they predict different things.
    """
    workspace = options.workspace
    if name is not None and name not in workspace.experiments() and Path(name).exists():
        return _of_path(Path(name))
    experiments = workspace.experiments()
    if name is None:
        name = only_one("experiment", experiments, "--model NAME", "aqa finetune, or --model FILE")
    elif name not in experiments:
        raise unknown_name("experiment or file", name, experiments)
    return _of_folder(workspace.models / name)


def _of_path(path: Path) -> Ensemble:
    if path.is_dir():
        if not (path / INDEX).is_file():
            raise UsageError(
                f"{path} holds no {INDEX}, the list of an experiment's models.", hint="--model EXPERIMENT, its folder, or a model"
            )
        return _of_folder(path)
    return Ensemble(path.stem, (Model.read(path),), (path,))


def _of_folder(folder: Path) -> Ensemble:
    files = files_of(folder, read_index(folder))
    models = tuple(Model.read(file) for file in files)
    if len({json.dumps(model.target.to_json()["config"], sort_keys=True) for model in models}) > 1:
        raise ArtifactError(
            f"The models of '{folder.name}' predict different things.", hint="run its 'aqa finetune' again with --overwrite"
        )
    return Ensemble(folder.name, models, tuple(files))
