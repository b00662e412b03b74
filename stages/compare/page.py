"""What stands on the page of a comparison: figures and differences, what was made differently, charts and cases, for the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stages.compare import cases, charts, motion
from stages.compare.cases import Case
from stages.compare.comparison import Comparison, clips_sentence, drawn_sentence, left_out_sentence
from stages.compare.paired import SMALLER_IS_BETTER, Difference, Figure
from stages.compare.protocol import Aspect
from stages.errors import some
from stages.evaluate import names
from stages.evaluate.report import charts as report_charts
from stages.evaluate.report import page as report
from stages.evaluate.report.templates import filled
from stages.version import __version__

TEMPLATE = Path(__file__).parent / "page.html.j2"
MOST_CLASSES = 20
"""With more levels or actions a confusion matrix per run is no longer looked at."""


def render(comparison: Comparison) -> str:
    """Return the page as HTML text; everything that comes from data is escaped by the template engine."""
    return filled(TEMPLATE, context(comparison))


def context(comparison: Comparison) -> dict[str, Any]:
    """Return everything that the template shows."""
    runs, found = comparison.runs, comparison.found
    named = [run.name for run in runs]
    leading = leading_of(comparison)
    return {
        "version": __version__,
        "reference": named[0],
        "others": named[1:],
        "runs": named,
        "legend": charts.legend(runs),
        "subtitle": f"{clips_sentence(comparison)}, compared with {named[0]}",
        "stamps": [f"{run.name}: {stamp}" for run in runs for stamp in run.facts.get("stamps", ())],
        "how": drawn_sentence(comparison),
        "left_out": left_out_sentence(comparison),
        "leading": figure_rows(leading, found.overall[leading]),
        "figures": [figure_rows(name, by_run) for name, by_run in found.overall.items() if name != leading],
        "seeds": max(len(run.table.seeds) for run in runs),
        "notes": [*comparison.notes, *([_range_sentence(comparison)] if found.score_range else [])],
        "classes": _classes(comparison),
        "protocol": _differing(comparison.aspects.protocol),
        "settings": _differing(comparison.aspects.settings),
        "same": [(aspect.name, aspect.values[0]) for aspect in comparison.aspects.protocol if aspect.same],
        "training": charts.while_training(runs),
        "followed": [(run.name, names.selection_in_words(str(run.facts.get("select", "")))) for run in runs if run.followed],
        "multiples": _multiples(comparison),
        "confusions": _confusions(comparison),
        "cases": [_case(comparison, case) for case in comparison.cases],
        "has_poses": bool(comparison.strips.drawn),
        "no_poses": comparison.strips.missing,
        "motion": motion.SENTENCE if comparison.motions.measured else "",
        "no_motion": comparison.motions.missing,
        "predictions": [(run.name, run.fingerprint) for run in runs],
        "without": [(name, some(clips)) for name, clips in comparison.matched.left_out.items() if clips],
    }


def leading_of(comparison: Comparison) -> str:
    """Return the name of the figure that leads: the first of the headlines that is defined for every run."""
    overall = comparison.found.overall
    there = [name for name in names.HEADLINES if name in overall]
    defined = (name for name in there if all(np.isfinite(each.estimate.value) for each in overall[name].values()))
    return next(defined, there[0])


def p_in_words(difference: Difference) -> str:
    """Return ``p = 0.012`` or what is smaller than can be told from so few resamples."""
    if not np.isfinite(difference.p):
        return ""
    return f"p = {difference.p:.2g}" if difference.p >= 0.001 else "p < 0.001"


def figure_rows(name: str, by_run: Mapping[str, Figure]) -> dict[str, Any]:
    """Return one figure's part of a table, a row per run."""
    far = charts.reach([each.difference for each in by_run.values() if each.difference])
    rows = []
    for run, figure in by_run.items():
        apart = figure.difference
        rows.append(
            {
                "run": run,
                "cell": report.cell(name, figure.estimate),
                "difference": _signed(apart) if apart else "",
                "interval": _interval(apart) if apart else "",
                "strip": charts.about_zero(apart, far) if apart else None,
                "p": p_in_words(apart) if apart else "",
                "verdict": apart.verdict(name) if apart else "",
            }
        )
    title = names.TITLES[name].strip()
    return {
        "title": title[1:-1] if name in names.BASELINES else title,  # they stand in brackets where a list has them below others
        "better": "lower is better" if name.startswith(SMALLER_IS_BETTER) else "",
        "rows": rows,
    }


def _signed(difference: Difference) -> str:
    return f"{difference.value:+.4f}" if np.isfinite(difference.value) else "not defined"


def _interval(difference: Difference) -> str:
    return f"[{difference.low:+.4f}, {difference.high:+.4f}]" if np.isfinite(difference.low) else ""


def _range_sentence(comparison: Comparison) -> str:
    assert comparison.found.score_range is not None
    low, high = comparison.found.score_range
    each = "; per class and in the mean of classes, by that class's own" if comparison.found.per_class else ""
    if comparison.config.range is not None:
        return f"R-ℓ2 divides by the given range, {low:g} to {high:g}"
    return f"R-ℓ2 divides by the range of the common clips' truth, {low:g} to {high:g}{each}"


def _classes(comparison: Comparison) -> list[dict[str, Any]]:
    """Return each class's first figure for every run."""
    return [
        {"label": label, "clips": comparison.found.counts[label], **figure_rows(*next(iter(found.items())))}
        for label, found in comparison.found.per_class.items()
    ]


def _differing(aspects: Sequence[Aspect]) -> list[Aspect]:
    return [aspect for aspect in aspects if not aspect.same]


def _multiples(comparison: Comparison) -> list[tuple[str, Any]]:
    """Return predicted against true scores of every run, on one range of axes."""
    if comparison.table.classes:
        return []
    span = _span(comparison)
    return [
        (run.name, report_charts.scatter(run.table, dict.fromkeys(map(str, run.table.groups), charts.style_of(number)), span))
        for number, run in enumerate(comparison.runs)
    ]


def _confusions(comparison: Comparison) -> list[tuple[str, Any]]:
    if not 0 < len(comparison.table.classes) <= MOST_CLASSES:
        return []
    return [(run.name, report.confusion(run.table)) for run in comparison.runs]


def _span(comparison: Comparison) -> tuple[float, float]:
    """Return the one range of scores of all charts."""
    everything = np.concatenate([run.table.predicted for run in comparison.runs])
    return report_charts.span(replace(comparison.table, predicted=everything))


def _case(comparison: Comparison, case: Case) -> dict[str, Any]:
    table = comparison.table
    rows = [
        {
            "run": run.name,
            "said": cases.prediction_of(run.table, case.number),
            "error": cases.error_of(run.table, case.number),
            "line": None if table.classes else charts.on_a_line(run.table, case.number, charts.style_of(number), _span(comparison)),
        }
        for number, run in enumerate(comparison.runs)
    ]
    return {
        "clip": case.clip,
        "why": "; ".join(case.why),
        "group": str(table.groups[case.number]) if comparison.found.per_class and not table.classes else "",
        "truth": cases.truth_of(table, case.number),
        "poses": comparison.strips.drawn.get(case.clip, []),
        "motion": f"{found:.2f}" if (found := comparison.motions.measured.get(case.clip)) is not None else "",
        "rows": rows,
    }
