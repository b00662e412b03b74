"""Why a score, drawn over the video: parts of the body coloured by what they cost just then, and all moments as a strip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.explain.explanation import WHOLE, Explanation
from stages.render import draw
from stages.render.draw import Colour
from stages.skeletons.layouts import Layout

_MADE_BY = "aqa score VIDEO --explain replacement --json > FILE"
NEUTRAL: Colour = (235, 235, 235)
COSTS: Colour = (30, 110, 255)
"""Orange, in blue-green-red."""
BRINGS: Colour = (255, 150, 40)


@dataclass(frozen=True)
class Shades:
    """The colours of one person's parts in one moment; takes a palette's place."""

    layout: Layout
    colours: Mapping[str, Colour]
    left: Colour = NEUTRAL

    def of(self, joint: str) -> Colour:
        """Return the colour of a joint by its name."""
        number = self.layout.index[joint]
        part = next(part for part, joints in self.layout.parts.items() if number in joints)
        return self.colours.get(part, NEUTRAL)


@dataclass(frozen=True)
class Why:
    """What is drawn: an explanation of poses, and the score in words."""

    explanation: Explanation
    caption: str

    def shades(self, layout: Layout, time: float) -> Shades:
        """Return the colours at a time, in seconds."""
        moment, strongest = self.moment(time), max(float(np.abs(self.explanation.grid).max()), 1e-12)
        column = self.explanation.grid[:, moment] / strongest
        return Shades(layout, {part: mixed(float(share)) for part, share in zip(self.explanation.parts, column, strict=True)})

    def moment(self, time: float) -> int:
        """Return the number of the moment that a time lies in."""
        edges = self.explanation.edges
        return int(np.clip(np.searchsorted(edges, time, side="right") - 1, 0, len(edges) - 2))

    def on(self, image: Array, time: float) -> None:
        """Draw the score and the strip of all moments at the top of an image; the moment that is shown stands out."""
        height, width = image.shape[:2]
        whole = self.explanation.grid[-1] if self.explanation.parts[-1] == WHOLE else self.explanation.grid.sum(axis=0)
        strongest, edges = max(float(np.abs(whole).max()), 1e-12), self.explanation.edges
        span, tall = float(edges[-1] - edges[0]) or 1.0, max(4, height // 40)
        for number, value in enumerate(whole):
            left, right = (round(width * float(edge - edges[0]) / span) for edge in edges[number : number + 2])
            deep = 2 * tall if number == self.moment(time) else tall
            image[:deep, left : max(right - 1, left + 1)] = mixed(float(value) / strongest)
        draw.label_on(image, self.caption, (0, 2 * tall + height // 14), (255, 255, 255))


def mixed(share: float) -> Colour:
    """Return the colour of a cost (negative) or a gain, as a share of the strongest one of the clip."""
    end, weight = (COSTS if share < 0 else BRINGS), min(abs(share), 1.0)
    blue, green, red = (round(neutral + (other - neutral) * weight) for neutral, other in zip(NEUTRAL, end, strict=True))
    return blue, green, red


def caption_of(said: Mapping[str, Any]) -> str:
    """Return the score with its interval, for what ``--json`` says of a clip."""
    interval = "" if said.get("low") is None or said.get("high") is None else f" [{said['low']:.4g}, {said['high']:.4g}]"
    return f"score {said['score']:.4g}{interval}"


def read(path: Path) -> dict[str, Why]:
    """Read what ``aqa score --explain HOW --json`` said: clip → what is drawn.

    Raises:
        ArtifactError: the file says no such thing.
    """
    try:
        clips = json.loads(path.read_text(encoding="utf-8"))["clips"]
        found = {clip["clip"]: Why(of_json(each), caption_of(clip)) for clip in clips for each in clip["why"] if each["of"] == "poses"}
    except (OSError, ValueError, KeyError, TypeError):
        raise ArtifactError(
            f"{path} does not say why scores are what they are.", hint="aqa score VIDEO --explain replacement --json"
        ) from None
    if not found:
        raise ArtifactError(f"{path} explains no scores by poses.", hint="aqa score VIDEO --explain replacement --json")
    return found


def of_json(said: Mapping[str, Any]) -> Explanation:
    """Undo :meth:`stages.explain.explanation.Explanation.to_json`."""
    edges, grid, totals = (np.array(said[name], dtype=float) for name in ("edges", "grid", "totals"))
    if grid.shape != (len(said["parts"]), len(edges) - 1):
        raise ValueError("the grid does not fit parts and edges")
    return Explanation(said["how"], said["of"], tuple(said["parts"]), edges, grid, totals)
