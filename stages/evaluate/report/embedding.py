"""A model's representations of its test clips, brought to two dimensions by t-SNE (van der Maaten & Hinton, 2008)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.evaluate.evaluation import Representation
from stages.evaluate.report.charts import COLOURS, OTHERS
from stages.evaluate.report.drawing import Drawing
from stages.evaluate.table import Table

FEWEST = 10
"""With fewer clips neighbourhoods mean nothing."""
_PARTS = 5
"""Equal parts of the clips by score, each a shade."""
_SIZE, _MARGIN = 460, 14


def picture(table: Table, found: Representation | None) -> dict[str, Any] | None:
    """Return the drawing, its legend and whose it is; None where there is nothing to draw."""
    if found is None or len(found.clips) < FEWEST or float(np.ptp(found.values)) == 0:
        return None
    place = {clip: number for number, clip in enumerate(table.clips)}
    members = np.array([place[clip] for clip in found.clips])
    styles, legend = _by_class(table, members) if table.classes else _by_score(table.truth[members])
    flat = flattened(found.values)
    drawing = Drawing(_SIZE, _SIZE, "t-SNE of the representations, one point per clip")
    low, high = flat.min(axis=0), flat.max(axis=0)
    where = _MARGIN + (flat - low) / np.maximum(high - low, 1e-12) * (_SIZE - 2 * _MARGIN)
    for (x, y), css, number in zip(where, styles, members, strict=True):
        truth = table.classes[int(table.truth[number])] if table.classes else f"{table.truth[number]:.4g}"
        drawing.dot((float(x), float(y)), 4.0, f"point {css}", f"{table.clips[number]}: {truth}")
    return {"drawing": drawing, "legend": legend, "model": found.model, "by": "class" if table.classes else "true score"}


def flattened(values: Array) -> Array:
    """Return (N, 2) of representations (N, D), the same every time."""
    from sklearn.manifold import TSNE

    spread = values.std(axis=0)
    rows = (values - values.mean(axis=0)) / np.where(spread > 1e-12, spread, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of initialisation by principal components that are constant
        tsne = TSNE(perplexity=min(30.0, (len(rows) - 1) / 3), init="pca", random_state=0)
        return np.asarray(tsne.fit_transform(rows.astype(np.float64)))


def _by_score(truth: Array) -> tuple[list[str], list[tuple[str, str]]]:
    edges = np.quantile(truth, np.linspace(0, 1, _PARTS + 1)[1:-1])
    parts = np.searchsorted(edges, truth, side="right")
    bounds = [truth.min(), *edges, truth.max()]
    legend = [(f"{bounds[part]:.3g} to {bounds[part + 1]:.3g}", f"s{part}") for part in range(_PARTS)]
    return [f"s{part}" for part in parts], legend


def _by_class(table: Table, members: Array) -> tuple[list[str], list[tuple[str, str]]]:
    labels = table.truth[members].astype(int)
    style = {number: f"c{number}" if number < COLOURS else "rest" for number in range(len(table.classes))}
    shown = [(table.classes[number], style[number]) for number in sorted(set(labels.tolist())) if style[number] != "rest"]
    return [style[label] for label in labels], shown + ([(OTHERS, "rest")] if "rest" in {style[label] for label in labels} else [])
