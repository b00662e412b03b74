"""What a model makes of clips, brought to two dimensions by t-SNE (van der Maaten & Hinton, 2008) and coloured by the truth.

The test clips', and where a protocol withheld labels those of its unlabelled training clips, as in figure 4 of S4AQA: "lighter colors
indicate samples with lower scores, and darker colors indicate samples with higher scores".
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.evaluate.evaluation import Representation
from stages.evaluate.report.charts import COLOURS, OTHERS
from stages.evaluate.report.drawing import Drawing

FEWEST = 10
"""With fewer clips neighbourhoods mean nothing."""
ROUNDING = 1e-5
"""Share of the largest value of a column below which differences are taken for rounding."""
_PARTS = 5
"""Equal parts of the clips by score, each a shade."""
_SIZE, _MARGIN = 460, 14


def picture(found: Representation, classes: Sequence[str] = ()) -> dict[str, Any] | None:
    """Return the drawing, its legend and what it shows; None where there is nothing to draw.

    Args:
        found: the representations.
        classes: names of levels or actions in the order of their colours; none where the truth is a score.
    """
    if len(found.clips) < FEWEST or not varying(found.values).any():
        return None
    by = "class" if classes else "true score"
    styles, legend = _by_class(found.truth, classes) if classes else _by_score(np.array(found.truth, np.float64))
    flat = flattened(found.values)
    span = "" if classes else f", from {_said(min(map(float, found.truth)))} to {_said(max(map(float, found.truth)))}"
    label = f"t-SNE of what {found.model} makes of {found.of}: {len(flat)} points, one per clip, coloured by {by}{span}"
    drawing = Drawing(_SIZE, _SIZE, label)
    low, high = flat.min(axis=0), flat.max(axis=0)
    where = _MARGIN + (flat - low) / np.maximum(high - low, 1e-12) * (_SIZE - 2 * _MARGIN)
    for clip, truth, (x, y), css in zip(found.clips, found.truth, where, styles, strict=True):
        drawing.dot((float(x), float(y)), 4.0, f"point {css}", f"{clip}: {_said(truth)}")
    return {
        "drawing": drawing,
        "legend": legend,
        "model": found.model,
        "of": found.of,
        "by": by,
        "shaded": not classes,
        "clips": len(found.clips),
        "left_out": found.left_out,
    }


def varying(values: Array) -> Array:
    """Return which columns (D,) of representations (N, D) differ between clips by more than rounding."""
    return np.asarray(np.ptp(values, axis=0) > ROUNDING * np.abs(values).max(axis=0))


def flattened(values: Array) -> Array:
    """Return (N, 2) of representations (N, D) of which some column varies, the same every time."""
    from sklearn.manifold import TSNE

    # Where all is rounding scikit-learn's first guess is NaN, and its tree then ends the process.
    columns = values[:, varying(values)].astype(np.float64)
    rows = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    rows = np.pad(rows, [(0, 0), (0, max(0, 2 - rows.shape[1]))])  # its first guess has two columns
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of initialisation by principal components that are constant
        tsne = TSNE(perplexity=min(30.0, (len(rows) - 1) / 3), init="pca", random_state=0)
        return np.asarray(tsne.fit_transform(rows))


def _said(truth: float | str) -> str:
    return truth if isinstance(truth, str) else f"{truth:.4g}"


def _by_score(truth: Array) -> tuple[list[str], list[tuple[str, str]]]:
    edges = np.quantile(truth, np.linspace(0, 1, _PARTS + 1)[1:-1])
    parts = np.searchsorted(edges, truth, side="right")
    bounds = [truth.min(), *edges, truth.max()]
    legend = [(f"{bounds[part]:.3g} to {bounds[part + 1]:.3g}", f"s{part}") for part in range(_PARTS)]
    return [f"s{part}" for part in parts], legend


def _by_class(truth: Sequence[float | str], classes: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    style = {name: f"c{number}" for number, name in enumerate(classes[:COLOURS])}
    styles = [style.get(str(name), "rest") for name in truth]
    shown = [(name, css) for name, css in style.items() if css in styles]
    return styles, shown + ([(OTHERS, "rest")] if "rest" in styles else [])
