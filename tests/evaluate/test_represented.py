"""Which clips' representations are drawn: those that were tested, and those whose labels a protocol withheld, with their true scores."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from stages.artifacts import store
from stages.datasets import manifest as manifests
from stages.datasets.manifest import Value
from tests import small

QUICK = ("--set", "resamples=100")
WITHHELD = "Representations of the training clips whose labels it did not see"


@pytest.fixture
def trained(aqa, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a model of sixty clips, of which two thirds train, a fifth of those with a label, and the others test."""
    monkeypatch.setattr(small, "SUBJECTS", 20)
    small.write_feature_set(workspace / "features/arms/i3d")
    protocol = ("--protocol", "3-fold/20-percent-labels/seed-0")
    code, _, err = aqa("finetune", "--method", "c3d-avg", *protocol, "--epochs", "1", "--select", "last", "--set", "settings.hidden=8")
    assert code == 0, err
    index = workspace / "models/arms-c3d-avg/index.json"
    document = json.loads(index.read_text())  # one of three folds: in the others, these clips are tested
    index.write_text(json.dumps({**document, "models": document["models"][:1]}))
    return workspace


def _withheld(workspace: Path) -> list[str]:
    data = store.read_document(workspace / "models/arms-c3d-avg/fold-0/0.h5", "data")
    assert 30 < len(data["unlabelled"]) < 36
    return list(data["unlabelled"])


def _points(workspace: Path, title: str) -> dict[str, float]:
    """Return clip → score of the points of a picture; none where the report does not have it."""
    page = (workspace / "evaluations/arms-c3d-avg/report.html").read_text()
    drawn = page.partition(f"<h2>{title}</h2>")[2].partition("</section>")[0]
    return {clip: float(score) for clip, score in re.findall(r"<title>([^:<]+): ([\d.]+)</title>", drawn)}


def test_evaluate__withheld_clips_are_drawn_with_their_truth_which_enters_no_figure(aqa, trained: Path) -> None:
    folder = trained / "evaluations/arms-c3d-avg"
    rows = manifests.parse((trained / "features/arms/i3d/manifest.csv").read_text(), "arms")
    withheld = _withheld(trained)
    assert aqa("evaluate", *QUICK)[0] == 0
    drawn = _points(trained, WITHHELD)
    assert set(drawn) == set(withheld)
    assert drawn == pytest.approx({clip: rows.by_clip()[clip].number("score") for clip in withheld}, rel=1e-3)
    assert set(_points(trained, "Representations of its test clips")) == set(
        store.read_document(trained / "models/arms-c3d-avg/fold-0/0.h5", "data")["test"]
    )
    before = (folder / "metrics.json").read_text()
    changed: list[tuple[str, dict[str, Value]]] = [
        (row.clip, {**row.values, **({"score": 7.0 + number} if row.clip in withheld else {})}) for number, row in enumerate(rows.rows)
    ]
    (trained / "other.csv").write_text(manifests.from_rows(changed, "arms").to_csv())
    assert aqa("evaluate", *QUICK, "--manifest", trained / "other.csv")[0] == 0
    assert _points(trained, WITHHELD) != drawn
    assert (folder / "metrics.json").read_text() == before


def test_evaluate__withheld_clips_without_a_score_or_features_are_not_drawn_and_not_missed(aqa, trained: Path) -> None:
    place = trained / "features/arms/i3d"
    gone, unscored, *rest = _withheld(trained)
    (place / f"{gone}.h5").unlink()
    rows = manifests.parse((place / "manifest.csv").read_text(), "arms")
    without: list[tuple[str, dict[str, Value]]] = [
        (row.clip, {**row.values, **({"score": None} if row.clip == unscored else {})}) for row in rows.rows
    ]
    (place / "manifest.csv").write_text(manifests.from_rows(without, "arms").to_csv())
    code, _, err = aqa("evaluate", *QUICK)
    assert code == 0, err
    assert set(_points(trained, WITHHELD)) == set(rest)


def test_evaluate__of_many_clips_some_are_drawn_which_the_report_says(aqa, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.evaluate.collect.PICTURED", 11)
    count = len(_withheld(trained))
    assert aqa("evaluate", *QUICK)[0] == 0
    assert len(_points(trained, WITHHELD)) == 11
    assert f"(11 of {count} of them)" in (trained / "evaluations/arms-c3d-avg/report.html").read_text()


def test_evaluate__with_all_labels_there_is_no_such_picture(aqa, trained: Path) -> None:
    protocol = ("--protocol", "3-fold", "--name", "all")
    assert aqa("finetune", "--method", "c3d-avg", *protocol, "--epochs", "1", "--select", "last", "--set", "settings.hidden=8")[0] == 0
    assert aqa("evaluate", *QUICK, "--model", "all")[0] == 0
    page = (trained / "evaluations/all/report.html").read_text()
    assert "<h2>Representations of its test clips</h2>" in page
    assert WITHHELD not in page
