"""The curves of a training run while it runs: a CSV for any tool and event files for TensorBoard.

They lie under ``<workspace>/curves``, so that ``tensorboard --logdir <workspace>/curves`` shows every run; the history in the
artifact is what counts, and these may be deleted at any time.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stages.artifacts import store

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FILE = "curves.csv"
_POSITION = ("epoch", "phase")


class Curves:
    """Writes the rows of one run's history into ``folder``.

    Args:
        folder: of this run alone; what an earlier run left there is replaced.
        before: the rows of the part that a resumed run already has.
    """

    def __init__(self, folder: Path, before: Sequence[Mapping[str, float]] = ()) -> None:
        from torch.utils.tensorboard import SummaryWriter

        shutil.rmtree(folder, ignore_errors=True)
        self._folder = folder
        self._rows: list[Mapping[str, float]] = []
        self._events: SummaryWriter = SummaryWriter(str(folder))
        for row in before:
            self._plot(row)
        self._write_table()

    def add(self, row: Mapping[str, float]) -> None:
        """Add one epoch."""
        self._plot(row)
        self._write_table()

    def close(self) -> None:
        """Finish the event files."""
        self._events.close()

    def _plot(self, row: Mapping[str, float]) -> None:
        self._rows.append(row)
        for name, value in row.items():
            if name not in (*_POSITION, "iteration"):
                self._events.add_scalar(name, value, int(row["epoch"]))

    def _write_table(self) -> None:
        names = [*_POSITION, *sorted({name for row in self._rows for name in row} - set(_POSITION))]
        with store.replacing_path(self._folder / FILE) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self._rows)
