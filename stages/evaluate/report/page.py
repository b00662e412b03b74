"""What stands on the page of the report: headline, tables, charts, clips and provenance, for the template to lay out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stages.evaluate import names, streams
from stages.evaluate.evaluation import Evaluation
from stages.evaluate.report import beside, charts, clips, embedding, intervals, residuals
from stages.evaluate.report.drawing import Drawing
from stages.evaluate.report.templates import filled
from stages.evaluate.shown import LISTED
from stages.evaluate.statistics import Estimate
from stages.evaluate.streams import Streams
from stages.evaluate.table import Table
from stages.version import __version__

TEMPLATE = Path(__file__).parent / "page.html.j2"

_ON_A_LINE = ("spearman", "accuracy", "macro_f1", "recall")
"""Beginnings of the names of the figures that lie between −1 or 0 and 1, and are drawn on a line."""
_MEANINGS = {
    "spearman": "How well the predicted order of the clips agrees with the true one: 1 is the same order, 0 says nothing about it.",
    "spearman_fisher_mean": "How well the predicted order agrees with the true one within each class, averaged over the classes by "
    "Fisher's z: 1 is the same order, 0 says nothing about it.",
    "spearman_pooled": "How well the predicted order of all clips agrees with the true one, classes mixed: where classes differ in their "
    "mean score, knowing the class is enough to raise it.",
    "accuracy": "The share of clips whose class was predicted.",
}


@dataclass(frozen=True)
class Cell:
    """One figure in a table."""

    value: str
    interval: str
    deviation: str
    strip: Drawing | None


def render(evaluation: Evaluation) -> str:
    """Return the page as HTML text; everything that comes from data is escaped by the template engine."""
    return filled(TEMPLATE, context(evaluation))


def context(evaluation: Evaluation) -> dict[str, Any]:
    """Return everything that the template shows."""
    table, found, facts = evaluation.table, evaluation.figures, evaluation.facts
    config = evaluation.provenance["config"]
    style = charts.colours(table)
    return {
        "version": __version__,
        "name": evaluation.name,
        "subtitle": names.made_sentence(facts) if "protocol" in facts else f"predictions from {facts['source']}",
        "stamps": facts["stamps"],
        "notes": [*found.notes, *([names.range_sentence(found)] if found.score_range else [])],
        "headline": _headline(evaluation, config),
        "tiles": _tiles(evaluation),
        "overall": _overall(found.overall),
        "has_ensemble": any(name.startswith(names.ENSEMBLE) for name in found.overall),
        "confidence": f"{100 * config['confidence']:g} %",
        "seeds": len(table.seeds),
        "parts": [
            part
            for part in (
                _parts("Classes", "class", found.per_class, found.counts),
                _parts("Folds", "fold", found.per_fold, found.fold_counts),
            )
            if part
        ],
        "embeddings": [each for each in (embedding.picture(made, table.classes) for made in evaluation.representations) if each],
        "streams": _streams(table, found.streams, style),
        "legend": charts.legend(style),
        "scores": None if table.classes else _scores(evaluation, style),
        "confusion": confusion(table) if table.classes else None,
        "intervals": intervals.section(table, found.coverage),
        "groups": residuals.section(found.groups, config["confidence"]),
        "published": beside.section(evaluation),
        "lists": clips.sections(evaluation),
        "curves": charts.training(evaluation.curves),
        "models": max((len(rows) for rows in evaluation.curves.values()), default=0),
        "facts": [(key.replace("_", " "), names.in_words(value)) for key, value in facts.items() if key != "stamps"],
        "provenance": json.dumps(_brief(evaluation.provenance), indent=2, ensure_ascii=False),
    }


def _headline(evaluation: Evaluation, config: Mapping[str, Any]) -> dict[str, Any]:
    found, table = evaluation.figures, evaluation.table
    name = names.headline_of(found)
    estimate = found.overall[name]
    clusters = len(set(table.clusters.tolist()))
    drawn = "clips" if clusters == len(table) else f"{clusters} subjects, each with all clips"
    includes_zero = name.startswith("spearman") and estimate.low <= 0 <= estimate.high
    return {
        "title": names.TITLES[name],
        "cell": cell(name, estimate),
        "meaning": _MEANINGS[name],
        "how": f"{config['resamples']} bootstrap draws of {drawn}. The interval says how the figure would vary with other test clips, "
        "not with another split.",
        "warning": "The interval includes 0: on these clips the predictions cannot be told from a random order." if includes_zero else "",
    }


def _tiles(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return the small facts beside the headline."""
    found, table = evaluation.figures, evaluation.table
    clusters = len(set(table.clusters.tolist()))
    tiles = [("clips", str(len(table)))]
    if clusters != len(table):
        tiles.append(("subjects", str(clusters)))
    if len(found.per_class) > 1:
        tiles.append(("classes", str(len(found.per_class))))
    if len(found.per_fold) > 1:
        tiles.append(("folds", str(len(found.per_fold))))
    if len(table.seeds) > 1:
        tiles.append(("seeds", str(len(table.seeds))))
    tiles += [
        (names.TITLES[name], names.shown(found.overall[name].value, 3)) for name in ("mae", "rmse", "macro_f1") if name in found.overall
    ]
    return tiles


