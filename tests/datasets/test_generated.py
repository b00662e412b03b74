"""The generated data set: the same everywhere, bodies that hold together, faults that do what they say, judges as stated."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from stages.datasets import generated, manifest
from stages.datasets.generated import FAULTS, FPS, Clip, adapter_of, bodies, clean_motion, faults_of, judges, load_poses, motion, slip_of
from stages.datasets.registry import adapter_for, inputs_of
from stages.engine.seeding import generator
from stages.errors import UsageError
from stages.skeletons.layouts import KINECT_25
from tests.conftest import run_python

NONE = dict.fromkeys(FAULTS, 0.0)
PEOPLE = [Clip(f"s{number:02d}/c1", 0) for number in range(1, 13)]
J = KINECT_25.index


def with_fault(name: str, strength: float) -> dict[str, float]:
    return {**NONE, name: strength}


def moving(name: str, strength: float, clip: Clip) -> np.ndarray:
    return clean_motion(clip, with_fault(name, strength))


def pelvis_travel(positions: np.ndarray) -> float:
    return float(np.ptp(positions[:, J["pelvis"], 1]))


def side_difference(positions: np.ndarray) -> float:
    """Mean distance between the left arm and the mirrored right arm, metres."""
    mirrored = positions[:, KINECT_25.mirrored] * [-1, 1, 1]
    arm = [J["left_elbow"], J["left_wrist"], J["left_hand"]]
    return float(np.linalg.norm(positions[:, arm] - mirrored[:, arm], axis=-1).mean())


def energy(positions: np.ndarray, low: float, high: float) -> float:
    """Energy of the hands' height between two frequencies, m²."""
    height = positions[:, [J["left_hand"], J["right_hand"]], 1]
    spectrum = np.abs(np.fft.rfft(height - height.mean(axis=0), axis=0)) ** 2 / len(height) ** 2
    frequency = np.fft.rfftfreq(len(height), 1 / generated.FPS)
    return float(spectrum[(frequency >= low) & (frequency < high)].sum())


def reversals(positions: np.ndarray) -> int:
    """How often the pelvis's vertical acceleration changes its sign."""
    acceleration = np.diff(positions[:, J["pelvis"], 1], n=2)
    signs = np.sign(acceleration[np.abs(acceleration) > 1e-5])
    return int((np.diff(signs) != 0).sum())


def test_clip__is_the_same_in_another_process() -> None:
    poses = load_poses(Clip("s02/c3", 5))
    here = hashlib.sha256(poses.positions.tobytes()).hexdigest()
    code = (
        "import hashlib\nfrom stages.datasets.generated import Clip, labels, load_poses\n"
        "print(hashlib.sha256(load_poses(Clip('s02/c3', 5)).positions.tobytes()).hexdigest(), labels(Clip('s02/c3', 5)))"
    )
    there = run_python(code, PYTHONHASHSEED="77")
    assert there.stdout.strip() == f"{here} {generated.labels(Clip('s02/c3', 5))}", there.stderr


def test_clip__does_not_depend_on_how_many_there_are() -> None:
    small, large = adapter_for("generated-2x1+2").scan(None), adapter_for("generated-4x2+9").scan(None)
    assert small.manifest.by_clip()["s02/c1"] == large.manifest.by_clip()["s02/c1"]
    assert small.sources["u01/c2"] == large.sources["u01/c2"]


def test_clip__seed_and_id_change_everything() -> None:
    clips = [Clip("s01/c1", 0), Clip("s01/c2", 0), Clip("s01/c1", 1)]
    assert len({load_poses(clip).positions.tobytes() for clip in clips}) == 3
    assert len({str(inputs_of(clip)) for clip in clips}) == 3


def test_subject__clips_share_the_body() -> None:
    first, second, other = (clean_motion(Clip(name, 0), NONE) for name in ("s01/c1", "s01/c2", "s02/c1"))
    lengths = [np.linalg.norm(p[0, J["left_knee"]] - p[0, J["left_hip"]]) for p in (first, second, other)]
    assert lengths[0] == pytest.approx(lengths[1], abs=1e-12)
    assert abs(lengths[0] - lengths[2]) > 1e-3


