"""What is said of one new clip, and what is to be known about how far it can be trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OUTSIDE = 0.1
"""A length, a frame rate or a number of segments is outside of training where it is beyond an end of its range by more than this share."""
WORSE = 0.02
"""Shares of joints that were not seen, or filled in, are worse than in training where they are above its highest by more than this."""
RARE = 0.01
"""A clip is unlike the training clips where at most this share of held-out clips lay as far from them (or none did)."""
FEWEST = 19
"""Of fewer held-out clips nothing is said of what is rare: one clip in twenty would be, by chance."""
_WORDS = {"seconds": "long", "fps": "frames per second", "segments": "segments"}
_SHARES = {"unseen": "of its joints were not seen", "filled": "of its joints were filled in between frames"}


@dataclass(frozen=True)
class Interval:
    """Where the truth is expected, with ``confidence``; an end is infinite where too few held-out clips are known."""

    low: float
    high: float
    confidence: float

    @property
    def bounded(self) -> bool:
        """Whether both ends are finite."""
        return math.isfinite(self.low) and math.isfinite(self.high)


@dataclass(frozen=True)
class Judgement:
    """What an experiment's models say of one clip.

    Attributes:
        clip: its name.
        value: the score, the mean over models; None for levels and actions.
        label: the level or action; "" for scores.
        interval: of the score; None where the models carry nothing to calibrate on, and for levels and actions.
        labels: the levels or actions that it may be, at the same confidence.
        percentile: the share of training clips (of its class) with a lower score; None for levels and actions.
        spread: standard deviation of the models' scores; 0 for a single model.
        facts: role → what is known of the inputs: length, frame rate, joints that were not seen …
        likeness: the share of held-out clips that lay as far from the training clips as this one, or farther; None where that is unknown.
        warnings: how the clip differs from what the models were trained on.
        extra: what else the models say of it, by name, the mean over models.
    """

    clip: str
    value: float | None
    label: str = ""
    interval: Interval | None = None
    labels: tuple[str, ...] = ()
    percentile: float | None = None
    spread: float = 0.0
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    likeness: float | None = None
    warnings: tuple[str, ...] = ()
    extra: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``--json``; an infinite end is null."""
        said: dict[str, Any] = {"clip": self.clip}
        if self.value is None:
            said |= {"label": self.label, "labels": list(self.labels)}
        else:
            interval = self.interval
            said |= {
                "score": self.value,
                "low": _number(interval.low) if interval else None,
                "high": _number(interval.high) if interval else None,
                "percentile": self.percentile,
                "spread": self.spread,
            }
        said |= {"likeness": self.likeness, "inputs": {role: dict(facts) for role, facts in self.facts.items()}}
        return said | {"warnings": list(self.warnings), "extra": dict(self.extra)}


def differences(facts: Mapping[str, Mapping[str, Any]], known: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return how a clip's inputs differ from those of the training clips, in words.

    Args:
        facts: of the clip, as :func:`stages.finetune.carried.facts_of` returns them.
        known: the ranges of the training clips.
    """
    found: list[str] = []
    for role, values in facts.items():
        for name, value in values.items():
            limits: Sequence[Any] = known.get(role, {}).get(name, ())
            if limits and (text := _difference(role, name, value, limits)):
                found.append(text)
    return found


def unlike(likeness: float | None, count: int) -> str:
    """Return what is to be said of a clip's distance from the training clips, "" where it is an ordinary one.

    Args:
        likeness: see :class:`Judgement`.
        count: of held-out clips.
    """
    if likeness is None or count < FEWEST or likeness > max(RARE, 1 / (count + 1)):
        return ""
    share = "all" if likeness <= 1 / (count + 1) else f"{1 - likeness:.0%}"
    return f"it lies farther from the training clips than {share} of {count} held-out clips"


def _difference(role: str, name: str, value: Any, limits: Sequence[Any]) -> str:
    if isinstance(value, str):
        return "" if value in limits else f"its {role} have {name} {value}, training had {', '.join(map(str, limits))}"
    low, high = limits
    if name in _WORDS and not low * (1 - OUTSIDE) <= value <= high * (1 + OUTSIDE):
        said = f"{value:.1f} s long" if name == "seconds" else f"{value:.3g} {_WORDS[name]}"
        return f"its {role} are {said}, training clips {low:.3g} to {high:.3g}"
    if name in _SHARES and value > high + WORSE:
        return f"{value:.0%} {_SHARES[name]}, at most {high:.0%} in training"
    if name == "confidence" and value < low - WORSE:
        return f"the mean confidence of its joints is {value:.2f}, at least {low:.2f} in training"
    return ""


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