def _streams(table: Table, found: Streams | None, style: Mapping[str, str]) -> dict[str, Any] | None:
    """Return each stream's figures and scatter, and how good the picks were; None for models without streams."""
    if found is None:
        return None
    counts = {name: round(share * len(table)) for name, share in found.picked.items()}
    part = _parts("Streams", "stream", found.figures, counts)
    alone = {name: replace(table, predicted=table.extra[streams.PREFIX + name]) for name in found.figures}
    return {
        "part": part,
        "right": cell("accuracy", found.right),
        "chance": names.shown(found.chance.value),
        "scatters": [(name, charts.scatter(each, style)) for name, each in alone.items()],
        "names": list(found.figures),
        "cases": [(name, [_case(table, clip) for clip in ahead]) for name, ahead in streams.cases(table, LISTED // 2) if ahead],
    }


def _case(table: Table, number: int) -> dict[str, Any]:
    said = [f"{table.extra[streams.PREFIX + name][:, number].mean():.4g}" for name in streams.names_of(table)]
    truth = f"{table.truth[number]:.4g}"
    return {"clip": str(table.clips[number]), "truth": truth, "said": said, "picked": streams.pick_of(table, number)}


def _overall(found: Mapping[str, Estimate]) -> list[dict[str, Any]]:
    """Return one row per figure, that of the ensemble beside it."""
    return [
        {
            "key": name,
            "title": names.TITLES[name],
            "cell": cell(name, estimate),
            "ensemble": cell(name, found[names.ENSEMBLE + name]) if names.ENSEMBLE + name in found else None,
            "baseline": name in names.BASELINES,
        }
        for name, estimate in found.items()
        if not name.startswith(names.ENSEMBLE)
    ]


def cell(name: str, estimate: Estimate) -> Cell:
    """Return an estimate of the figure ``name`` as it stands in a table."""
    drawn = name.startswith(_ON_A_LINE)
    lowest = -1.0 if estimate.value < 0 else 0.0
    return Cell(
        names.shown(estimate.value),
        names.interval_of(estimate),
        f"{estimate.deviation:.4f}" if math.isfinite(estimate.deviation) else "",
        charts.strip(estimate, lowest) if drawn else None,
    )


def _parts(title: str, what: str, parts: Mapping[str, Mapping[str, Estimate]], counts: Mapping[str, int]) -> dict[str, Any] | None:
    """Return a table with one row per class or fold; None where there are none."""
    if not parts:
        return None
    columns = list(next(iter(parts.values())))
    rows = [(part, counts[part], [cell(name, found[name]) for name in columns]) for part, found in parts.items()]
    return {"title": title, "what": what, "columns": [names.TITLES[name] for name in columns], "rows": rows}


def _scores(evaluation: Evaluation, style: Mapping[str, str]) -> dict[str, Any]:
    """Return what only predictions of scores have: scatter, errors, calibration."""
    table, found = evaluation.table, intervals.shown(evaluation.figures.coverage)
    return {
        "scatter": charts.scatter(table, style, half_widths=None if found is None else found.half_widths),
        "banded": "" if found is None else names.percent(found.confidence),
        "residuals": charts.residuals(table.ensemble - table.truth),
        "calibration": charts.calibration(table.truth, table.ensemble),
        "grouped": len(style) > 1,
    }


def confusion(table: Table) -> list[tuple[str, int, list[tuple[str, float, bool]]]]:
    """Return per true class: its name, its clips, and for each predicted class (clips as mean over seeds, share, whether right)."""
    rows = []
    for true, name in enumerate(table.classes):
        members = table.predicted[:, table.truth == true]
        total = members.shape[1]
        counts = [float((members == predicted).sum()) / len(table.seeds) for predicted in range(len(table.classes))]
        cells = [
            (f"{count:.1f}".removesuffix(".0") if count else "·", count / total if total else 0.0, true == predicted)
            for predicted, count in enumerate(counts)
        ]
        rows.append((name, total, cells))
    return rows


def _brief(node: Any) -> Any:
    """Return a provenance in which, of inputs that were made alike, only the first is spelled out."""
    if isinstance(node, Mapping):
        made_by = node.get("made_by")
        brief = {key: _brief(value) for key, value in node.items() if key != "made_by"}
        if made_by:
            brief["made_by"] = _brief(made_by[0]["provenance"])
            if len(made_by) > 1:
                brief["and"] = f"{len(made_by) - 1} more; all of them are in predictions.h5"
        return brief
    return [_brief(child) for child in node] if isinstance(node, list) else node