@pytest.mark.parametrize("clip", PEOPLE[:4], ids=lambda clip: clip.subject)
@pytest.mark.parametrize("fault", [None, *FAULTS, "all"])
def test_body__holds_together(clip: Clip, fault: str | None) -> None:
    faults = dict.fromkeys(FAULTS, 1.0) if fault == "all" else with_fault(fault, 1.0) if fault else NONE
    positions = clean_motion(clip, faults)
    assert np.isfinite(positions).all()
    children, parents = (list(ends) for ends in zip(*KINECT_25.edges, strict=True))
    lengths = np.linalg.norm(positions[:, children] - positions[:, parents], axis=-1)
    rigid = [number for number, child in enumerate(children) if KINECT_25.joints[child] not in ("left_hand_tip", "right_hand_tip")]
    assert np.ptp(lengths[:, rigid], axis=0).max() < 1e-9  # the layout ties the hand's tip to the thumb, which is no bone
    sides = [(rigid[left], rigid[right]) for left, right in _same_bones(children, rigid)]
    assert len(sides) == 9
    for left, right in sides:
        assert lengths[0, left] == pytest.approx(lengths[0, right], abs=1e-9)


def _same_bones(children: list[int], rigid: list[int]) -> list[tuple[int, int]]:
    bones = [children[number] for number in rigid]
    return [(bones.index(left), bones.index(right)) for left, right in KINECT_25.symmetric_pairs if left in bones]


@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_feet__never_slide(fault: str | None) -> None:
    positions = clean_motion(PEOPLE[0], with_fault(fault, 1.0) if fault else NONE)
    feet = positions[:, [J[name] for name in ("left_ankle", "left_foot", "right_ankle", "right_foot")]]
    assert np.ptp(feet, axis=0).max() < 1e-12
    assert (feet[..., 1] > 0).all()


@pytest.mark.parametrize("clip", PEOPLE, ids=lambda clip: clip.subject)
def test_knees__bend_forwards_and_people_stay_in_balance(clip: Clip) -> None:
    positions = clean_motion(clip, NONE)
    for side in ("left", "right"):
        hip, knee, ankle, foot = (positions[:, J[f"{side}_{name}"]] for name in ("hip", "knee", "ankle", "foot"))
        middle = hip + (ankle - hip) * ((knee - hip) * (ankle - hip)).sum(axis=-1, keepdims=True) / ((ankle - hip) ** 2).sum(-1)[:, None]
        assert (((knee - middle) * (foot - ankle)).sum(axis=-1) > 0).all()
    lowest = int(positions[:, J["pelvis"], 1].argmin())
    angle = np.degrees(angle_at(positions[lowest], "left_hip", "left_knee", "left_ankle"))
    assert 70 < angle < 125
    weight = positions[:, [J["pelvis"], J["spine"], J["spine_shoulder"], J["head"], J["left_knee"], J["left_hand"]], 2].mean(axis=1)
    assert (np.abs(weight) < 0.2).all()


def angle_at(positions: np.ndarray, first: str, middle: str, last: str) -> float:
    one, two = positions[J[first]] - positions[J[middle]], positions[J[last]] - positions[J[middle]]
    return float(np.arccos(one @ two / np.linalg.norm(one) / np.linalg.norm(two)))


def test_arms__rise_to_about_shoulder_height() -> None:
    for clip in PEOPLE:
        positions = clean_motion(clip, NONE)
        above = positions[:, J["left_hand"], 1] - positions[:, J["left_shoulder"], 1]
        assert above[0] < -0.3
        assert -0.1 < above.max() < 0.35


def test_faceless_body__left_is_left_for_the_camera() -> None:
    poses = load_poses(PEOPLE[0]).positions[0]
    assert np.nanmean(poses[:, J["left_shoulder"], 0]) < np.nanmean(poses[:, J["right_shoulder"], 0])  # as a Kinect has it
    assert 1.5 < np.nanmean(poses[:, J["pelvis"], 2]) < 3.5
    assert np.nanmean(poses[:, J["head"], 1]) > np.nanmean(poses[:, J["left_foot"], 1]) + 1


