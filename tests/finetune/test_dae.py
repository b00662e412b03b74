"""DAE-MLP and DAE-CoRe: the Gaussian, both losses, the deviation that is kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stages.configuration import Layer
from stages.engine import loop
from stages.engine.batch import Clips
from stages.engine.method import Assessor, Context, Phase
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.evaluate.read import predictions
from stages.finetune.config import resolve_finetune
from stages.finetune.methods.dae import DAE, CoReSettings, DAECoRe, Settings, likelihood_loss
from stages.finetune.model import predict_clips
from tests.finetune.test_semi_supervised import SEGMENTS, SIZE, clips
from tests.small import write_feature_set

CONTEXT = Context(features={"features": (SEGMENTS, SIZE)})
SMALL: dict[str, Any] = {"hidden": (32, 16)}


def uneven(count: int, seed: int = 0) -> Clips:
    """Clips of two kinds that their features tell apart: the scores of the second are noisy."""
    data = clips(count, seed=seed)
    generator = torch.Generator().manual_seed(100 + seed)
    noisy = (torch.arange(count) % 2).float()
    data.features["features"].values[..., 3] = 2 * noisy[:, None, None] * data.features["features"].mask[:, None]
    noise = torch.randn(count, generator=generator) * torch.where(noisy > 0, 0.8, 0.1)
    return replace(data, target=data.target + noise)  # type: ignore[operator]


def build(method: type[Assessor] = DAE, **changed: Any) -> Any:
    settings: Any = CoReSettings if method is DAECoRe else Settings
    return loop.initialise(lambda: method(settings(**{**SMALL, **changed}), CONTEXT), 0)  # type: ignore[call-arg]


def trained(method: Any, data: Clips, epochs: int = 60) -> Any:
    method.measure(data)
    loop.train(method, {"train": data}, TrainingConfig(epochs=epochs, batch_size=20, lr=3e-3), loop.Setting())
    return method


@pytest.mark.parametrize("kind", [DAE, DAECoRe])
def test_train__learns_the_score_and_how_sure_it_is(kind: type[Assessor]) -> None:
    data, test = uneven(240), uneven(100, seed=1)
    method = trained(build(kind), data)
    exemplars = method.choose_exemplars(data, 0)
    reference = None if exemplars is None else data.take(exemplars)
    found = predict_clips(method, test, torch.device("cpu"), reference)
    assert test.target is not None
    assert np.corrcoef(found["value"], test.target)[0, 1] > 0.8
    deviation = (found["value.upper"] - found["value.lower"]) / 2
    np.testing.assert_allclose(found["value.upper"] - found["value"], deviation, rtol=1e-4, atol=1e-5)
    assert deviation[1::2].mean() > 1.5 * deviation[::2].mean(), "the noisy kind is the less certain one"
    np.testing.assert_array_equal(found["value"], predict_clips(method, test, torch.device("cpu"), reference)["value"])


def test_likelihood__by_hand_and_where_it_is_least() -> None:
    mean, log_variance, target = torch.tensor([1.0, 0.0]), torch.log(torch.tensor([4.0, 0.25])), torch.tensor([3.0, 1.0])
    by_hand = (0.6 * 4 / 4 + 0.4 * math.log(4) + 0.6 * 1 / 0.25 + 0.4 * math.log(0.25)) / 2
    assert float(likelihood_loss(mean, log_variance, target, 0.6, 0.4)) == pytest.approx(by_hand)
    variance = torch.linspace(0.5, 3, 251)
    losses = [float(likelihood_loss(torch.zeros(1), each.log()[None], torch.ones(1), 0.6, 0.4)) for each in variance]
    assert float(variance[int(np.argmin(losses))]) == pytest.approx(0.6 / 0.4)


def test_step__both_losses() -> None:
    batch = uneven(30).take(range(20))
    assert batch.target is not None
    method = build()
    told = method(batch)
    step = method.step({"train": batch}, Phase())
    torch.testing.assert_close(step.losses["main"], likelihood_loss(told[:, 0], told[:, 1], batch.target, 0.6, 0.4))
    torch.testing.assert_close(step.terms["deviation"], (told[:, 1] / 2).exp().mean())
    squares = build(loss="squares")
    torch.manual_seed(5)
    loss = squares.step({"train": batch}, Phase()).losses["main"]
    torch.manual_seed(5)
    drawn = told[:, 0] + (told[:, 1] / 2).exp() * torch.randn(20)
    expected = (drawn - batch.target).square().mean() + (told[:, 0] - batch.target).square().mean()
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert [name for name, value in squares.named_parameters() if value.grad is None] == []


def test_squares__leave_no_deviation() -> None:
    data = uneven(120)
    told = [trained(build(loss=loss), data, 25).predict(data.take(range(120))) for loss in ("likelihood", "squares")]
    spread = [float((each["value.upper"] - each["value.lower"]).mean()) for each in told]
    assert spread[1] < 0.5 * spread[0]


def test_step__of_pairs_counts_both_ways() -> None:
    data, method = uneven(30), build(DAECoRe)
    method.measure(data)
    batch = method.streams({"train": data}, Phase(), TrainingConfig(batch_size=10))["train"].batch(0, 0, 0)
    partner = batch.partner
    parts = []
    for one, other in ((batch, partner), (partner, batch)):
        told = method.layers(torch.cat([method.seen(other), method.seen(one), other.target[:, None]], dim=1))
        parts.append(likelihood_loss(told[:, 0], told[:, 1], one.target - other.target, 0.6, 0.4))
    torch.testing.assert_close(method.step({"train": batch}, Phase()).losses["main"], torch.stack(parts).mean())


def test_predict__is_the_mixture_of_the_votes() -> None:
    data, method = uneven(30), build(DAECoRe, voters=3)
    method.measure(data)
    reference, clip = data.take(method.choose_exemplars(data, 0)), data.take([7])
    assert reference.target is not None
    query = method.seen(clip).expand(3, -1)
    told = method.layers(torch.cat([method.seen(reference), query, reference.target[:, None]], dim=1))
    votes, variance = reference.target + told[:, 0], told[:, 1].exp()
    deviation = (variance.mean() + votes.var(unbiased=False)).sqrt()
    found = method.predict(clip, reference)
    torch.testing.assert_close(found["value"][0], votes.mean())
    torch.testing.assert_close(found["value.upper"][0], votes.mean() + deviation)


def test_presets__are_the_authors() -> None:
    for name in ("dae", "dae-core"):
        config = resolve_finetune([Layer("--set", {"method": name})]).config
        training, settings = config.training, config.settings
        assert (training.lr, training.weight_decay, training.batch_size, training.epochs) == (1e-4, 1e-5, 8, 100)
        assert (settings["hidden"], settings["error_weight"], settings["variance_weight"]) == ([256, 128], 0.6, 0.4)


def test_method__scores_only() -> None:
    with pytest.raises(UsageError, match=r"DAE predicts scores only\.\n  hint: --task score"):
        DAE(Settings(), replace(CONTEXT, classes=3))
    with pytest.raises(UsageError, match=r"DAE-CoRe predicts scores only\."):
        DAECoRe(CoReSettings(), replace(CONTEXT, classes=3))


@pytest.mark.parametrize("name", ["dae", "dae-core"])
def test_command__keeps_the_deviation_in_the_units_of_the_scores(
    name: str, aqa: Callable[..., tuple[int, str, str]], workspace: Path
) -> None:
    write_feature_set(workspace / "features/dives/net")
    code, _, err = aqa("finetune", "--method", name, "--protocol", "2-fold", "--epochs", "2", "--set", "settings.hidden=[8]")
    assert code == 0, err
    code, _, err = aqa("evaluate")
    assert code == 0, err
    table = predictions(workspace / f"evaluations/dives-{name}/predictions.h5").table
    low, high = table.extra["predicted.lower"], table.extra["predicted.upper"]
    assert (low < table.predicted).all()
    np.testing.assert_allclose(high - table.predicted, table.predicted - low, rtol=1e-3)
    assert (high - low).mean() > 1, "the scores lie between 0 and 50"
