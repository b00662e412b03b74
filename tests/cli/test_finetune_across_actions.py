"""``aqa finetune`` from one action to another: zero-shot, from one action, from another experiment's models, untrained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples import six_actions as example
from stages.artifacts import store
from stages.evaluate.followed import TERM
from stages.finetune.model import Model

LSTM = ("--method", "c3d-lstm", "--select", "last", "--set", "settings.units=4", "--set", "training.round_iterations=2")
SHORT = ("--set", "training.iterations=4")
NEW = ("--protocol", "new-action-4:test=6", "--where", "action=dive,ski")


@pytest.fixture
def six(workspace: Path) -> Path:
    """The generated set of six actions, with few clips."""
    example.write(workspace, train=8, test=4)
    return workspace


@pytest.fixture
def zero_shot(aqa: Any, six: Path) -> Path:
    """Zero-shot models of two of its actions and a third."""
    code, _, err = aqa("finetune", *LSTM, *SHORT, "--protocol", "zero-shot", "--name", "zero", "--where", "action=dive,ski,board")
    assert code == 0, err
    return six


def document(workspace: Path, model: str, name: str) -> Any:
    return store.read_document(workspace / f"models/{model}.h5", name)


def weights(workspace: Path, model: str) -> dict[str, np.ndarray]:
    arrays = store.read(workspace / f"models/{model}.h5").arrays
    return {name: values for name, values in arrays.items() if name.startswith("weights/")}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_zero_shot__orders_clips_of_an_action_that_it_never_saw_and_says_so(aqa, zero_shot: Path) -> None:
    code, out, err = aqa("evaluate", "--model", "zero")
    assert (code, err) == (0, "")
    assert "NOTE: training saw no clip of the class(es) on which it was tested: board, dive, ski;" in out
    metrics = json.loads((zero_shot / "evaluations/zero/metrics.json").read_text())
    assert sorted(metrics["per_class"]) == ["board", "dive", "ski"]
    assert "spearman_pooled_normalised" not in metrics["overall"], "there is no deviation to normalise by"
    data = document(zero_shot, "zero/action-dive/0", "data")
    assert {clip.partition("/")[0] for clip in data["train"]} == {"board", "ski"}
    assert {clip.partition("/")[0] for clip in data["test"]} == {"dive"}
    arrays = store.read(zero_shot / "evaluations/zero/predictions.h5").arrays
    np.testing.assert_allclose(arrays["extra/predicted.after-6"], arrays["predicted"], rtol=1e-5)


def test_from_action__tests_on_every_action(aqa, six: Path) -> None:
    assert aqa("finetune", *LSTM, *SHORT, "--protocol", "from-dive", "--name", "one")[0] == 0
    code, out, _ = aqa("evaluate", "--model", "one")
    assert (code, "NOTE: training saw no clip of the class(es) on which it was tested: board, pair-high" in out) == (0, True)
    assert sorted(json.loads((six / "evaluations/one/metrics.json").read_text())["per_class"]) == sorted(example.ACTIONS)
    code, _, err = aqa("finetune", *LSTM, *SHORT, "--protocol", "from-diving")
    assert (code, "Unknown action of the manifest of six 'diving'. Did you mean 'dive'?" in err) == (2, True)


def test_untrained__no_iterations_leave_random_weights(aqa, six: Path) -> None:
    untrained = ("--protocol", "zero-shot", "--set", "training.iterations=0", "--where", "action=dive,ski")
    for name, seeds in (("a", "0"), ("b", "0-1")):
        assert aqa("finetune", *LSTM, *untrained, "--name", name, "--seeds", seeds)[0] == 0
    first, again, other = (weights(six, model) for model in ("a/action-dive/0", "b/action-dive/0", "b/action-dive/1"))
    assert same(first, again)
    assert not same(first, other)
    assert document(six, "a/action-dive/0", "training")["history"] == []
    assert aqa("evaluate", "--model", "a")[0] == 0


def test_from__each_fold_starts_from_the_model_that_did_not_see_its_action(aqa, zero_shot: Path) -> None:
    code, _, err = aqa("finetune", *LSTM, "--set", "training.iterations=0", *NEW, "--from", "zero", "--name", "new")
    assert code == 0, err
    for action in ("dive", "ski"):
        assert same(weights(zero_shot, f"new/action-{action}/0"), weights(zero_shot, f"zero/action-{action}/0"))
    training, data = (document(zero_shot, "new/action-dive/0", name) for name in ("training", "data"))
    assert training["started_from"] == {"model": "zero/action-dive/0", "select": "last"}
    assert set(document(zero_shot, "zero/action-dive/0", "data")["train"]) < set(training["clips"])
    assert not set(training["clips"]) & set(data["test"])
    roles = {entry["role"]: entry["fingerprint"] for entry in document(zero_shot, "new/action-dive/0", "provenance")["inputs"]}
    assert roles["model"] == store.read_header(zero_shot / "models/zero/action-dive/0.h5").fingerprint
    assert aqa("evaluate", "--model", "new")[0] == 0
    assert json.loads((zero_shot / "evaluations/new/metrics.json").read_text())["started from"] == "zero"


def test_from__another_start_is_another_model(aqa, zero_shot: Path) -> None:
    assert aqa("finetune", *LSTM, *SHORT, *NEW, "--from", "zero", "--name", "new")[0] == 0
    code, out, _ = aqa("finetune", *LSTM, *SHORT, *NEW, "--from", "zero", "--name", "new")
    assert (code, "0 done, 2 skipped" in out) == (0, True)
    code, _, err = aqa("finetune", *LSTM, *SHORT, *NEW, "--name", "new")
    assert (code, "were made differently" in err or "differ" in err) == (3, True)


def test_from__a_model_that_knows_test_clips_is_refused(aqa, zero_shot: Path) -> None:
    assert aqa("finetune", *LSTM, *SHORT, "--protocol", "official", "--name", "all")[0] == 0
    code, _, err = aqa("finetune", *LSTM, *SHORT, *NEW, "--from", "all")
    assert (code, "all/official/0 knows" in err, "clips on which action-dive would test" in err) == (2, True, True)
    assert "aqa finetune --protocol zero-shot" in err


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ((*LSTM, *NEW, "--from", "zeroo"), 2, "Unknown experiment 'zeroo'. Did you mean 'zero'?"),
        (
            (*LSTM, "--from", "zero", "--protocol", "new-action-4:test=6", "--where", "action=vault"),
            2,
            "'zero' has no model of the fold action-vault to start from. hint: its folds: action-board, action-dive, action-ski",
        ),
        ((*NEW, "--from", "zero", "--method", "features-mlp"), 2, "'zero' is of the method c3d-lstm; features-mlp cannot start from it"),
        ((*NEW, "--from", "zero", "--method", "features-ridge"), 2, "features-ridge is fitted in one call"),
        ((*LSTM, *NEW, "--from", "zero", "--init", "mine"), 2, "--from brings a whole model, --init an encoder"),
        (
            (*LSTM, *SHORT, *NEW, "--from", "zero", "--set", "settings.units=5"),
            3,
            "The weights of zero/action-dive/0, to start from, do not fit the network",
        ),
        (
            (*LSTM, "--protocol", "new-action-9:test=6"),
            2,
            "board of the manifest of six has 12 with a score, which leaves 6 to train. hint: a smaller N, new-action-N:test=M, or --where",
        ),
    ],
    ids=["experiment", "fold", "method", "estimator", "init", "shape", "too-few-clips"],
)
def test_from__what_cannot_be_started_from(aqa, zero_shot: Path, options: tuple[str, ...], code: int, said: str) -> None:
    found, _, err = aqa("finetune", "--name", "new", *options)
    assert (found, said in " ".join(err.split())) == (code, True), err


def test_from__a_damaged_index_and_a_missing_model(aqa, zero_shot: Path) -> None:
    (zero_shot / "models/zero/action-dive/0.h5").unlink()
    code, _, err = aqa("finetune", *LSTM, *SHORT, *NEW, "--from", "zero", "--name", "new")
    assert (code, "The model zero/action-dive/0 to start from is not there" in err) == (3, True)
    (zero_shot / "models/zero/index.json").write_text("{}")
    code, _, err = aqa("finetune", *LSTM, *SHORT, *NEW, "--from", "zero", "--name", "new")
    assert (code, "index.json, the list of an experiment's models, is damaged" in err) == (3, True)


def test_select_test__follows_the_test_clips_and_the_comparison_draws_it(aqa, zero_shot: Path) -> None:
    for name, further in (("scratch", ()), ("pretrained", ("--from", "zero"))):
        assert aqa("finetune", *LSTM, *SHORT, *NEW, "--name", name, "--select", "test", *further)[0] == 0
        code, out, _ = aqa("evaluate", "--model", name)
        assert (code, "NOTE: epoch selected on the test clips" in out) == (0, True)
    followed = json.loads((zero_shot / "evaluations/pretrained/metrics.json").read_text())["followed"]
    assert [point[0] for point in followed["action-ski"]["0"]] == [2, 4]
    history = document(zero_shot, "pretrained/action-ski/0", "training")["history"]
    assert [row[TERM] for row in history] == [point[1] for point in followed["action-ski"]["0"]]
    kept = Model.read(zero_shot / "models/pretrained/action-ski/0.h5").documents["training"]["best_epoch"]
    said = json.loads((zero_shot / "evaluations/pretrained/metrics.json").read_text())["per_class"]["ski"]["spearman"]["value"]
    assert said == pytest.approx(history[kept][TERM], abs=1e-6), "what is followed is what is evaluated"
    code, _, err = aqa("compare", "scratch", "pretrained", "--set", "resamples=100")
    assert code == 0, err
    page = (zero_shot / "comparisons/scratch-vs-pretrained/compare.html").read_text()
    part = page.partition("while they trained</h2>")[2].partition("</section>")[0]
    assert (part.count("<figure>"), part.count("<polyline")) == (2, 4)
