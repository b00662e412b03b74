"""How often an explanation finds the part and the moment of a known fault, on clips that the models did not learn from.

    python examples/explained_slips.py EXPERIMENT replacement|gradients

The experiment is one on a set of generated slips (``generated-60x4+0-slips``) in the workspace.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import numpy as np
import torch

from stages.artifacts.collection import Collection
from stages.engine.records import ClipSet, Record
from stages.explain import gradients
from stages.explain.explanation import Explanation
from stages.explain.occlusion import Explainer
from stages.finetune.model import Model
from stages.workspace import Workspace

CPU = torch.device("cpu")


def explained(name: str, how: str) -> Iterator[tuple[Record, Explanation]]:
    """Yield every tested clip that has a fault, with the explanation of the model that did not learn from it."""
    workspace = Workspace.default()
    index = json.loads((workspace.models / name / "index.json").read_text(encoding="utf-8"))
    data = ClipSet(index["dataset"], {"poses": Collection(workspace.pose_set(index["dataset"]), "poses")})
    for entry in index["models"]:
        model = Model.read(workspace.models / name / entry["file"])
        explainer = Explainer(model, CPU)
        for record in data.load(model.documents["data"]["test"]):
            if record.row.text("slip"):
                (found,) = explainer.explain(record) if how == "replacement" else gradients.explain(model, record, CPU)
                yield record, found


def found(record: Record, explanation: Explanation) -> tuple[bool, bool, float, float]:
    """Return whether the part and the moment that cost most are those of the fault, and with what chance anything else would hit each."""
    slip, (start, end) = record.row.text("slip"), (record.row.number(f"score.slip_{edge}") for edge in ("start", "end"))
    right = [part == slip or (slip == "legs" and part.endswith("leg")) for part in explanation.parts[:-1]]
    middles = (explanation.edges[:-1] + explanation.edges[1:]) / 2
    inside = (middles >= start) & (middles < end)
    part, moment = np.unravel_index(int(explanation.grid[:-1].argmin()), explanation.grid[:-1].shape)
    return right[part], bool(inside[moment]), float(np.mean(right)), float(inside.mean())


def main(name: str, how: str) -> None:
    """Print the shares."""
    rows = np.array([found(*each) for each in explained(name, how)], dtype=float)
    part, moment, by_chance, moment_by_chance = rows.T
    print(f"{name}, {how}: {len(rows)} clips with a fault")
    for title, share, chance in (
        ("part", part, by_chance),
        ("moment", moment, moment_by_chance),
        ("both", part * moment, by_chance * moment_by_chance),
    ):
        print(f"{title:<7} {share.mean():.3f}  (chance {chance.mean():.3f})")


if __name__ == "__main__":
    main(*sys.argv[1:3])
