"""Supplying batches of cached segment features: from memory, as the training loop does, and through worker processes.

``python -m benchmarks batches``.  The data are as many clips as MTL-AQA trains on, of the size that S4AQA takes.  The peers are
torch's DataLoader with worker processes that stay alive from epoch to epoch, over a data set that reads each clip's HDF5 artifact, as
published scripts do, and over one that has all clips in memory, with the loader's own collation.  What supply takes of an epoch is
measured within a training of S4AQA at its preset sizes: the time spent in its streams over that of the whole.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.timing import interleaved, ratio
from stages.artifacts import store
from stages.artifacts.store import Artifact, Header
from stages.encoders.segments import SegmentsConfig
from stages.encoders.spec import SegmentSpec
from stages.engine import loop
from stages.engine.batch import Batch, Clips, Features
from stages.engine.method import Context, Phase, Sets
from stages.engine.streams import Shuffled, Stream
from stages.engine.training import TrainingConfig
from stages.finetune.methods.s4aqa import S4AQA, Settings

CLIPS, SEGMENTS, SIZE, LABELLED = 1059, 10, 1024, 0.1
BATCH, WORKERS, REPEATS, EPOCHS = 32, 2, 7, 2
AIM, MOST = 10, 0.05


class FromFiles(Dataset[tuple[Tensor, Tensor]]):
    """Reads one clip's artifact per item."""

    def __init__(self, files: list[Path], target: Tensor) -> None:
        self.files, self.target = files, target

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        with h5py.File(self.files[index]) as file:
            return torch.from_numpy(file["features"][()]), self.target[index]


class FromMemory(Dataset[tuple[Tensor, Tensor]]):
    """Has every clip in memory, and gives them one by one."""

    def __init__(self, clips: Clips) -> None:
        assert clips.target is not None
        self.values, self.target = clips.features["features"].values, clips.target

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.values[index], self.target[index]


@dataclass
class Timed:
    """A stream that keeps the time that its batches took."""

    stream: Stream
    seconds: float = 0.0

    @property
    def steps(self) -> int:
        return self.stream.steps

    def batch(self, seed: int, epoch: int, step: int) -> Batch:
        start = time.perf_counter()
        batch = self.stream.batch(seed, epoch, step)
        self.seconds += time.perf_counter() - start
        return batch


class Watched(S4AQA):
    """S4AQA whose streams keep their time."""

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        self.timed = {name: Timed(stream) for name, stream in super().streams(sets, phase, training).items()}
        return dict(self.timed)


def data(count: int = CLIPS, segments: int = SEGMENTS, size: int = SIZE) -> Clips:
    """Return clips of random features and scores."""
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(count, 1, segments, size, generator=generator)
    poses, mask = torch.zeros(count, 0, 0, 0, 0), torch.zeros(count, 0, dtype=torch.bool)
    features = {"features": Features(values, torch.ones(count, segments, dtype=torch.bool))}
    score = 5 * torch.rand(count, generator=generator)
    return Clips(tuple(f"c{number:04d}" for number in range(count)), poses, mask, score, torch.zeros(count, dtype=torch.long), features)


def write(clips: Clips, folder: Path) -> list[Path]:
    """Write an artifact of features per clip, as ``aqa extract-features`` would, and return the files."""
    documents = {"clip": {}, "sampling": {"views": [{"name": "original", "frames": None}]}, "config": {}, "provenance": {}}
    files = []
    for clip, values in zip(clips.ids, clips.features["features"].values.numpy(), strict=True):
        files.append(folder / f"{clip}.h5")
        store.write(files[-1], Artifact(Header("features", "extract-features", 1, clip), {"features": values}, documents))
    return files


def loader(dataset: Dataset[tuple[Tensor, Tensor]]) -> DataLoader[tuple[Tensor, Tensor]]:
    """Return the peer."""
    return DataLoader(dataset, BATCH, shuffle=True, num_workers=WORKERS, persistent_workers=True)


def epoch_of(stream: Stream) -> Iterator[Batch]:
    """Yield the batches of an epoch, as the training loop draws them."""
    return (stream.batch(0, 0, step) for step in range(stream.steps))


def supply(clips: Clips, repeats: int = REPEATS) -> Mapping[str, list[float]]:
    """Return the seconds per epoch of each source in every repetition."""
    stream = Shuffled(clips, BATCH)
    with tempfile.TemporaryDirectory() as folder:
        files, memory = loader(FromFiles(write(clips, Path(folder)), clips.target)), loader(FromMemory(clips))  # type: ignore[arg-type]
        return interleaved(
            {
                "ours": (1, lambda: _drawn(epoch_of(stream))),
                "memory": (1, lambda: _drawn(iter(memory))),
                "files": (1, lambda: _drawn(iter(files))),
            },
            repeats,
        )


def share(clips: Clips, epochs: int = EPOCHS) -> tuple[float, float]:
    """Return the seconds of an epoch of S4AQA at its preset sizes, and the share of them that its streams take."""
    labelled = round(LABELLED * len(clips))
    sets = {"train": clips.chosen(range(labelled)), "unlabelled": replace(clips.chosen(range(labelled, len(clips))), target=None)}
    sizes = {"features": tuple(clips.features["features"].values.shape[2:])}
    spec = SegmentSpec(Settings().model_dump(mode="json", include=set(SegmentsConfig.model_fields)), sizes)
    method = loop.initialise(lambda: Watched(Settings(), Context(features=sizes), spec), 0)
    assert isinstance(method, Watched)
    method.measure(sets["train"])
    start = time.perf_counter()
    loop.train(method, sets, S4AQA.TRAINING.model_copy(update={"epochs": epochs, "batch_size": BATCH}), loop.Setting())
    whole = time.perf_counter() - start
    return whole / epochs, sum(each.seconds for each in method.timed.values()) / whole


def batches() -> None:
    """Print how much faster batches come from memory than through worker processes, and what they take of an epoch."""
    clips = data()
    seconds = supply(clips)
    ours, memory, files = (float(np.median(seconds[name])) for name in ("ours", "memory", "files"))
    count, _, segments, size = clips.features["features"].values.shape
    print(f"Batches of {BATCH} of {count} clips × {segments} × {size}, an epoch {REPEATS} times in turn, quartiles in brackets")
    print(f"  ours, from memory                              {1e3 * ours:.1f} ms an epoch")
    for name, label, taken in (("memory", "memory", memory), ("files", "a file per clip", files)):
        over = ratio(seconds[name], seconds["ours"])
        print(f"  DataLoader, {WORKERS} workers, {label:<20}{1e3 * taken:10.1f} ms an epoch: ours is {over} as fast, aim {AIM} x")
    epoch, part = share(clips)
    print(f"  S4AQA at its preset sizes, {LABELLED:.0%} labels: {epoch:.1f} s an epoch; supply {part:.2%} of it, aim at most {MOST:.0%}")


def _drawn(source: Iterator[object]) -> int:
    """Draw every batch and return their number."""
    return sum(1 for _ in source)
