"""A training in several processes: the same result as in one, whatever the batch; signals, errors and writers."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from stages.arrays import Array
from stages.engine import loop, ranks
from stages.engine.batch import Batch, Clips
from stages.engine.checkpoint import Checkpoint
from stages.engine.launcher import is_writer
from stages.engine.method import Phase, Step, TorchMethod
from stages.engine.training import TrainingConfig
from stages.errors import PreemptedError, TrainingError
from stages.finetune.methods.alignment import mmd
from stages.finetune.methods.gdlt import grade_triplets
from stages.pretrain.methods.pstl import barlow_twins
from stages.pretrain.methods.sme_gcn import nt_xent
from tests.engine import toys
from tests.engine.processes import together

TRAINING = TrainingConfig(epochs=4, batch_size=8, lr=0.02)
PLAIN = TRAINING.model_copy(update={"optimiser": "sgd"})
"""Adam makes whole steps of the rounding errors of a weight that has no gradient, such as a bias in front of a batch normalisation."""
CLOSE = {"rtol": 1e-4, "atol": 1e-5}
"""What the order of additions changes in float32, over a few dozen steps of Adam."""


class Normalised(toys.Regressor):
    """Batch normalisation in two shapes, and two losses whose mean is not over clips: over those with a label, over pairs of clips."""

    couples_batch: ClassVar = True

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.BatchNorm2d(2), nn.BatchNorm1d(34)

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        batch = batches["train"]
        assert batch.target is not None
        seen = self.second(self.first(batch.poses[..., 0]).mean(dim=2).flatten(1))
        known = batch.target > 0
        error = (self.head(seen)[:, 0] - batch.target).square() * known
        labelled = ranks.mean_of(error.sum(), known.sum())
        whole = ranks.gathered(seen)
        contrast = nt_xent(whole, 1.0) if len(whole) % 2 == 0 else nt_xent(whole[1:], 1.0)
        return Step({"main": labelled + 0.1 * contrast + mmd(seen, seen.flip(1), "rbf", 3.0)}, {"labelled": labelled})


def _weights(method: TorchMethod) -> dict[str, Array]:
    return {name: value.numpy().copy() for name, value in method.state_dict().items()}


def _trained(kind: type[TorchMethod], clips: int, training: TrainingConfig = TRAINING, **setting: object) -> tuple[dict[str, Array], list]:
    method = loop.initialise(kind, 0)
    sets: dict[str, Clips] = {"train": toys.clips(clips), "unlabelled": toys.clips(clips + 9, seed=1, labelled=False)}
    history = loop.train(method, sets, training, loop.Setting(**setting))
    return _weights(method), history.rows


def _assert_same(one: tuple[dict[str, Array], list], other: tuple[dict[str, Array], list]) -> None:
    for name, values in one[0].items():
        np.testing.assert_allclose(other[0][name], values, err_msg=name, **CLOSE)
    assert [row.keys() for row in one[1]] == [row.keys() for row in other[1]]
    rows = [[list(dict(sorted(row.items())).values()) for row in each[1]] for each in (one, other)]  # a resumed run's are sorted
    np.testing.assert_allclose(*rows, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", [toys.Regressor, toys.Adversarial, toys.Pairs, Normalised], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(("count", "clips"), [(2, 24), (3, 25)], ids=["even", "last batch of one clip"])
def test_train__processes_give_the_result_of_one(kind: type[TorchMethod], count: int, clips: int) -> None:
    training = PLAIN if kind is Normalised else TRAINING
    alone = _trained(kind, clips, training)
    found = together(count, lambda rank: _trained(kind, clips, training))
    for each in found:
        _assert_same(alone, each)
    assert all(np.array_equal(found[0][0][name], each[0][name]) for each in found for name in alone[0]), "the processes drifted apart"


def test_train__streams_of_different_length() -> None:
    class Both(toys.SemiSupervised):
        def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
            apart = self.head(toys.mean_pose(batches["unlabelled"])).square().mean()
            return Step({"main": toys.Regressor.step(self, batches, phase).losses["main"] + 0.01 * apart})

    training = TRAINING.model_copy(update={"batch_size": 4})  # 24 clips and 33: every batch but the last can be halved
    _assert_same(_trained(Both, 24, training), together(2, lambda rank: _trained(Both, 24, training))[1])


def test_train__micro_batches_are_cut_first() -> None:
    training = TRAINING.model_copy(update={"micro_batch": 2})
    _assert_same(_trained(toys.Regressor, 23), together(2, lambda rank: _trained(toys.Regressor, 23, training))[0])


def test_train__random_numbers_differ_between_processes_and_are_the_same_again() -> None:
    class Noisy(toys.Regressor):
        drawn: list[float]

        def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
            self.drawn = [*getattr(self, "drawn", []), float(torch.rand(()))]
            return super().step(batches, phase)

    def work(rank: int) -> list[float]:
        method = loop.initialise(Noisy, 0)
        loop.train(method, {"train": toys.clips()}, TRAINING, loop.Setting())
        return method.drawn

    first, again = together(2, work), together(2, work)
    assert first == again
    assert not set(first[0]) & set(first[1])


def test_train__validation_and_writing_are_the_first_process_s(tmp_path: Path) -> None:
    def work(rank: int) -> tuple[bool, list]:
        figures = iter([3.0, 1.0, 2.0, 5.0] if rank == 0 else [])
        setting = {"validate": lambda: {"validation": next(figures)}, "keep": "best", "curves": tmp_path / f"curves-{rank}"}
        return is_writer(), _trained(toys.Regressor, 24, **setting)[1]

    found = together(2, work)
    assert [writes for writes, _ in found] == [True, False]
    assert found[0][1] == found[1][1]
    assert [row["validation"] for row in found[1][1]] == [3.0, 1.0, 2.0, 5.0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves-0"]


def test_train__a_signal_to_one_process_stops_all_and_one_process_goes_on(tmp_path: Path) -> None:
    class Stopped(toys.Regressor):
        signalled_in: ClassVar[int] = -1
        steps: int = 0

        def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
            self.steps += 1
            if self.steps == 5 and self.signalled_in == 1:
                os.kill(os.getpid(), signal.SIGUSR1)
            return super().step(batches, phase)

    checkpoint = Checkpoint(tmp_path / "run.checkpoint", "f" * 64)

    def work(rank: int) -> object:
        Stopped.signalled_in = rank
        return _trained(Stopped, 24, checkpoint=checkpoint)

    found = together(2, work)
    assert all(isinstance(each, PreemptedError) for each in found), found
    assert f"Stopped by signal {int(signal.SIGUSR1)}" in str(found[0])
    _assert_same(_trained(toys.Regressor, 24), _trained(toys.Regressor, 24, checkpoint=checkpoint, resume="yes"))


@pytest.mark.filterwarnings("ignore")
def test_team__a_process_that_dies_is_told_by_the_others() -> None:
    class Dying(toys.Regressor):
        steps: int = 0

        def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
            self.steps += 1
            if self.steps == 4 and os.environ["RANK"] == "1":
                os.kill(os.getpid(), signal.SIGKILL)
            return super().step(batches, phase)

    found = together(2, lambda rank: _trained(Dying, 24))
    assert isinstance(found[1], EOFError)
    assert isinstance(found[0], TrainingError)
    assert "Process 0 of 2 lost the others" in str(found[0])
    assert "--resume auto" in str(found[0])


def test_agreed__plain_data_of_the_first() -> None:
    assert together(2, lambda rank: ranks.agreed(lambda: {"rank": rank, "names": ["a", "ü"]})) == [{"rank": 0, "names": ["a", "ü"]}] * 2


LOSSES = {
    "nt_xent": lambda values: nt_xent(torch.cat([ranks.gathered(part) for part in (values, values.roll(1, 1))]), 0.5),
    "barlow_twins": lambda values: barlow_twins(values, values.roll(1, 1) + values.square(), 0.1),
    "mmd": lambda values: mmd(values, values.square(), "laplacian"),
    "grade_triplets": lambda values: grade_triplets(ranks.gathered(values.view(-1, 3, 4)), 0.5),
    "batch_norm": lambda values: (F.batch_norm(values, None, None, training=True) * values.roll(1, 1)).square().mean(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_several_clips__value_and_gradient_of_the_whole_batch(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(7, 12, generator=generator)
    batch = toys.clips(7).take(range(7))

    def work(rank: int) -> tuple[float, Array]:
        own = torch.nn.Parameter(values.clone())
        with ranks.shared({"train": batch}) as mine:
            where = [batch.ids.index(clip) for clip in mine.batches["train"].ids]
            loss = LOSSES[name](own[where]) * mine.share
            loss.backward()
        ranks.add_gradients([own])
        assert own.grad is not None
        return ranks.added({"loss": float(loss.detach())})["loss"], own.grad.numpy()

    value, gradient = work(0)
    for found in together(2, work):
        assert found[0] == pytest.approx(value, rel=1e-5)
        np.testing.assert_allclose(found[1], gradient, rtol=1e-4, atol=1e-6)
    assert np.abs(gradient).max() > 1e-3
