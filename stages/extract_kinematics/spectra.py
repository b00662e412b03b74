"""The frequencies of motion, segment by segment.

S4AQA (section IV-A) describes JIGSAWS by "discriminative DCT features of the 3D kinetics" of the manipulators, after Pan et al.
(Action Assessment by Joint Relation Graphs, ICCV 2019); Pirsiavash et al. (Assessing the Quality of Actions, ECCV 2014) took absolute
values of the lowest frequencies of each joint's coordinates.  S4AQA states neither segments nor coefficients nor scaling: those are ours.

S segments, T frames, M bodies, V nodes, C axes, K coefficients, D feature dimensions.
"""

from __future__ import annotations

import numpy as np

from stages.arrays import Array
from stages.extract_kinematics.config import ExtractKinematicsConfig
from stages.skeletons.motion import Motion, flip


def spans(frames: int, count: int, overlap: float = 0.0) -> list[tuple[int, int]]:
    """Return (first frame, frame behind the last) of ``count`` segments of equal length that together span ``frames``.

    Neighbours share the part ``overlap`` of their length, to the nearest frame.  Every segment has a frame at least: of a clip with fewer
    frames than segments, neighbours share frames.
    """
    length = frames / (1 + (count - 1) * (1 - overlap))
    starts = np.arange(count) * length * (1 - overlap)
    # an end and the next start are one number, but not to the last digit
    low, high = (np.round(np.round(edges, 9)).astype(int) for edges in (starts, starts + length))
    low = np.minimum(low, frames - 1)
    high = np.clip(high, low + 1, frames)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def spectrum(signal: Array, coefficients: int, *, normalise: bool = True) -> Array:
    """Return the lowest coefficients (K, …) of the orthonormal type II cosine transform of a signal (T, …) along its frames.

    Coefficient k is the share of k half waves in the segment.  With ``normalise`` they are divided by √T: the first is then the mean, and
    the squares of all sum to the signal's mean square.  Of fewer frames than coefficients, the others are 0.
    """
    from scipy.fft import dct

    found = dct(np.asarray(signal, np.float64), type=2, norm="ortho", axis=0)[:coefficients]
    if normalise:
        found = found / np.sqrt(len(signal))
    return np.pad(found, [(0, coefficients - len(found)), *[(0, 0)] * (found.ndim - 1)])


def describe(motion: Motion, config: ExtractKinematicsConfig) -> Array:
    """Return a clip's segment features, (views, S, D) float32, with D = signals · M · V · C · K in this order."""
    return np.stack([_view(flip(motion) if view == "flip" else motion, config) for view in config.views]).astype(np.float32)


def _view(motion: Motion, config: ExtractKinematicsConfig) -> Array:
    signals = np.stack([motion.signals[name] for name in config.signals])  # signals, M, T, V, C
    frames_first = np.moveaxis(signals, 2, 0)
    rows = []
    for start, end in spans(motion.frames, config.segments, config.overlap):
        found = spectrum(frames_first[start:end], config.coefficients, normalise=config.normalise)
        rows.append(np.moveaxis(found, 0, -1).ravel())
    return np.abs(rows) if config.values == "magnitude" else np.stack(rows)
