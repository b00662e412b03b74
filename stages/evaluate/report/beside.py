"""What was obtained beside what is published, with the differences between the two in words and no verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stages.evaluate.evaluation import Evaluation
from stages.evaluate.names import TITLES, interval_of, selection_in_words, shown
from stages.evaluate.published import Published, published, same_split
from stages.evaluate.statistics import Estimate
from stages.evaluate.table import ONE_GROUP

_PART, _ACTION = "per_class/", "action="


def section(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return, for every row of a published table that fits, its figures beside the obtained ones and how the two differ."""
    return [
        {
            "label": each.label,
            "source": each.source,
            "rows": [_row(name, value, obtained(evaluation, name), _decimals(each)) for name, value in each.figures.items()],
            "differences": differences(each, evaluation.facts, len(evaluation.table)),
        }
        for each in published(evaluation.facts)
    ]


def obtained(evaluation: Evaluation, name: str) -> Estimate | None:
    """Return the figure of that name; None where the evaluation has none.

    Where all clips are of one class, the figures of all clips are that class's; Spearman's ρ of all clips is the pooled one where there
    are several.
    """
    found = evaluation.figures
    if name.startswith(_PART):
        part, _, figure = name.removeprefix(_PART).rpartition("/")
        if part in found.per_class:
            return found.per_class[part].get(figure)
        return found.overall.get(figure) if only_class(evaluation) == part else None
    return found.overall.get(name) or (found.overall.get("spearman_pooled") if name == "spearman" else None)


def only_class(evaluation: Evaluation) -> str:
    """Return the class of all clips, or of the only ones that were asked for; nothing where there are several."""
    names = set(evaluation.table.groups.tolist()) - {ONE_GROUP}
    asked = [condition.removeprefix(_ACTION) for condition in evaluation.facts.get("where", ()) if condition.startswith(_ACTION)]
    known = [*names, *(name for name in asked if "," not in name)]
    return str(known[0]) if known and len(names) < 2 else ""


def differences(each: Published, facts: Mapping[str, Any], clips: int) -> list[str]:
    """Return in words how an evaluation differs from what was published, and what must be known of the latter."""
    same = same_split(each, facts)
    found = [] if same else [f"split: here {facts.get('protocol', 'none')}, there {each.split}"]
    found.append(f"epoch: here {selection_in_words(str(facts.get('select', '')))}; there {each.selection}")
    if each.clips and each.clips != clips:
        found.append(f"tested here on {clips} clips, there on {each.clips}")
    if (target := facts.get("target")) is not None and target != each.target:
        found.append(f"predicted here: {target}, there: {each.target}")
    if "features by" in facts:
        found.append(f"features here: {facts['features by']}")
    if "started from" in facts:
        found.append(f"started here from models trained before: {facts['started from']}")
    if len(facts.get("seeds", ())) > 1:
        found.append(f"here the mean over {len(facts['seeds'])} seeds")
    return [*found, *([f"there: {each.split}"] if same else []), *([f"there: {each.remark}"] if each.remark else [])]


def _row(name: str, value: float, found: Estimate | None, decimals: int) -> dict[str, str]:
    part, _, figure = name.removeprefix(_PART).rpartition("/")
    return {
        "title": TITLES[figure] + (f", {part}" if part else ""),
        "published": f"{value:.{decimals}f}",
        "obtained": shown(found.value) if found else "–",
        "interval": interval_of(found) if found else "",
    }


def _decimals(each: Published) -> int:
    """Return how many decimals a row is printed with: zeros at the end of a figure show in its neighbours alone."""
    return max(2, *(len(f"{value:.6g}".partition(".")[2]) for value in each.figures.values()))
