"""The method contract carries every pattern that the five papers need."""

from __future__ import annotations

import numpy as np
import torch

from stages.engine import loop
from stages.engine.method import as_numpy
from stages.engine.training import TrainingConfig
from stages.finetune.model import choose_reference, predict_clips
from tests.engine import toys

TRAINING = TrainingConfig(epochs=30, batch_size=8, lr=0.05)
CPU = torch.device("cpu")


def _correlation(method, clips, reference=None) -> float:
    predicted = predict_clips(method, clips, CPU, reference)["value"]
    return float(np.corrcoef(predicted, clips.target.numpy())[0, 1])


def test_one_stream__learns() -> None:
    method = loop.initialise(toys.Regressor, 0)
    history = loop.train(method, {"train": toys.clips()}, TRAINING, loop.Setting())
    assert len(history.rows) == 30
    assert history.rows[-1]["main"] < 0.1 * history.rows[0]["main"]
    assert _correlation(method, toys.clips(seed=9)) > 0.9


def test_two_optimisers__a_loss_reaches_only_its_own_parameters() -> None:
    def encoder_after(weight: float) -> np.ndarray:
        method = loop.initialise(toys.Adversarial, 0)
        with torch.no_grad():
            method.discriminator.weight.fill_(weight)
        loop.train(method, {"train": toys.clips()}, TRAINING, loop.Setting())
        assert not torch.equal(method.discriminator.weight, torch.full_like(method.discriminator.weight, weight))
        return as_numpy(method.encoder.weight)

    # The discriminator's loss is a million times larger and goes through the encoder: any leak would show.
    np.testing.assert_array_equal(encoder_after(0.0), encoder_after(100.0))


def test_two_streams__the_first_sets_the_epoch_and_the_second_goes_round() -> None:
    method = loop.initialise(toys.SemiSupervised, 0)
    sets = {"train": toys.clips(24), "unlabelled": toys.clips(9, seed=5, labelled=False)}
    history = loop.train(method, sets, TRAINING, loop.Setting())
    assert set(method.seen) == {"train", "unlabelled"}
    assert all(name.startswith("clip-5") for name in method.seen["unlabelled"])
    assert "consistency" in history.rows[0]


def test_pairs__partners_are_other_clips_of_the_group() -> None:
    method = loop.initialise(toys.Pairs, 0)
    clips = toys.clips()
    loop.train(method, {"train": clips}, TRAINING.model_copy(update={"epochs": 2}), loop.Setting())
    group = dict(zip(clips.ids, clips.group.tolist(), strict=True))
    assert len(method.pairs) == 48
    assert all(a != b and group[a] == group[b] for a, b in method.pairs)


def test_exemplars__predict_beside_a_stored_reference() -> None:
    method = loop.initialise(toys.Exemplars, 0)
    clips = toys.clips()
    loop.train(method, {"train": clips}, TRAINING, loop.Setting())
    reference = choose_reference(clips, method.reference_size)
    assert reference is not None
    assert reference.target.min() == clips.target.min()
    assert reference.target.max() == clips.target.max()
    assert _correlation(method, toys.clips(seed=9), reference) > 0.9


def test_phases__run_in_order_on_their_own_sets() -> None:
    method = loop.initialise(toys.Phases, 0)
    sets = {"a": toys.clips(8, 1, labelled=False), "b": toys.clips(8, 2, labelled=False), "train": toys.clips(8, 3)}
    training = TRAINING.model_copy(update={"epochs": 3})
    history = loop.train(method, sets, training, loop.Setting())
    assert method.order == [("pretext-a", "a")] * 2 + [("pretext-b", "b")] + [("task", "train")] * 3
    assert [row["phase"] for row in history.rows] == [0, 0, 1, 2, 2, 2]
