"""Pool the out-of-fold predictions of an experiment's models, per seed, and report."""

from __future__ import annotations

from pathlib import Path

from stages.artifacts.provenance import provenance
from stages.engine.opening import Places
from stages.engine.options import RunOptions
from stages.evaluate import figures, write
from stages.evaluate.collect import collect, experiment
from stages.evaluate.config import STAGE, VERSION, EvaluateConfig
from stages.evaluate.evaluation import Evaluation


def run(
    config: EvaluateConfig,
    options: RunOptions,
    *,
    dataset: str | None = None,
    model: str | None = None,
    places: Places | None = None,
    output: Path | None = None,
) -> Evaluation:
    """Evaluate one experiment on the clips that each of its models did not train on.

    Args:
        config: how figures are computed.
        options: where and how to run.
        dataset: only experiments on this data set are considered.
        model: the experiment's name; by default the only one.
        places: paths to use instead of the workspace's sets.
        output: folder to write to.
    """
    name, index = experiment(options, dataset, model)
    found = collect(name, index, options, places)
    document = config.model_dump(mode="json")
    evaluation = Evaluation(
        name=name,
        table=found.table,
        figures=figures.compute(found.table, config),
        facts=found.facts,
        provenance=provenance(STAGE, VERSION, document, found.inputs),
        folder=None if options.dry_run else output or options.workspace.evaluations / name,
        curves=found.curves,
    )
    if evaluation.folder is not None:
        write.predictions(evaluation)
        write.figures(evaluation)
    return evaluation
