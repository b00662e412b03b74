"""What methods share that predict a score as its share of the highest one."""

from __future__ import annotations

from stages.engine.batch import Clips
from stages.errors import UsageError


def highest_score(train: Clips, given: float | None, name: str) -> float:
    """Return the highest score there can be: the one that is given, or the highest of the training clips.

    Args:
        train: the training clips.
        given: in the units that training sees; None for none.
        name: of the method, for the message.

    Raises:
        UsageError: there are scores that no share of the highest can be.
    """
    assert train.target is not None
    low, high = float(train.target.min()), float(train.target.max())
    top = given or high
    if low < 0 or high > top or top <= 0:
        raise UsageError(
            f"{name} predicts scores from 0 to {max(top, 0):g}; those of training lie from {low:g} to {high:g}.",
            hint="--set settings.top=HIGHEST, or --set target.scaling=range-5 where scores can be below 0",
        )
    return top
