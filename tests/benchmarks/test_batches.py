"""The benchmark of supplying batches: all sources give the same clips, and what it prints is what it measured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks import batches
from benchmarks.__main__ import SECTIONS
from stages.artifacts import store
from stages.engine.batch import Clips
from stages.engine.streams import Shuffled


@pytest.fixture
def clips() -> Clips:
    """70 clips: two whole batches and a rest."""
    return batches.data(70, 3, 8)


def in_order(values: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    order = target.argsort()
    return values[order], target[order]


def test_sources__give_every_clip_once(clips: Clips, tmp_path: Path) -> None:
    assert clips.target is not None
    expected = in_order(clips.features["features"].values, clips.target)
    ours = list(batches.epoch_of(Shuffled(clips, batches.BATCH)))
    assert [len(batch) for batch in ours] == [32, 32, 6]
    drawn = [(batch.features["features"].values, batch.target) for batch in ours if batch.target is not None]
    files = batches.write(clips, tmp_path)
    for source in (drawn, batches.loader(batches.FromMemory(clips)), batches.loader(batches.FromFiles(files, clips.target))):
        parts = list(source)
        found = in_order(torch.cat([values for values, _ in parts]), torch.cat([target for _, target in parts]))
        assert [torch.equal(one, other) for one, other in zip(found, expected, strict=True)] == [True, True]


def test_write__artifacts_of_features(clips: Clips, tmp_path: Path) -> None:
    files = batches.write(clips, tmp_path)
    assert len(files) == len(clips)
    assert store.read(files[3], "features").arrays["features"].shape == (1, 3, 8)


def test_supply__times_each_source_as_often(clips: Clips) -> None:
    seconds = batches.supply(clips, repeats=2)
    assert {name: len(found) for name, found in seconds.items()} == {"ours": 2, "memory": 2, "files": 2}
    assert min(min(found) for found in seconds.values()) > 0


def test_share__counts_every_batch_of_both_streams(clips: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    take = Clips.take
    monkeypatch.setattr(Clips, "take", lambda self, indices: drawn.append(len(indices)) or take(self, indices))
    epoch, part = batches.share(clips, epochs=2)
    assert 0 < part < 1
    assert epoch > 0
    assert sum(drawn[2:]) == 2 * (63 + 2 * 7), "two epochs of 63 unlabelled clips in two batches, each beside the 7 labelled ones"


def test_batches__prints_what_it_measured(clips: Clips, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(batches, "data", lambda: clips)
    monkeypatch.setattr(batches, "supply", lambda _: {"ours": [0.01] * 3, "memory": [0.2, 0.3, 0.4], "files": [1.0, 1.0, 1.0]})
    SECTIONS["batches"]()
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("Batches of 32 of 70 clips × 3 × 8, an epoch")
    assert "10.0 ms an epoch" in said[1]
    assert "300.0 ms an epoch: ours is 30.00 x (25.00 to 35.00) as fast, aim 10 x" in said[2]
    assert "a file per clip" in said[3]
    assert "ours is 100.00 x" in said[3]
    assert re.search(r"supply \d+\.\d\d% of it, aim at most 5%", said[4])
