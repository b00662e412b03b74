"""Pool the out-of-fold predictions of an experiment's models, per seed, and report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stages.artifacts.provenance import provenance
from stages.engine.opening import Places
from stages.engine.options import RunOptions
from stages.errors import UsageError
from stages.evaluate import figures, write
from stages.evaluate.collect import collect, experiment
from stages.evaluate.config import STAGE, VERSION, EvaluateConfig
from stages.evaluate.evaluation import Evaluation
from stages.evaluate.fusion import fuse
from stages.evaluate.shown import strips


def run(
    config: EvaluateConfig,
    options: RunOptions,
    *,
    dataset: str | None = None,
    models: Sequence[str] = (),
    weights: Sequence[float] | None = None,
    places: Places | None = None,
    output: Path | None = None,
) -> Evaluation:
    """Evaluate an experiment, or the fusion of several, on the clips that each of its models did not train on.

    Args:
        config: how figures are computed.
        options: where and how to run.
        dataset: only experiments on this data set are considered.
        models: the experiment's name, by default the only one; the predictions of several are fused.
        weights: of the experiments in their fusion.
        places: paths to use instead of the workspace's sets.
        output: folder to write to.
    """
    chosen = [experiment(options, dataset, model) for model in dict.fromkeys(models or (None,))]
    name = "+".join(name for name, _ in chosen)
    parts = [collect(each, index, options, places) for each, index in chosen]
    if weights is not None and len(parts) == 1:
        raise UsageError("--weights are for several experiments.", hint="--model NAME --model NAME … --weights W,W,…")
    found = fuse([each for each, _ in chosen], parts, weights) if len(parts) > 1 else parts[0]
    document = config.model_dump(mode="json")
    folder = None if options.dry_run else output or options.workspace.evaluations / name
    evaluation = Evaluation(
        name=name,
        table=found.table,
        figures=figures.compute(found.table, config),
        facts=found.facts,
        provenance=provenance(STAGE, VERSION, document, found.inputs),
        folder=folder,
        curves=found.curves,
        representations=found.representations,
        followed=found.followed,
        strips=strips(found.table, found.poses) if folder is not None and found.poses is not None else {},
    )
    if evaluation.folder is not None:
        write.predictions(evaluation)
        write.figures(evaluation)
    return evaluation
