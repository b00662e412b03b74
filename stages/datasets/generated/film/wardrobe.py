"""What a generated person looks like: build, skin, hair and clothes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]
"""Blue, green, red, 0 to 255."""
_SKIN = ((150, 180, 225), (120, 160, 210), (90, 130, 185), (60, 95, 145), (40, 65, 105))
_HAIR = ((25, 25, 30), (30, 45, 70), (50, 80, 120), (80, 130, 170), (150, 150, 155))


@dataclass(frozen=True)
class Look:
    """One person's look.

    Attributes:
        build: factor on the thickness of limbs.
        belly: factor on the thickness of the trunk.
        skin, hair, shirt, trousers, shoes: colours.
        long_sleeves, long_trousers, long_hair: what is covered.
        stripes: of the shirt, or None.
    """

    build: float
    belly: float
    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    shoes: Colour
    long_sleeves: bool
    long_trousers: bool
    long_hair: bool
    stripes: Colour | None


def draw_look(random: np.random.Generator) -> Look:
    """Draw one person's look."""
    return Look(
        build=float(random.uniform(0.85, 1.3)),
        belly=float(random.uniform(0.85, 1.5)),
        skin=_near(random, _SKIN[int(random.integers(len(_SKIN)))], 10),
        hair=_near(random, _HAIR[int(random.integers(len(_HAIR)))], 10),
        shirt=_any(random),
        trousers=_any(random),
        shoes=_any(random),
        long_sleeves=bool(random.random() < 0.4),
        long_trousers=bool(random.random() < 0.6),
        long_hair=bool(random.random() < 0.4),
        stripes=_any(random) if random.random() < 0.3 else None,
    )


def _near(random: np.random.Generator, colour: tuple[int, int, int], spread: float) -> Colour:
    blue, green, red = (float(value) for value in np.clip(random.normal(colour, spread), 0, 255))
    return blue, green, red


def _any(random: np.random.Generator) -> Colour:
    blue, green, red = (float(value) for value in random.uniform(15, 240, 3))
    return blue, green, red
