from __future__ import annotations

import numpy as np
import pytest

from stages.extract_pose.swaps import repair_swaps
from stages.skeletons.layouts import COCO_17, LAYOUTS

FRAMES = 40
BODY = {
    "nose": (0, -80), "eye": (6, -86), "ear": (12, -82), "shoulder": (25, -55), "elbow": (35, -20),
    "wrist": (38, 12), "hip": (15, 0), "knee": (17, 50), "ankle": (18, 100),
}  # fmt: skip
LEGS, ARMS, FACE = ["hip", "knee", "ankle"], ["shoulder", "elbow", "wrist"], ["eye", "ear"]


def standing(people: int = 1) -> np.ndarray:
    """Positions (M, T, 17, 2) of people who face the camera, walk sideways and swing their arms and legs."""
    time = np.arange(FRAMES) / 25
    joints = []
    for name in COCO_17.joints:
        side, _, rest = name.partition("_")
        x, y = BODY[rest or name]
        sign = 1 if side == "left" else -1
        swing = 5 * np.sin(6 * time + sign) if rest in ("wrist", "elbow", "knee", "ankle") else 0 * time
        joints.append(np.stack([sign * x * bool(rest) + 3 * np.arange(FRAMES) + swing, y + 0.4 * swing], axis=1))
    return np.stack([np.stack(joints, axis=1) + 200 * person for person in range(people)]).astype(np.float32)


def exchanged(values: np.ndarray, frames: slice | list[int], names: list[str]) -> np.ndarray:
    left, right = (COCO_17.numbers(tuple(f"{side}_{name}" for name in names)) for side in ("left", "right"))
    found = values.copy()
    for person, original in zip(found, values, strict=True):
        person[np.ix_(np.arange(FRAMES)[frames], left + right)] = original[np.ix_(np.arange(FRAMES)[frames], right + left)]
    return found


@pytest.mark.parametrize("frames", [[11], slice(10, 16), [5, 20, 21, 30], slice(0, 6), slice(30, 40)], ids=str)
@pytest.mark.parametrize("names", [LEGS, ARMS, ["knee"], ["wrist", "hip"], [*LEGS, *ARMS]], ids="-".join)
def test_repair_swaps__puts_back_what_was_exchanged(frames: slice | list[int], names: list[str]) -> None:
    true = standing(2)
    sure = np.random.default_rng(0).uniform(0.5, 1, true.shape[:3])
    positions, confidence, count = repair_swaps(exchanged(true, frames, names), exchanged(sure, frames, names), COCO_17)
    assert np.array_equal(positions, true)
    assert np.array_equal(confidence, sure)
    assert count == 2 * len(np.arange(FRAMES)[frames])


def test_repair_swaps__the_face_turns_as_a_whole() -> None:
    true = standing() * 3  # an exchange must be worth more than a twelfth of the trunk
    assert np.array_equal(repair_swaps(exchanged(true, [8, 9], FACE), np.ones(true.shape[:3]), COCO_17)[0], true)


def test_repair_swaps__leaves_a_clean_clip_and_one_that_is_mirrored_throughout_alone() -> None:
    for positions in (standing(), exchanged(standing(), slice(None), [*LEGS, *ARMS, *FACE])):
        repaired, _, count = repair_swaps(positions, np.ones(positions.shape[:3]), COCO_17)
        assert count == 0
        assert np.array_equal(repaired, positions)


def test_repair_swaps__legs_that_cross_may_cross() -> None:
    positions = standing()
    knees, ankles = (COCO_17.numbers((f"left_{name}", f"right_{name}")) for name in ("knee", "ankle"))
    for pair, width in ((knees, 17), (ankles, 30)):
        across = width * np.cos(2 * np.pi * np.arange(FRAMES) / FRAMES)
        positions[0, :, pair[0], 0], positions[0, :, pair[1], 0] = 3 * np.arange(FRAMES) + across, 3 * np.arange(FRAMES) - across
    assert np.array_equal(repair_swaps(positions, np.ones(positions.shape[:3]), COCO_17)[0], positions)


def test_repair_swaps__sees_an_exchange_across_missing_frames() -> None:
    positions = exchanged(standing(), slice(20, 26), LEGS)
    positions[:, 18:20] = np.nan
    repaired, _, _ = repair_swaps(positions, np.ones(positions.shape[:3]), COCO_17)
    assert np.array_equal(repaired[:, 20:], standing()[:, 20:])
    assert np.isnan(repaired[:, 18:20]).all()


def test_repair_swaps__noise_on_joints_that_lie_close_together_changes_nothing() -> None:
    positions = standing()
    positions[:, :, COCO_17.index["left_knee"]] = positions[:, :, COCO_17.index["right_knee"]] + 1
    noisy = positions + np.random.default_rng(0).normal(0, 2, positions.shape)
    assert repair_swaps(noisy, np.ones(positions.shape[:3]), COCO_17)[2] == 0


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_repair_swaps__takes_every_layout_and_moves_hands_with_wrists(name: str) -> None:
    layout = LAYOUTS[name]
    random = np.random.default_rng(0)
    true = np.repeat(random.uniform(0, 100, (1, 1, len(layout.joints), 2)), 20, axis=1)
    true[..., 0] += np.array([200 * joint.startswith("left_") for joint in layout.joints])
    mixed = true.copy()
    mixed[0, 7] = true[0, 7, list(layout.mirrored)]
    assert np.array_equal(repair_swaps(mixed, np.ones(true.shape[:3]), layout)[0], true)
