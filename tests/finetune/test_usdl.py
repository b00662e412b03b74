"""USDL: the distribution of a score, its loss, and both ways to predict."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from stages.engine import loop
from stages.engine.method import Context, Phase
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.methods.usdl import USDL, Settings
from tests.finetune.test_semi_supervised import SEGMENTS, SIZE, clips

CONTEXT = Context(features={"features": (SEGMENTS, SIZE)})


def build(**changed: object) -> USDL:
    return loop.initialise(lambda: USDL(Settings(**changed), CONTEXT), 0)  # type: ignore[arg-type, return-value]


def test_distribution__is_a_gaussian_over_the_bins() -> None:
    found = build().distribution(torch.tensor([50.0, 0.0]))
    assert found.sum(dim=1).tolist() == pytest.approx([1, 1])
    assert int(found[0].argmax()) == 50
    assert float(found[0, 55] / found[0, 50]) == pytest.approx(torch.exp(torch.tensor(-0.5)).item())
    assert float((found[0] * build().places).sum()) == pytest.approx(50)


def test_step__is_the_divergence_from_that_distribution() -> None:
    method, data = build(), clips().take(range(6))
    batch = replace(data, target=50 + 10 * data.target)  # type: ignore[operator]
    wanted, given = method.distribution(batch.target), method(batch).softmax(dim=1)  # type: ignore[arg-type]
    expected = (wanted * (wanted.clamp(min=1e-30).log() - given.log())).sum(dim=1).mean()
    torch.testing.assert_close(method.step({"train": batch}, Phase()).losses["main"], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("predict", ["argmax", "mean"])
def test_train__learns(predict: str) -> None:
    method, data = build(predict=predict), clips(160)
    data = replace(data, target=(50 + 15 * data.target).clamp(0, 100))  # type: ignore[operator]
    train, test = data.chosen(range(120)), data.take(range(120, 160))
    method.measure(train)
    loop.train(method, {"train": train}, TrainingConfig(epochs=60, batch_size=20, lr=3e-3), loop.Setting())
    assert test.target is not None
    value = method.predict(test)["value"]
    assert float(torch.corrcoef(torch.stack([value, test.target]))[0, 1]) > 0.9
    assert (value == value.round()).all() == (predict == "argmax")


def test_method__scores_only() -> None:
    with pytest.raises(UsageError, match=r"USDL predicts scores only\.\n  hint: --task score"):
        USDL(Settings(), replace(CONTEXT, classes=3))
