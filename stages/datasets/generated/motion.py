"""How a person does the exercise: squats with both arms raised to the front, and what each of five faults does to them.

========== ===========================================================================================================
range      the squat is up to 60 % shallower, the arms rise up to 40 % less
tempo      rushed: a repetition takes up to half as long, without pauses, and repetitions grow uneven
smoothness the way down and up is broken into two or three hesitations; a strong fault even reverses for a moment
symmetry   the weak arm rises less and later; pelvis and trunk go over to the strong side
tremor     arms (most), trunk and pelvis shake at 4 to 6.5 Hz
========== ===========================================================================================================

Habits (depth, speed, lean, arm height …) differ by person and are no faults; no two repetitions are quite alike.

A *slip* is a fault of one part of the body in one repetition: an arm stays down, the trunk bends to a side, or the squat is shallow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stages.arrays import Array
from stages.datasets.generated.bodies import SIDES, Body, Posture

FPS = 30.0
FAULTS = ("range", "tempo", "smoothness", "symmetry", "tremor")
Faults = Mapping[str, float]
"""Fault → strength, from 0 (none) to 1."""


SLIPPING = ("left_arm", "right_arm", "trunk", "legs")


@dataclass(frozen=True)
class Slip:
    """A fault of one part of the body in one repetition.

    Attributes:
        part: one of :data:`SLIPPING`.
        repetition: which, from 0.
        strength: from 0 (none) to 1.
        side: to which side the trunk bends, the sign of x.
    """

    part: str
    repetition: int
    strength: float
    side: int

    def of(self, part: str) -> float:
        """Return the strength for this part, 0 for others."""
        return self.strength if self.part == part else 0.0


@dataclass(frozen=True)
class Habits:
    """How a person does the exercise where nothing is wrong.

    Attributes:
        depth: of the squat, as a share of the leg.
        back: of the pelvis, as a share of the drop.
        lean: of the trunk at the deepest point, radians.
        height: of the raised arms, radians from hanging.
        spread: of the arms, radians.
        elbow: flexion, radians.
        period: of one repetition, seconds.
        lag: of the arms behind the legs, seconds; negative is ahead.
        weak: the side that suffers from asymmetry.
        tremor: frequency of a tremor, Hz.
    """

    depth: float
    back: float
    lean: float
    height: float
    spread: float
    elbow: float
    period: float
    lag: float
    weak: str
    tremor: float


@dataclass(frozen=True)
class Chance:
    """What no habit decides in one clip; drawn whole before the faults are looked at, so that a fault changes only its own.

    Attributes:
        repetitions: how many.
        before, after: seconds of standing.
        pace: relative change of the period.
        depth: (repetitions,) relative change of each repetition's depth.
        rhythm: (repetitions,) unevenness of the repetitions, in [-1, 1].
        breaks: hesitations on each way down or up: legs, arms.
        phases: (12,) of the oscillations, radians.
    """

    repetitions: int
    before: float
    after: float
    pace: float
    depth: Array
    rhythm: Array
    breaks: tuple[int, int]
    phases: Array


def draw_habits(random: np.random.Generator) -> Habits:
    """Draw one person's habits."""
    return Habits(
        depth=float(random.uniform(0.33, 0.43)),
        back=float(random.uniform(0.48, 0.6)),
        lean=float(np.radians(random.uniform(28, 40))),
        height=float(np.radians(random.uniform(85, 110))),
        spread=float(np.radians(random.uniform(4, 14))),
        elbow=float(np.radians(random.uniform(8, 25))),
        period=float(random.uniform(2.0, 2.4)),
        lag=float(random.uniform(-0.08, 0.08)),
        weak=str(random.choice(list(SIDES))),
        tremor=float(random.uniform(4.0, 6.5)),
    )


def draw_chance(random: np.random.Generator) -> Chance:
    """Draw one clip's share of chance."""
    repetitions = int(random.integers(2, 4))
    return Chance(
        repetitions=repetitions,
        before=float(random.uniform(0.3, 0.6)),
        after=float(random.uniform(0.3, 0.6)),
        pace=float(random.normal(0, 0.03)),
        depth=np.clip(random.normal(0, 0.03, repetitions), -0.08, 0.08),
        rhythm=random.uniform(-1, 1, repetitions),
        breaks=(int(random.integers(2, 4)), int(random.integers(2, 4))),
        phases=random.uniform(0, 2 * np.pi, 12),
    )