@pytest.mark.parametrize("clip", PEOPLE[:6], ids=lambda clip: clip.subject)
def test_fault__changes_what_it_should_and_more_of_it_more(clip: Clip) -> None:
    steps = (0.0, 0.5, 1.0)
    travel = [pelvis_travel(moving("range", step, clip)) for step in steps]
    assert travel[0] > travel[1] > travel[2]
    assert travel[2] < 0.5 * travel[0]
    duration = [len(moving("tempo", step, clip)) for step in steps]
    assert duration[0] > duration[1] > duration[2]
    difference = [side_difference(moving("symmetry", step, clip)) for step in steps]
    assert difference[0] < difference[1] < difference[2]
    trembling = [energy(moving("tremor", step, clip), 3.5, 8) for step in steps]
    assert trembling[0] < trembling[1] < trembling[2]
    assert reversals(moving("smoothness", 1.0, clip)) > reversals(moving("smoothness", 0.0, clip)) + 4


@pytest.mark.parametrize("clip", PEOPLE[:3], ids=lambda clip: clip.subject)
def test_fault__leaves_the_others_alone(clip: Clip) -> None:
    clean = clean_motion(clip, NONE)
    for name in ("smoothness", "symmetry", "tremor", "range"):
        assert len(moving(name, 1.0, clip)) == len(clean)
    for name in ("tempo", "smoothness", "tremor"):
        assert pelvis_travel(moving(name, 1.0, clip)) == pytest.approx(pelvis_travel(clean), abs=0.02)
    for name in ("range", "tempo", "smoothness"):
        assert side_difference(moving(name, 1.0, clip)) < side_difference(moving("symmetry", 0.3, clip))


@pytest.mark.parametrize("name", FAULTS)
def test_quality__falls_with_every_fault(name: str) -> None:
    for others in (0.0, 0.4, 1.0):
        faults = dict.fromkeys(FAULTS, others)
        values = [judges.quality({**faults, name: strength}) for strength in np.linspace(0, 1, 6)]
        assert (np.diff(values) < 0).all()
    assert judges.quality(NONE) == 50
    assert judges.quality(dict.fromkeys(FAULTS, 1.0)) > 0


def test_judges__deviate_as_stated() -> None:
    leniency = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    marks = np.array([judges.draw_marks(25, leniency, generator("test", number)) for number in range(2000)])
    assert marks.mean(axis=0) - 25 == pytest.approx(leniency, abs=0.25)
    assert (marks - leniency).std(axis=0) == pytest.approx(np.full(5, judges.NOISE), rel=0.06)
    assert np.array_equal(marks, np.round(marks * 2) / 2)
    panels = np.array([judges.draw_leniency(generator("panel", number)) for number in range(2000)])
    assert panels.std() == pytest.approx(judges.LENIENCY, rel=0.05)


def test_score__drops_the_highest_and_the_lowest_mark() -> None:
    assert judges.score_of(np.array([0.0, 30.0, 31.0, 32.0, 50.0])) == 31


def test_marks__stay_on_the_scale() -> None:
    marks = np.array([judges.draw_marks(truth, np.zeros(5), generator("edge", int(truth), n)) for truth in (0, 50) for n in range(50)])
    assert marks.min() == 0
    assert marks.max() == 50


def test_manifest__columns_and_parts() -> None:
    scan = adapter_for("generated-5x2+6").scan(None)
    rows = scan.manifest.rows
    scored, bare = [row for row in rows if row.text("part") == "scored"], [row for row in rows if row.text("part") == "unscored"]
    assert (len(scored), len(bare)) == (10, 6)
    assert not {row.text("subject") for row in scored} & {row.text("subject") for row in bare}
    assert all(np.isnan(row.number("score")) for row in bare)
    assert {row.text("cohort") for row in scored} == set(generated.COHORTS)
    first = scored[0]
    marks = np.array([first.number(f"score.judge_{number}") for number in range(1, judges.JUDGES + 1)])
    assert first.number("score") == pytest.approx(judges.score_of(marks), abs=1e-3)
    assert first.number("score.fault_range") == faults_of(Clip(first.clip, 0))["range"]
    assert manifest.parse(scan.manifest.to_csv(), "again").rows[3].values == rows[3].values


