"""C3D-LSTM: its sizes and first weights, the running score, clips of different length, its preset."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from stages.engine import loop
from stages.engine.batch import Batch, Features
from stages.engine.method import Context, Phase
from stages.errors import UsageError
from stages.finetune.methods.c3d_lstm import C3DLSTM, Settings

SEGMENTS, SIZE = 4, 6


def build(size: int = SIZE, **changed: object) -> C3DLSTM:
    context = Context(features={"features": (SEGMENTS, size)})
    return loop.initialise(lambda: C3DLSTM(Settings(**changed), context), 0)  # type: ignore[arg-type, return-value]


def batch(lengths: tuple[int, ...] = (4, 4, 2)) -> Batch:
    count = len(lengths)
    mask = torch.arange(SEGMENTS)[None] < torch.tensor(lengths)[:, None]
    values = torch.randn(count, 1, SEGMENTS, SIZE, generator=torch.Generator().manual_seed(1))
    ids = tuple(f"c{number}" for number in range(count))
    features = {"features": Features(values * mask[:, None, :, None], mask)}
    return Batch(ids, torch.zeros(count, 0), torch.zeros(count, 0), torch.arange(float(count)), torch.zeros(count).long(), features)


def test_weights__are_the_paper_s_sizes_drawn_with_deviation_a_tenth() -> None:
    method = build(size=4096)
    sizes = {name: tuple(value.shape) for name, value in method.lstm.named_parameters()}
    assert sizes["weight_ih_l0"] == (4 * 256, 4096)
    assert method.lstm.num_layers == 1
    assert (method.score.in_features, method.score.out_features) == (256, 1)
    for name, value in method.lstm.named_parameters():
        expected = 0.1 if name.startswith("weight") else 0.0
        assert float(value.detach().std()) == pytest.approx(expected, rel=0.02)
        assert float(value.detach().mean()) == pytest.approx(0, abs=1e-3)


def test_predict__the_score_is_that_after_the_last_real_segment() -> None:
    method, data = build(), batch()
    said = method.predict(data)
    assert set(said) == {"value", *(f"value.after-{number}" for number in range(1, SEGMENTS + 1))}
    torch.testing.assert_close(said["value"][:2], said["value.after-4"][:2])
    assert said["value"][2] == pytest.approx(float(said["value.after-2"][2]))
    assert torch.isnan(said["value.after-3"]).tolist() == [False, False, True]


def test_predict__a_running_score_is_the_score_of_the_clip_until_there() -> None:
    method = build()
    whole, until = method.predict(batch((4, 4, 4))), method.predict(batch((2, 2, 2)))
    torch.testing.assert_close(whole["value.after-2"], until["value"])


def test_predict__what_lies_behind_a_clip_changes_nothing() -> None:
    method, data = build(), batch()
    features = data.features["features"]
    spoiled = features.values.clone()
    spoiled[2, :, 2:] = 100
    other = replace(data, features={"features": Features(spoiled, features.mask)})
    torch.testing.assert_close(method.predict(other)["value"], method.predict(data)["value"])


def test_step__is_the_squared_error() -> None:
    method, data = build(), batch()
    assert data.target is not None
    expected = (method.predict(data)["value"] - data.target).square().mean()
    torch.testing.assert_close(method.step({"train": data}, Phase()).losses["main"].detach(), expected)


def test_init__classes_are_refused() -> None:
    with pytest.raises(UsageError, match="C3D-LSTM predicts scores"):
        C3DLSTM(Settings(), Context(classes=3, features={"features": (SEGMENTS, SIZE)}))
