"""Train and evaluate an experiment for every value of one or two settings: a grid of ordinary experiments, and one figure of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stages.artifacts import store
from stages.artifacts.fingerprint import combine
from stages.engine import plan
from stages.engine.opening import Places
from stages.engine.options import RunOptions
from stages.engine.plan import Item, Summary
from stages.engine.progress import SaidOnce, Silent
from stages.errors import AqaError, ArtifactError, unknown_name
from stages.evaluate import config as evaluating
from stages.evaluate import stage as evaluate
from stages.evaluate.names import TITLES
from stages.evaluate.write import METRICS, PREDICTIONS, REPORT
from stages.finetune import stage as finetune
from stages.sweep import write
from stages.sweep.config import Axis, SweepConfig
from stages.sweep.outcome import Measured, Sweep
from stages.sweep.points import Point, names_of, points, short_keys
from stages.workspace import plain_name


@dataclass(frozen=True)
class _Experiment:
    """A point, the name of its experiment, its models, and how many models the experiments before it have."""

    point: Point
    name: str
    items: Sequence[Item]
    before: int


def run(config: SweepConfig, options: RunOptions, *, name: str | None = None, places: Places | None = None) -> Sweep:
    """Train every model of every point that is not there yet, evaluate the points, and write their figure.

    Everything that can be wrong with the configuration, the data or models that are there is found before anything is trained.  Models
    are sharded over all points; one shard of several only trains.

    Args:
        config: what is varied and shared.
        options: where and how to run.
        name: of the sweep; ``<data set>-by-<key>[-and-<key>]`` by default.
        places: paths to use instead of the workspace's sets of the data set's name.

    Raises:
        UsageError: nothing is varied, a method lacks a key, a value is not valid, or there is no such figure.
        ArtifactError: models are there that were made differently, or inputs are damaged.
        TrainingError: a model could not be trained; the others of its sweep that are done are skipped next time.
    """
    if config.figure is not None and config.figure not in TITLES:
        raise unknown_name("figure", config.figure, TITLES)
    found = points(config)
    options = replace(options, progress=SaidOnce(options.progress))
    chosen = plain_name(name, "--name") if name is not None else _default_name(found[0], config.vary, options, places)
    folder = options.workspace.sweeps / chosen
    experiments = _planned(found, config.vary, chosen, options, places)
    trained, evaluated = Summary(), list[str]()
    with options.progress.task(f"sweep {chosen}", len(experiments)) as task:
        for each in experiments:
            _train(each, options, places, trained)
            if options.shard.count == 1 and not _is_evaluated(each, config, options):
                _evaluate(each, config, options, places)
                evaluated.append(each.name)
            task.advance(1, each.name)
    if options.dry_run or options.shard.count > 1:
        return Sweep(chosen, config, folder, trained, evaluated)
    measured = [Measured(each.point, each.name, _read(options.workspace.evaluations / each.name)) for each in experiments]
    sweep = Sweep(chosen, config, folder, trained, evaluated, measured)
    write.everything(sweep, options.workspace)
    return sweep


def _default_name(first: Point, axes: Sequence[Axis], options: RunOptions, places: Places | None) -> str:
    """Return ``<data set>[-<selected values>]-by-<key>[-and-<key>]``."""
    made = finetune.planned(first.config, replace(options, progress=Silent()), init=first.init, places=places)[0].config
    return f"{finetune.selection_name(made['dataset'], made['where'])}-by-{'-and-'.join(short_keys(axes))}"


def _planned(found: Sequence[Point], axes: Sequence[Axis], name: str, options: RunOptions, places: Places | None) -> list[_Experiment]:
    """Return the points with their models; refuse those that are there and were made differently."""
    experiments: list[_Experiment] = []
    before = 0
    for point in found:
        called = names_of(name, axes, point)
        items = finetune.planned(point.config, replace(options, progress=Silent()), name=called, init=point.init, places=places)
        if not options.overwrite and not options.dry_run:
            plan.refuse_stale(plan.plan(items))
        experiments.append(_Experiment(point, called, items, before))
        before += len(items)
    return experiments


def _train(each: _Experiment, options: RunOptions, places: Places | None, total: Summary) -> None:
    part = replace(options, shard=options.shard.after(each.before))
    try:
        _, summary = finetune.run(each.point.config, part, name=each.name, init=each.point.init, places=places)
    except AqaError as error:
        error.message = f"{each.name}: {error.message}"
        raise
    total.done += [f"{each.name}/{model}" for model in summary.done]
    total.skipped += [f"{each.name}/{model}" for model in summary.skipped]


def _evaluate(each: _Experiment, config: SweepConfig, options: RunOptions, places: Places | None) -> None:
    if options.dry_run:
        options.progress.note(f"{'make':<12} {options.workspace.evaluations / each.name / REPORT}")
        return
    evaluate.run(config.evaluate, options, models=[each.name], places=places)


def _is_evaluated(each: _Experiment, config: SweepConfig, options: RunOptions) -> bool:
    """Say whether a complete evaluation of just these models, in just this way, is there."""
    folder = options.workspace.evaluations / each.name
    if options.overwrite or not (folder / REPORT).is_file():
        return False
    try:
        header = store.read_header(folder / PREDICTIONS)
        made = store.read_document(folder / PREDICTIONS, "provenance")
        _read(folder)
    except ArtifactError:
        return False
    models = next((entry["fingerprint"] for entry in made["inputs"] if entry["role"] == "models"), None)
    return (
        (header.stage, header.stage_version) == (evaluating.STAGE, evaluating.VERSION)
        and made["config"] == config.evaluate.model_dump(mode="json")
        and models == combine((item.id, item.fingerprint) for item in each.items)
    )


def _read(folder: Path) -> Mapping[str, Any]:
    """Return the figures of an evaluation.

    Raises:
        ArtifactError: they are missing or damaged.
    """
    path = folder / METRICS
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or "overall" not in found:
        raise ArtifactError(f"{path} does not hold the figures of an evaluation.", hint="the same command makes it again")
    return found