def test_scores__spread_and_follow_the_truth() -> None:
    rows = [row for row in adapter_for("generated").scan(None).manifest.rows if row.text("part") == "scored"]
    score, truth = (np.array([row.number(column) for row in rows]) for column in ("score", "score.true"))
    assert len(rows) == 90
    assert score.std() > 5
    assert 0.9 < np.corrcoef(score, truth)[0, 1] < 0.999


def test_poses__lengths_vary_and_joints_go_missing() -> None:
    poses = [load_poses(clip) for clip in PEOPLE]
    assert len({p.frames for p in poses}) > 6
    assert all(60 <= p.frames <= 300 for p in poses)
    missing = [np.isnan(p.positions).any(axis=-1) for p in poses]
    assert any(gap.any() for gap in missing)
    assert np.mean([gap.mean() for gap in missing]) < 0.03
    assert all((p.confidence[0][gap[0]] == 0).all() for p, gap in zip(poses, missing, strict=True))


def test_import__goes_through_the_plan(aqa, workspace) -> None:
    assert aqa("import-poses", "--dataset", "generated-2x2+3")[:2] == (
        0,
        f"7 done, 0 skipped, 0 failed; in {workspace / 'poses/generated-2x2+3'}\n",
    )
    (workspace / "poses/generated-2x2+3/s01/c2.h5").unlink()
    code, out, _ = aqa("import-poses", "--dataset", "Generated-2x2+3")
    assert code == 0
    assert out.startswith("1 done, 6 skipped, 0 failed")


def test_variant__without_clips() -> None:
    with pytest.raises(UsageError, match="'generated-0x3' names no size"):
        adapter_for("generated-0x3")


def test_variant__unknown_name_is_refused(aqa, workspace) -> None:
    code, _, err = aqa("import-poses", "--dataset", "generated-big")
    assert code == 2
    assert "Unknown data set 'generated-big'. Did you mean 'generated'?" in err


def test_slips__one_part_in_one_repetition() -> None:
    scan = adapter_of("12x3+2-slips").scan(Path())
    rows = scan.manifest.by_clip()
    slipped = [row for row in rows.values() if row.text("slip")]
    assert {row.text("slip") for row in slipped} == {"left_arm", "right_arm", "trunk", "legs"}
    assert 0.6 < len(slipped) / 36 < 1
    for row in slipped:
        assert 0 < row.number("score.slip_start") < row.number("score.slip_end")
        assert 0.3 <= row.number("score.fault_slip") <= 1
    without = [row for row in rows.values() if row.clip.startswith("s") and not row.text("slip")]
    assert np.mean([row.number("score.true") for row in without]) > np.mean([row.number("score.true") for row in slipped]) + 5


@pytest.mark.parametrize("part", ["left_arm", "right_arm", "trunk", "legs"])
def test_slip__changes_its_part_in_its_repetition_alone(part: str) -> None:
    clip = Clip("s01/c1", 0)
    body, habits = bodies.draw_body(clip.random_of_subject("body")), motion.draw_habits(clip.random_of_subject("habits"))
    chance, faults = motion.draw_chance(clip.random("chance")), dict.fromkeys(FAULTS, 0.0)
    clean = bodies.joints(body, motion.perform(body, habits, faults, chance))
    slip = motion.Slip(part, 1, 0.8, 1)
    moved = np.linalg.norm(bodies.joints(body, motion.perform(body, habits, faults, chance, slip)) - clean, axis=2)
    starts = motion.starts_of(habits, faults, chance)
    time = np.arange(len(clean)) / FPS
    during = (time >= starts[1] - 0.1) & (time <= starts[2] + 0.1)
    assert moved[~during].max() < 0.02
    hand = {side: KINECT_25.index[f"{side}_wrist"] for side in ("left", "right")}
    if part.endswith("arm"):
        own, other = ("left", "right") if part == "left_arm" else ("right", "left")
        assert moved[during, hand[own]].max() > 0.3
        assert moved[:, hand[other]].max() < 1e-9
    else:
        assert moved[during, KINECT_25.index["spine_shoulder"]].max() > 0.04


def test_slips__are_no_part_of_the_other_sets() -> None:
    assert "slip" not in adapter_of("3x1").scan(Path()).manifest.columns
    assert slip_of(Clip("s01/c1", 0)) is None
