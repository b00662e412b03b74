"""GDLT: responses of the grades, the triplet loss, what padding does, and the command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from stages.configuration import Layer
from stages.engine import loop
from stages.engine.batch import Clips, Features
from stages.engine.method import Context, Phase
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.evaluate.read import predictions
from stages.finetune.config import resolve_finetune
from stages.finetune.methods.gdlt import GDLT, Settings, grade_triplets
from tests.finetune.test_semi_supervised import SEGMENTS, SIZE, clips
from tests.small import write_feature_set

SMALL: dict[str, Any] = {"embedding": 16, "heads": 2, "dropout": 0.0}
CONTEXT = Context(features={"features": (SEGMENTS, SIZE)})


def routines(count: int = 60, seed: int = 0) -> Clips:
    data = clips(count, seed=seed)
    return replace(data, target=(12 + 4 * data.target).clamp(0, 25))  # type: ignore[operator]


def build(**changed: Any) -> GDLT:
    return loop.initialise(lambda: GDLT(Settings(**{**SMALL, **changed}), CONTEXT), 0)  # type: ignore[return-value]


def test_train__learns() -> None:
    data, test = routines(161), routines(60, seed=1).take(range(60))  # five batches of 32 and one clip that is left out
    method = build(top=25, embedding=64)
    method.measure(data)
    history = loop.train(method, {"train": data}, TrainingConfig(epochs=30, batch_size=32, lr=3e-3), loop.Setting())
    found = method.predict(test)
    assert test.target is not None
    assert float(torch.corrcoef(torch.stack([found["value"], test.target]))[0, 1]) > 0.8
    assert float((found["value"] - test.target).abs().mean()) < 2.5
    assert {"score", "triplet"} < set(history.rows[0])
    assert history.rows[-1]["triplet"] < history.rows[0]["triplet"]
    torch.testing.assert_close(found["value"], method.predict(test)["value"], rtol=0, atol=0)


def test_predict__is_the_mean_place_of_the_grades_by_their_responses() -> None:
    method, batch = build(top=20, grades=3).eval(), routines().take(range(5))
    gathered = method.gathered(batch)
    responses = torch.stack(
        [torch.sigmoid(gathered[:, grade] @ method.response.weight[grade] + method.response.bias[grade]) for grade in range(3)], dim=1
    )
    expected = 25 * (0.5 * responses[:, 1] + responses[:, 2]) / responses.sum(dim=1)
    method.top.fill_(25.0)
    found = method.predict(batch)
    torch.testing.assert_close(found["value"], expected)
    torch.testing.assert_close(found["grade.1"] + found["grade.2"] + found["grade.3"], torch.ones(5))
    assert method.represent(batch).shape == (5, 48)


def test_triplets__by_hand() -> None:
    # two clips, two grades, in the plane: angles 0 and 90 degrees of the first grade, 180 and 90 of the second
    gathered = torch.tensor([[[1.0, 0.0], [-2.0, 0.0]], [[0.0, 3.0], [0.0, 1.0]]])
    # farthest of the same grade: 1, 1, 1, 1; nearest of the other: (2, 1) → 1, (1, 2) → 1, (1, 0) → 0, (0, 1) → 0
    assert float(grade_triplets(gathered, 0.5)) == pytest.approx((0.5 + 0.5 + 1.5 + 1.5) / 4)
    assert float(grade_triplets(torch.tensor([[[1.0, 0.0], [-1.0, 0.0]]]), 1.0)) == 0, "of one clip there is nothing to bring together"


def test_step__is_the_authors_loss() -> None:
    method, data = build(triplet_weight=0.5), routines()
    method.measure(data)
    assert data.target is not None
    assert float(method.top) == float(data.target.max())
    batch = data.take(range(8))
    gathered = method.gathered(batch)
    share = method.responses(gathered) @ torch.linspace(0, 1, 4)
    wanted = F.mse_loss(share, batch.target / data.target.max()) + 0.5 * grade_triplets(gathered, 1.0)  # type: ignore[operator]
    loss = method.step({"train": batch}, Phase()).losses["main"]
    torch.testing.assert_close(loss, wanted)
    loss.backward()
    assert [name for name, value in method.named_parameters() if value.grad is None] == []


@pytest.mark.parametrize("training", [False, True])
def test_gathered__padding_changes_nothing(training: bool) -> None:
    method, batch = build().train(training), routines().take(range(9))
    old = batch.features["features"]
    padded = Features(F.pad(old.values + 7 * ~old.mask[:, None, :, None], (0, 0, 0, 3), value=-3.0), F.pad(old.mask, (0, 3)))
    other = method.gathered(replace(batch, features={"features": padded}))
    torch.testing.assert_close(method.gathered(batch), other, rtol=1e-4, atol=1e-5)


def test_gathered__training_sees_a_window_and_the_test_everything() -> None:
    method, batch = build(window=2), routines().take(range(9))
    seen: list[int] = []
    method.encoder.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[1]))
    method.train().gathered(batch)
    method.eval().gathered(batch)
    assert seen == [2, SEGMENTS]


def test_standardise__only_where_it_is_asked_for() -> None:
    data = routines()
    own = data.features["features"].values[:, 0][data.features["features"].mask]
    plain, standardised = build(), build(standardise=True)
    for method in (plain, standardised):
        method.measure(data)
    torch.testing.assert_close(plain.standardise(own), own)
    torch.testing.assert_close(standardised.standardise(own).mean(dim=0), torch.zeros(SIZE), atol=1e-5, rtol=0)


def test_presets__are_the_authors() -> None:
    config = resolve_finetune([Layer("--set", {"method": "gdlt"})]).config
    training, settings = config.training, config.settings
    assert (training.optimiser, training.lr, training.momentum, training.weight_decay) == ("sgd", 0.01, 0.9, 1e-4)
    assert (training.schedule, training.batch_size, training.epochs) == ("cosine", 32, 250)
    assert (settings["embedding"], settings["grades"], settings["encoder_layers"], settings["decoder_layers"]) == (256, 4, 1, 2)
    assert (settings["window"], settings["dropout"], settings["margin"], settings["triplet_weight"]) == (68, 0.3, 1, 1)


def test_method__what_cannot_be() -> None:
    with pytest.raises(UsageError, match=r"GDLT predicts scores only\.\n  hint: --task score"):
        GDLT(Settings(), replace(CONTEXT, classes=3))
    with pytest.raises(UsageError, match=r"16 numbers cannot be shared by 3 heads alike\."):
        build(heads=3)
    data = routines()
    with pytest.raises(
        UsageError, match=r"GDLT predicts scores from 0 to 5; those of training lie from \S+ to \S+\.\n  hint: --set settings\.top"
    ):
        build(top=5).measure(data)


def test_command__trains_and_keeps_the_grades(aqa: Callable[..., tuple[int, str, str]], workspace: Path) -> None:
    write_feature_set(workspace / "features/dives/net")
    sizes = ("--set", "settings.embedding=8", "--set", "settings.grades=3")
    code, _, err = aqa("finetune", "--method", "gdlt", "--protocol", "2-fold", "--epochs", "3", *sizes)
    assert code == 0, err
    code, _, err = aqa("evaluate")
    assert code == 0, err
    table = predictions(workspace / "evaluations/dives-gdlt/predictions.h5").table
    second, third = table.extra["grade.2"], table.extra["grade.3"]
    share = (0.5 * second + third) / (table.extra["grade.1"] + second + third)
    assert np.ptp(table.predicted / share) < 20, "the score is this share of either fold's highest"
    assert len(np.unique((table.predicted / share).round(3))) == 2
    code, _, err = aqa("finetune", "--method", "gdlt", "--protocol", "2-fold", "--name", "low", "--set", "settings.top=5", *sizes)
    assert (code, "GDLT predicts scores from 0 to 5" in err) == (2, True), err
    code, out, err = aqa("profile", "--method", "gdlt", *sizes)
    assert (code, "gdlt" in out) == (0, True), err
