"""MUSDL: every judge's distribution, the rule of the competition, what the manifest must hold."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stages.artifacts import store
from stages.configuration import Layer
from stages.engine import loop
from stages.engine.batch import Clips
from stages.engine.method import Context, Phase
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.evaluate.read import predictions
from stages.finetune.config import resolve_finetune
from stages.finetune.methods.musdl import MUSDL, Settings
from tests.finetune.test_semi_supervised import SEGMENTS, SIZE, clips
from tests.small import write_feature_set

JUDGES = tuple(f"score.judge_{number}" for number in range(1, 6))
SMALL: dict[str, Any] = {"judges": JUDGES, "drop": 1, "hidden": (32,), "sigma": 2.0}
CONTEXT = Context(features={"features": (SEGMENTS, SIZE)}, annotations=dict.fromkeys(JUDGES, ()))


def judged(count: int = 60, seed: int = 0) -> Clips:
    """Clips whose judges' marks, in half points, lie about what the features show; the score is the sum of the middle three."""
    data, generator = clips(count, seed=seed), torch.Generator().manual_seed(100 + seed)
    assert data.target is not None
    marks = (2 * (6 + 1.5 * data.target[:, None] + 0.5 * torch.randn(count, 5, generator=generator))).round().clamp(0, 20) / 2
    target = marks.sort(dim=1).values[:, 1:4].sum(dim=1)
    return replace(data, target=target, annotations={name: marks[:, place] for place, name in enumerate(JUDGES)})


def build(**changed: Any) -> MUSDL:
    return loop.initialise(lambda: MUSDL(Settings(**{**SMALL, **changed}), CONTEXT), 0)  # type: ignore[return-value]


@pytest.mark.parametrize("predict", ["argmax", "mean"])
def test_train__learns_the_marks_and_their_rule(predict: str) -> None:
    data, test = judged(160), judged(60, seed=1).take(range(60))
    method = build(predict=predict)
    method.measure(data)
    loop.train(method, {"train": data}, TrainingConfig(epochs=40, batch_size=16, lr=3e-3), loop.Setting())
    found = method.predict(test)
    assert test.target is not None
    assert float(torch.corrcoef(torch.stack([found["value"], test.target]))[0, 1]) > 0.85
    assert float((found["value"] - test.target).abs().mean()) < 3
    marks = torch.stack([found[f"mark.{name}"] for name in JUDGES], dim=1)
    torch.testing.assert_close(found["value"], marks.sort(dim=1).values[:, 1:4].sum(dim=1))
    assert bool(((2 * marks) == (2 * marks).round()).all()) == (predict == "argmax")
    torch.testing.assert_close(found["value"], method.predict(test)["value"], rtol=0, atol=0)


def test_rule__sorts_drops_and_sums() -> None:
    diving = loop.initialise(lambda: MUSDL(Settings(), CONTEXT), 0)
    assert isinstance(diving, MUSDL)
    marks = torch.tensor([[9.0, 8.5, 9.0, 8.0, 9.0, 8.5, 9.0]])
    assert float(diving.rule(marks)) == 26.5, "the paper's example: (9.0 + 9.0 + 8.5) × 3.8 = 100.70"
    assert float(build(drop=0).rule(torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]))) == 15


def test_step__is_the_sum_of_the_judges_divergences_without_missing_marks() -> None:
    method, batch = build(), judged().take(range(6))
    gone = {**batch.annotations, JUDGES[2]: batch.annotations[JUDGES[2]].clone()}
    gone[JUDGES[2]][:4] = torch.nan
    gone[JUDGES[4]] = torch.full((6,), torch.nan)
    logits, wanted = method(batch), torch.zeros(())
    for judge, name in enumerate(JUDGES):
        apart = []
        for clip, mark in enumerate(gone[name].tolist()):
            if mark == mark:
                density = torch.exp(-((torch.arange(21) - 2 * mark) ** 2) / (2 * 2.0**2))
                density = density / density.sum()
                given = logits[clip, judge].log_softmax(dim=0)
                apart.append((density * (density.log() - given)).sum())
        wanted = wanted + (torch.stack(apart).mean() if apart else 0)
    loss = method.step({"train": replace(batch, annotations=gone)}, Phase()).losses["main"]
    torch.testing.assert_close(loss, wanted, rtol=1e-4, atol=1e-5)
    nothing = {name: torch.full((6,), torch.nan) for name in JUDGES}
    assert float(method.step({"train": replace(batch, annotations=nothing)}, Phase()).losses["main"].detach()) == 0