def starts_of(habits: Habits, faults: Faults, chance: Chance) -> Array:
    """Return when each repetition begins and the last one ends, (repetitions + 1,) seconds."""
    periods = habits.period * (1 + chance.pace) * (1 - 0.5 * faults["tempo"]) * (1 + (0.03 + 0.17 * faults["tempo"]) * chance.rhythm)
    return np.asarray(chance.before + np.concatenate([[0], np.cumsum(periods)]))


def perform(body: Body, habits: Habits, faults: Faults, chance: Chance, slip: Slip | None = None) -> Posture:
    """Return the posture over the T frames of one clip."""
    starts = starts_of(habits, faults, chance)
    periods = np.diff(starts)
    slip = slip or Slip("legs", 0, 0.0, 1)
    slipping = np.arange(len(periods)) == slip.repetition
    time = np.arange(round((starts[-1] + chance.after) * FPS)) / FPS
    pause = 0.1 * (1 - faults["tempo"])

    def course(lag: float, breaks: int, less: float) -> Array:
        depths = (1 + chance.depth) * (1 - less * slipping)
        return _course(time - lag, starts[:-1], periods, depths, pause, 1.25 * faults["smoothness"], breaks)

    legs = course(0, chance.breaks[0], 0.6 * slip.of("legs"))
    aside = slip.side * slip.of("trunk") * _course(time, starts[:-1], periods, 1.0 * slipping, pause, 0.0, 1)
    drop = habits.depth * body.leg * (1 - 0.6 * faults["range"]) * legs
    height = habits.height * (1 - 0.4 * faults["range"])
    shake = _Shake(time, habits.tremor, chance.phases, faults["tremor"])
    over = faults["symmetry"] * legs * -SIDES[habits.weak]
    raise_, spread, elbow = {}, {}, {}
    for number, side in enumerate(SIDES):
        weakness = faults["symmetry"] if side == habits.weak else 0.0
        arm = course(habits.lag + 0.2 * weakness, chance.breaks[1], 0.8 * slip.of(f"{side}_arm"))
        raise_[side] = np.radians(6) + (height - np.radians(6)) * (1 - 0.45 * weakness) * arm + shake(3 * number, np.radians(3.5))
        spread[side] = habits.spread + shake(3 * number + 1, np.radians(2.5))
        elbow[side] = np.maximum(habits.elbow + shake(3 * number + 2, np.radians(4)), 0)
    sway = 0.004 * np.sin(2 * np.pi * 0.25 * time + chance.phases[8])
    return Posture(
        drop=drop + shake(6, 0.0025),
        back=habits.back * drop + 0.5 * sway,
        shift=sway + 0.07 * over,
        tilt=np.radians(4) * over,
        lean=np.radians(3) + habits.lean * drop / (0.38 * body.leg) + shake(7, np.radians(0.8)),
        bend=np.radians(7) * over + np.radians(20) * aside,
        twist=np.radians(5) * over,
        raise_=raise_,
        spread=spread,
        elbow=elbow,
    )


def _course(time: Array, starts: Array, periods: Array, depths: Array, pause: float, stall: float, breaks: int) -> Array:
    """Return how far down (0 to about 1) the exercise is: minimum-jerk ways down and up, with ``breaks`` stalls on each."""
    total = np.zeros_like(time)
    for start, period, depth in zip(starts, periods, depths, strict=True):
        down, up = 0.5 * (1 - 2 * pause) * period, 0.5 * (1 - 2 * pause) * period
        bottom = start + down + pause * period
        total += depth * (_way((time - start) / down, stall, breaks) - _way((time - bottom) / up, stall, breaks))
    return total


def _way(share: Array, stall: float, breaks: int) -> Array:
    """Return the minimum-jerk course from 0 to 1 (Flash & Hogan 1985) with time warped by stalls; beyond 1 it goes backwards."""
    share = np.clip(share, 0, 1)
    turns = 2 * np.pi * breaks
    share = np.clip(share + stall * np.sin(turns * share) / turns, 0, 1)
    return share**3 * (10 - 15 * share + 6 * share**2)


@dataclass(frozen=True)
class _Shake:
    """A tremor whose strength waxes and wanes; each part of the body shakes in its own phase."""

    time: Array
    frequency: float
    phases: Array
    strength: float

    def __call__(self, part: int, amplitude: float) -> Array:
        swell = 0.75 + 0.25 * np.sin(2 * np.pi * 0.4 * self.time + self.phases[9 + part % 3])
        return self.strength * amplitude * swell * np.sin(2 * np.pi * self.frequency * self.time + self.phases[part])
