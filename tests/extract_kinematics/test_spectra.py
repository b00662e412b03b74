"""Segments and their cosine transform: closed forms, energy, short clips, mirror images."""

from __future__ import annotations

import numpy as np
import pytest

from stages.extract_kinematics.config import ExtractKinematicsConfig
from stages.extract_kinematics.spectra import describe, spans, spectrum
from stages.skeletons.layouts import KINECT_20
from stages.skeletons.motion import Motion, velocities


def motion(frames: int = 40, seed: int = 0, people: int = 1) -> Motion:
    positions = np.random.default_rng(seed).normal(size=(people, frames, 20, 3))
    times = np.arange(frames) / 30
    return Motion({"positions": positions, "velocities": velocities(positions, times)}, KINECT_20, times)


def numbers(values: np.ndarray, config: ExtractKinematicsConfig, people: int = 1) -> np.ndarray:
    """Features (views, S, D) → (views, S, signals, M, V, C, K)."""
    return values.reshape(*values.shape[:2], len(config.signals), people, 20, 3, config.coefficients)


@pytest.mark.parametrize("frequency", [0, 1, 3, 7])
def test_spectrum__a_cosine_gives_one_coefficient(frequency: int) -> None:
    frames = 24
    signal = 2.5 * np.cos(np.pi * frequency * (2 * np.arange(frames) + 1) / (2 * frames))
    found = spectrum(signal, 8, normalise=False)
    expected = np.zeros(8)
    expected[frequency] = 2.5 * np.sqrt(frames if frequency == 0 else frames / 2)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(spectrum(signal, 8), expected / np.sqrt(frames), atol=1e-12)


def test_spectrum__keeps_the_energy_and_the_first_is_the_mean() -> None:
    signal = np.random.default_rng(0).normal(size=(17, 4))
    whole = spectrum(signal, 17, normalise=False)
    np.testing.assert_allclose((whole**2).sum(axis=0), (signal**2).sum(axis=0))
    normalised = spectrum(signal, 17)
    np.testing.assert_allclose((normalised**2).sum(axis=0), (signal**2).mean(axis=0))
    np.testing.assert_allclose(normalised[0], signal.mean(axis=0))
    np.testing.assert_array_equal(spectrum(signal, 5), normalised[:5])


def test_spectrum__zeros_behind_where_there_are_fewer_frames_than_coefficients() -> None:
    signal = np.random.default_rng(0).normal(size=(3, 2))
    found = spectrum(signal, 6)
    assert not found[3:].any()
    np.testing.assert_array_equal(found[:3], spectrum(signal, 3))


def test_spectrum__of_a_pose_that_is_held_does_not_grow_with_time() -> None:
    np.testing.assert_allclose(spectrum(np.full(90, 3.0), 4), spectrum(np.full(10, 3.0), 4), atol=1e-12)


@pytest.mark.parametrize(
    ("frames", "count", "overlap", "expected"),
    [
        (12, 3, 0.0, [(0, 4), (4, 8), (8, 12)]),
        (10, 4, 0.0, [(0, 2), (2, 5), (5, 8), (8, 10)]),
        (20, 3, 0.5, [(0, 10), (5, 15), (10, 20)]),
        (7, 1, 0.5, [(0, 7)]),
        (3, 5, 0.0, [(0, 1), (1, 2), (1, 2), (2, 3), (2, 3)]),
        (1, 3, 0.25, [(0, 1), (0, 1), (0, 1)]),
    ],
    ids=["even", "rounded", "half", "one", "short", "single-frame"],
)
def test_spans__by_hand(frames: int, count: int, overlap: float, expected: list[tuple[int, int]]) -> None:
    assert spans(frames, count, overlap) == expected


@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.9])
def test_spans__cover_every_frame_and_none_is_empty(overlap: float) -> None:
    for frames in (1, 2, 11, 12, 13, 100, 999):
        for count in (1, 2, 7, 12):
            found = spans(frames, count, overlap)
            assert len(found) == count
            assert all(0 <= start < end <= frames for start, end in found)
            assert {frame for start, end in found for frame in range(start, end)} == set(range(frames))
            if not overlap and frames >= count:
                assert sum(end - start for start, end in found) == frames


def test_describe__order_of_the_numbers() -> None:
    config = ExtractKinematicsConfig(segments=4, coefficients=3, signals=("velocities", "positions"), values="signed")
    clip = motion(people=2)
    found = describe(clip, config)
    assert (found.shape, found.dtype) == ((1, 4, 2 * 2 * 20 * 3 * 3), np.float32)
    one = numbers(found, config, people=2)[0, 1]
    expected = spectrum(clip.signals["positions"][1, 10:20, 7, 2], 3)
    np.testing.assert_allclose(one[1, 1, 7, 2], expected, rtol=1e-5)
    np.testing.assert_allclose(one[0, 0, 3, 1], spectrum(clip.signals["velocities"][0, 10:20, 3, 1], 3), rtol=1e-4)


def test_describe__magnitudes_are_those_of_the_signed_ones() -> None:
    signed = describe(motion(), ExtractKinematicsConfig(values="signed"))
    assert (signed < 0).any()
    np.testing.assert_array_equal(describe(motion(), ExtractKinematicsConfig()), np.abs(signed))


def test_describe__the_flipped_view_has_the_sides_swapped_and_x_negated() -> None:
    config = ExtractKinematicsConfig(views=("original", "flip"), values="signed")
    original, flipped = numbers(describe(motion(), config), config)
    mirrored = original[..., list(KINECT_20.mirrored), :, :] * np.array([-1, 1, 1])[:, None]
    np.testing.assert_allclose(flipped, mirrored, atol=1e-6)
    assert not np.allclose(flipped, original)


@pytest.mark.parametrize("frames", [1, 5, 11, 12])
def test_describe__clips_shorter_than_the_segments(frames: int) -> None:
    found = describe(motion(frames), ExtractKinematicsConfig(signals=("positions", "velocities")))
    assert found.shape == (1, 12, 2 * 20 * 3 * 8)
    assert np.isfinite(found).all()
    assert (found[0, :, 0] != 0).all(), "every segment is made of real frames"


def test_describe__a_motion_in_one_segment_shows_there_alone() -> None:
    positions = np.zeros((1, 48, 20, 3))
    positions[0, 12:24, 9, 1] = np.cos(np.pi * 2 * (2 * np.arange(12) + 1) / 24)
    config = ExtractKinematicsConfig(segments=4)
    found = numbers(describe(Motion({"positions": positions}, KINECT_20, np.arange(48) / 30), config), config)
    assert np.argwhere(np.round(found, 6)).tolist() == [[0, 1, 0, 0, 9, 1, 2]]
    assert found.max() == pytest.approx(1 / np.sqrt(2))


def test_describe__orthonormal_coefficients_where_they_are_not_normalised() -> None:
    plain, divided = (describe(motion(48), ExtractKinematicsConfig(segments=3, normalise=normalise)) for normalise in (False, True))
    np.testing.assert_allclose(plain, divided * np.sqrt(16), rtol=1e-5)