def test_measure__scores_that_do_not_follow_from_the_marks() -> None:
    data = judged()
    assert data.target is not None
    with pytest.raises(
        UsageError, match=r"not what the sum of the middle 3 of 5 makes of the marks: \S+ of 0, whose score is \S+\.\n  hint: --set t"
    ):
        build().measure(replace(data, target=data.target * 3.2))
    with pytest.raises(UsageError, match=r"not what the sum of all 5 makes of the marks"):
        build(drop=0).measure(data)
    with pytest.raises(UsageError, match=r"MUSDL's marks lie from 1 to 5; those of training from \S+ to \S+\.\n  hint: --set settings.low"):
        build(low=1, high=5, bins=5).measure(data)
    build().measure(data)


def test_method__settings_that_cannot_be() -> None:
    for changed, message in (
        ({"judges": ("a", "b", "a", "c", "d")}, r"MUSDL is to learn a twice\.\n  hint: name each column once in settings\.judges"),
        ({"drop": 3}, r"Nothing is left of 5 marks without the 3 highest and the 3 lowest\."),
        ({"high": 0.0}, r"The highest mark must lie above the lowest, found 0 and 0\."),
    ):
        with pytest.raises(UsageError, match=message):
            build(**changed)
    with pytest.raises(UsageError, match=r"MUSDL predicts scores only\.\n  hint: --task score"):
        MUSDL(Settings(), replace(CONTEXT, classes=3))


def test_presets__are_the_authors() -> None:
    config = resolve_finetune([Layer("--set", {"method": "musdl"})]).config
    assert (config.training.lr, config.training.weight_decay, config.training.batch_size, config.training.epochs) == (1e-4, 1e-5, 4, 100)
    assert (config.settings["bins"], config.settings["sigma"], config.settings["drop"], len(config.settings["judges"])) == (21, 5, 2, 7)
    assert (config.target.column, config.target.scaling) == ("score.execution", "none")


@pytest.fixture
def dives(workspace: Path) -> Path:
    """A feature set with the marks of three judges, one of them missing, and their sum as the execution."""
    folder = workspace / "features/dives/net"
    write_feature_set(folder)
    rows = list(csv.DictReader((folder / "manifest.csv").open(encoding="utf-8")))
    for number, row in enumerate(rows):
        marks = [round(float(row["score"]) / 5 * 2) / 2 + offset for offset in (-0.5, 0.0, 0.5)]
        row |= {f"score.mark_{place}": f"{min(max(mark, 0), 10)}" for place, mark in enumerate(marks)}
        row["score.execution"] = row["score.mark_1"]
        row["difficulty"] = "2.5"
        row["remark"] = "good"
        if number == 3:
            row["score.mark_2"] = ""
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


Aqa = Callable[..., tuple[int, str, str]]
COMMAND = ("finetune", "--method", "musdl", "--protocol", "2-fold", "--epochs", "3", "--select", "last", "--set", "settings.drop=1")


def test_command__marks_and_score_are_kept(aqa: Aqa, dives: Path, workspace: Path) -> None:
    judges = '["score.mark_0","score.mark_1","score.mark_2"]'
    code, _, err = aqa(*COMMAND, "--set", f"settings.judges={judges}", "--set", "settings.hidden=[8]")
    assert code == 0, err
    model = store.read(workspace / "models/dives-musdl/fold-1/0.h5", "model")
    assert model.documents["method"]["context"]["annotations"] == {f"score.mark_{place}": [] for place in range(3)}
    code, _, err = aqa("evaluate")
    assert code == 0, err
    table = predictions(workspace / "evaluations/dives-musdl/predictions.h5").table
    marks = np.stack([table.extra[f"mark.score.mark_{place}"] for place in range(3)])
    np.testing.assert_allclose(np.median(marks, axis=0), table.predicted, rtol=1e-6)


def test_command__columns_that_are_missing_or_no_numbers(aqa: Aqa, dives: Path) -> None:
    code, _, err = aqa(*COMMAND)
    assert code == 2, err
    assert "musdl learns from columns that the manifest of dives lacks: score.judge_1, score.judge_2, score.judge_3, " in err
    assert "aqa config show finetune --set method=musdl" in err
    code, _, err = aqa(*COMMAND, "--set", 'settings.judges=["score.mark_0","score.mark_1","remark"]')
    assert code == 2, err
    assert "'remark' must be a number, found 'good' of s" in err
