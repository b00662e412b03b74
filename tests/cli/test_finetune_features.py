"""``aqa finetune`` and ``aqa evaluate`` on features, by every method that takes them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stages.artifacts import store
from stages.engine.opening import open_clips
from stages.engine.options import RunOptions
from stages.finetune.methods.features import STATISTICS
from stages.finetune.model import Model
from tests.small import write_feature_set


@pytest.fixture
def features(workspace: Path) -> Path:
    """A set of features in the workspace."""
    folder = workspace / "features/arms/i3d"
    write_feature_set(folder)
    return folder


def _spearman(workspace: Path, name: str) -> float:
    overall = json.loads((workspace / f"evaluations/{name}/metrics.json").read_text())["overall"]
    return float(overall["spearman_pooled" if "spearman_pooled" in overall else "spearman"]["value"])


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("features-ridge", ()),
        ("features-svr", ()),
        ("features-svr", ("--set", "settings.kernel=linear")),
        ("features-mlp", ("--epochs", "40", "--select", "last", "--set", "training.lr=0.01")),
    ],
)
def test_finetune__features_predict_the_scores(aqa, features: Path, workspace: Path, method: str, settings: tuple[str, ...]) -> None:
    code, out, err = aqa("finetune", "--method", method, "--protocol", "3-fold", *settings)
    assert (code, out.split(";")[0]) == (0, "3 done, 0 skipped, 0 failed"), err
    assert aqa("evaluate")[0] == 0
    assert _spearman(workspace, f"arms-{method}") > 0.8
    said = store.read_document(workspace / f"models/arms-{method}/fold-1/0.h5", "config")
    assert said["settings"]["features"]["backbone"] == "i3d"


def test_statistics__by_hand() -> None:
    values = np.array([[0.0, 1.0], [2.0, 1.0], [1.0, 1.0]])
    found = {name: function(values).tolist() for name, function in STATISTICS.items()}
    assert found["mean"] == [1, 1]
    assert found["std"] == pytest.approx([np.sqrt(2 / 3), 0])
    assert found["change"] == [1.5, 0]
    assert all(np.isfinite(function(values[:1])).all() for function in STATISTICS.values())


def test_finetune__a_clip_s_score_does_not_depend_on_its_company(aqa, features: Path, workspace: Path) -> None:
    assert aqa("finetune", "--method", "features-mlp", "--protocol", "3-fold", "--epochs", "2")[0] == 0
    model = Model.read(workspace / "models/arms-features-mlp/fold-1/0.h5")
    records = open_clips("arms", {"features": "i3d"}, RunOptions()).load(["s0/clip-0", "s0/clip-2", "s1/clip-1"])
    together = model.predict(records)["predicted"]
    assert np.array_equal(together, np.concatenate([model.predict([record])["predicted"] for record in records]))


def test_finetune__actions_from_features(aqa, features: Path, workspace: Path) -> None:
    write_feature_set(features, dimensions=3)
    options = ("--protocol", "3-fold", "--task", "action", "--epochs", "60", "--select", "last", "--set", "settings.dropout=0")
    assert aqa("finetune", "--method", "features-mlp", *options)[0] == 0
    assert aqa("evaluate")[0] == 0
    assert json.loads((workspace / "evaluations/arms-features-mlp/metrics.json").read_text())["overall"]["accuracy"]["value"] > 0.7
    code, _, err = aqa("finetune", "--method", "features-ridge", "--protocol", "3-fold", "--task", "action", "--name", "no")
    assert (code, "The classical regressors predict scores only." in err) == (2, True)


def test_finetune__several_features_are_chosen_by_name(aqa, features: Path, workspace: Path) -> None:
    write_feature_set(workspace / "features/arms/c3d", dimensions=7)
    code, _, err = aqa("finetune", "--method", "features-ridge")
    assert (code, "Several feature sets are possible: arms/c3d, arms/i3d" in err, "--backbone" in err) == (2, True, True)
    assert aqa("finetune", "--method", "features-ridge", "--backbone", "c3d", "--protocol", "3-fold")[0] == 0
    assert aqa("evaluate")[0] == 0, "the model knows which features it was trained on"
    assert aqa("finetune", "--method", "features-ridge", "--features", features, "--protocol", "3-fold", "--name", "by-path")[0] == 0


def test_finetune__an_absent_view_and_a_method_without_features(aqa, features: Path) -> None:
    code, _, err = aqa("finetune", "--method", "features-mlp", "--set", 'settings.features.views=["original","still"]')
    assert (code, "has no view 'still'; it has original, flip" in err) == (3, True)
    code, _, err = aqa("finetune", "--method", "kinematics-ridge", "--backbone", "i3d")
    assert (code, "features" in err) == (2, True)


def test_finetune__unlabelled_clips_of_a_fraction_are_recorded(aqa, features: Path, workspace: Path) -> None:
    assert aqa("finetune", "--method", "features-ridge", "--protocol", "2-fold/50-percent-labels/seed-0")[0] == 0
    data = store.read_document(workspace / "models/arms-features-ridge/fold-1/0.h5", "data")
    assert data["unlabelled"]
    assert not {*data["unlabelled"]} & {*data["train"], *data["test"]}
    assert len(data["train"]) + len(data["unlabelled"]) + len(data["test"]) == 18


def test_finetune__unlv_dive_as_its_authors_publish_it(aqa, shared: Path, workspace: Path) -> None:
    assert aqa("import-features", shared / "data/unlv-dive/p3d_train.npz", "--set-name", "unlv-dive", "--name", "p3d")[0] == 0
    assert aqa("finetune", "--method", "features-ridge", "--protocol", "5-fold")[0] == 0
    assert aqa("evaluate")[0] == 0
    assert _spearman(workspace, "unlv-dive-features-ridge") > 0.5
