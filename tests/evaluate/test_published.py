"""Published figures: their names are ours, they are found by data set and method, and differences are said in words."""

from __future__ import annotations

import pytest

from stages.datasets.registry import DATASETS
from stages.evaluate.names import TITLES
from stages.evaluate.published import PUBLISHED, published, same_split
from stages.evaluate.report import beside
from stages.finetune.methods.registry import METHODS
from tests.evaluate.reports import evaluation, full
from tests.evaluate.tables import labels, scores

FACTS = {"dataset": "mtl-aqa", "method": "c3d-avg", "target": "score", "select": "val", "seeds": ["0"]}


@pytest.mark.parametrize("each", PUBLISHED, ids=lambda each: f"{each.dataset}, {each.label}, {each.source}")
def test_published__is_of_methods_data_sets_and_figures_that_are_here(each) -> None:
    assert each.dataset in DATASETS
    assert each.method in METHODS
    assert each.source
    for name, value in each.figures.items():
        assert name.rpartition("/")[2] in TITLES
        assert name.count("/") in (0, 2)
        assert -1 <= value <= 1


def test_published__names_no_row_twice() -> None:
    rows = [(each.dataset, each.method, each.label) for each in PUBLISHED]
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize(
    ("protocol", "labels"),
    [
        ("mtl-aqa/official", ["C3D-AVG-MTL"]),
        ("mtl-aqa/official/10-percent-labels/seed-3", ["C3D-AVG-STL, 10 % of the labels", "C3D-AVG-MTL, 10 % of the labels"]),
        ("70-30", ["C3D-AVG-MTL", *(f"C3D-AVG-{kind}, {share} % of the labels" for kind in ("STL", "MTL") for share in (10, 40))]),
    ],
)
def test_published__of_the_same_split_or_else_all(protocol: str, labels: list[str]) -> None:
    assert [each.label for each in published({**FACTS, "protocol": protocol})] == labels


def test_published__nothing_of_unknown_pairs() -> None:
    assert published({**FACTS, "method": "gdlt"}) == []
    assert published({"source": "p.csv"}) == []


def test_differences__everything_that_differs_is_said() -> None:
    facts = {**FACTS, "dataset": "unlv-dive", "method": "core", "protocol": "5-fold", "seeds": ["0", "1"], "features by": "i3d, weights 01"}
    (each,) = published(facts)
    assert beside.differences(each, facts, 370) == [
        "split: here 5-fold, there the official one (300 to train, 70 to test)",
        "epoch: here best epoch on validation clips carved from training; there not stated",
        "tested here on 370 clips, there on 70",
        "predicted here: score, there: score.execution",
        "features here: i3d, weights 01",
        "here the mean over 2 seeds",
        "there: its network learns along with the rest",
    ]
    same = {**facts, "protocol": "unlv-dive/official", "target": "score.execution", "seeds": ["0"], "select": "test"}
    assert beside.differences(each, same, 70)[0] == "epoch: here best epoch on the test clips; there not stated"
    assert same_split(each, same)


def test_obtained__a_class_the_only_class_and_what_is_not_there() -> None:
    several, single = evaluation(full()), evaluation(scores({"W-P": 30}))
    assert beside.obtained(several, "per_class/diving/spearman") is several.figures.per_class["diving"]["spearman"]
    assert beside.obtained(several, "per_class/sync_diving_3m/spearman") is None
    assert beside.obtained(several, "spearman") is several.figures.overall["spearman_pooled"]
    assert beside.obtained(single, "per_class/W-P/spearman") is single.figures.overall["spearman"]
    assert beside.obtained(single, "spearman_mean") is None
    severity = evaluation(labels(("0", "1", "2"), task="level"), where=["action=SS-P"])
    assert beside.obtained(severity, "per_class/SS-P/spearman") is severity.figures.overall["spearman"]
    assert beside.obtained(severity, "per_class/W-P/spearman") is None
    both = evaluation(labels(("0", "1", "2"), task="level"), where=["action=W-P,SS-P"])
    assert beside.obtained(both, "per_class/SS-P/spearman") is None


def test_section__figures_as_they_are_printed() -> None:
    found = beside.section(
        evaluation(scores({"Es1": 20, "Es2": 20}), dataset="kimore", method="vi-net", target="score", protocol="kimore/70-30")
    )
    rows = {row["title"]: row for row in found[0]["rows"]}
    assert rows["Spearman ρ, Es1"]["published"] == "0.790"
    assert rows["Spearman ρ, arithmetic mean of classes"]["published"] == "0.668"
    assert rows["Spearman ρ, Es5"]["obtained"] == "–"
    assert float(rows["Spearman ρ, Es2"]["obtained"]) <= 1
