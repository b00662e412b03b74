"""The page of one scored video: the score on the scale of the training scores, what it rests on, and why it is what it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.evaluate.report import skeletons
from stages.evaluate.report.drawing import Axes, Drawing, padded
from stages.evaluate.report.templates import filled
from stages.explain.explanation import WHOLE, Explanation
from stages.score.judgement import Judgement
from stages.skeletons.poses import PoseSequence
from stages.version import __version__

TEMPLATE = Path(__file__).parent / "page.html.j2"
_RUNNING = "predicted.after-"


@dataclass(frozen=True)
class Scored:
    """One scored clip and what its page shows.

    Attributes:
        judgement: what the models say.
        explanations: why; nothing where nobody asked.
        poses: of the clip; None for methods that take none.
        known: (N,) training scores of its class.
        model: name of the experiment.
        provenance: of the models.
    """

    judgement: Judgement
    explanations: Sequence[Explanation] = ()
    poses: PoseSequence | None = None
    known: Array = field(default_factory=lambda: np.zeros(0))
    model: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)


def render(scored: Scored) -> str:
    """Return the page as HTML text; everything that comes from data is escaped by the template engine."""
    said = scored.judgement
    interval = said.interval if said.interval is not None and said.interval.bounded else None
    return filled(
        TEMPLATE,
        {
            "title": f"{said.clip} · score",
            "version": __version__,
            "name": said.clip,
            "model": scored.model,
            "score": said.label if said.value is None else f"{said.value:.4g}",
            "others": [label for label in said.labels if label != said.label],
            "interval": f"[{interval.low:.4g}, {interval.high:.4g}] with {interval.confidence:.0%}" if interval else "",
            "percentile": "" if said.percentile is None else f"{said.percentile:.0f} %",
            "scale": _scale(said, scored.known) if said.value is not None and len(scored.known) else None,
            "warnings": said.warnings,
            "facts": [(role, sorted(facts.items())) for role, facts in said.facts.items()],
            "shown": shown,
            "whys": [_why(each, scored.poses) for each in scored.explanations],
            "running": _running(said),
            "provenance": json.dumps(scored.provenance, indent=2, ensure_ascii=False),
        },
    )


def shown(value: Any) -> str:
    """Return a fact of the inputs as text."""
    return value if isinstance(value, str) else f"{value:.3g}"


def sentence(explanation: Explanation) -> str:
    """Return what costs most, in words."""
    part, begin, end, cost = explanation.worst
    where = f"from {begin:.1f} to {end:.1f} s" if explanation.of == "poses" else f"in the part from {begin:.0%} to {end:.0%}"
    return f"costs most: {part.replace('_', ' ')} {where} ({cost:+.3g})" if cost < 0 else "nothing costs points beside the best clips"


def _scale(said: Judgement, known: Array) -> Drawing:
    """Draw the training scores as a histogram, the score on it, and its interval."""
    assert said.value is not None
    interval = said.interval if said.interval is not None and said.interval.bounded else None
    ends = [said.value, *([interval.low, interval.high] if interval else [])]
    low, high = min(float(known.min()), *ends), max(float(known.max()), *ends)
    heights, edges = np.histogram(known, bins=min(20, max(5, round(len(known) ** 0.5))))
    drawing = Drawing(460, 200, "training scores, and this score among them")
    axes = Axes(drawing, padded(low, high), (0, max(1, int(heights.max())) * 1.15), ("score", "training clips"), (False, True))
    for number, height in enumerate(heights):
        left, right = axes.at(float(edges[number]), 0)[0], axes.at(float(edges[number + 1]), 0)[0]
        top = axes.at(0, float(height))[1]
        drawing.bar((left + 0.75, top), max(right - left - 1.5, 0.5), axes.bottom - top, "bar faint", f"{height} clips")
    top = axes.top + 8
    if interval:
        drawing.line((axes.at(interval.low, 0)[0], top), (axes.at(interval.high, 0)[0], top), "whisker")
    drawing.line((axes.at(said.value, 0)[0], axes.top), (axes.at(said.value, 0)[0], axes.bottom), "truth")
    drawing.dot((axes.at(said.value, 0)[0], top), 5, "point c0", f"{said.value:.4g}")
    return drawing


def _why(explanation: Explanation, poses: PoseSequence | None) -> dict[str, Any]:
    """Return a table of parts by moments, coloured by what they cost or bring, with the poses of the moments above it."""
    strongest = max(float(np.abs(explanation.grid).max()), 1e-12)
    rows = []
    for part, cells, total in zip(explanation.parts, explanation.grid, explanation.totals, strict=True):
        shares = [(f"{value:+.2g}", f"{abs(value) / strongest:.3f}", value < 0) for value in cells]
        rows.append((part.replace("_", " "), part == WHOLE, shares, f"{total:+.2g}"))
    of_poses = explanation.of == "poses"
    edges = [f"{value:.1f}" if of_poses else f"{value:.0%}" for value in explanation.edges]
    strip = skeletons.strip(poses, len(edges) - 1) if poses is not None and of_poses else []
    return {
        "of": explanation.of,
        "how": explanation.how,
        "sentence": sentence(explanation),
        "moments": [f"{low}–{high}" for low, high in pairwise(edges)],
        "unit": "s" if of_poses else "of the clip",
        "rows": rows,
        "strip": [pose.drawing for pose in strip] if len(strip) == len(edges) - 1 else [],
    }


def _running(said: Judgement) -> Drawing | None:
    """Draw the score so far after each segment, of methods that say it; None for others."""
    after = sorted((int(name.removeprefix(_RUNNING)), value) for name, value in said.extra.items() if name.startswith(_RUNNING))
    if said.value is None or len(after) < 2:
        return None
    values = [value for _, value in after]
    drawing = Drawing(460, 220, "the score so far, after each segment")
    axes = Axes(drawing, (1, len(values)), padded(min(values), max(values)), ("segments seen", "score so far"), (True, False))
    drawing.curve([axes.at(number, value) for number, value in enumerate(values, start=1)], "curve")
    for number, value in enumerate(values, start=1):
        drawing.dot(axes.at(number, value), 4, "point c0", f"after {number}: {value:.4g}")
    return drawing
