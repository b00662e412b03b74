"""Joint layouts: numbering as their authors have it, symmetry, and trees without loops."""

from __future__ import annotations

import pytest

from stages.errors import UsageError
from stages.skeletons.layouts import LAYOUTS, Layout, layout_named, name_of_joints

EVERY = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())


@EVERY
def test_layout__number_in_the_name_is_the_number_of_joints(layout: Layout) -> None:
    assert len(layout.joints) == int(layout.name.rsplit("-", 1)[1])


@EVERY
def test_layout__one_tree_that_reaches_every_joint(layout: Layout) -> None:
    assert len(layout.edges) == len(layout.joints) - 1
    for joint in layout.joints:
        steps, here = 0, joint
        while (parent := layout.parents[here]) is not None:
            here, steps = parent, steps + 1
            assert steps < len(layout.joints), f"{joint} runs in a circle"


@EVERY
def test_layout__mirroring_twice_is_nothing(layout: Layout) -> None:
    assert [layout.mirrored[other] for other in layout.mirrored] == list(range(len(layout.joints)))
    for left, right in layout.symmetric_pairs:
        assert layout.joints[left].removeprefix("left_") == layout.joints[right].removeprefix("right_")
    assert len(layout.symmetric_pairs) == sum(name.startswith("left_") for name in layout.joints)


@EVERY
def test_layout__mirroring_keeps_the_bones(layout: Layout) -> None:
    assert {(layout.mirrored[child], layout.mirrored[parent]) for child, parent in layout.edges} == set(layout.edges)


@EVERY
def test_layout__every_joint_is_in_one_part_on_its_side(layout: Layout) -> None:
    assert sorted(number for numbers in layout.parts.values() for number in numbers) == list(range(len(layout.joints)))
    for side in ("left", "right"):
        for limb in ("arm", "leg"):
            names = [layout.joints[number] for number in layout.parts[f"{side}_{limb}"]]
            assert len(names) >= 3
            assert all(name.startswith(f"{side}_") for name in names)


@EVERY
def test_layout__centre_trunk_and_aliases_are_joints(layout: Layout) -> None:
    assert layout.numbers(layout.centre)
    assert layout.numbers(layout.trunk[0])
    assert layout.numbers(layout.trunk[1])
    assert set(layout.also.values()) <= set(layout.joints)
    assert not set(layout.also) & set(layout.joints)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("coco-17", {"nose": 0, "left_shoulder": 5, "right_wrist": 10, "left_hip": 11, "right_ankle": 16}),
        (
            "openpose-18",
            {"neck": 1, "right_shoulder": 2, "left_wrist": 7, "right_hip": 8, "left_ankle": 13, "right_eye": 14, "left_ear": 17},
        ),
        ("openpose-25", {"neck": 1, "pelvis": 8, "right_hip": 9, "left_ankle": 14, "left_big_toe": 19, "left_heel": 21, "right_heel": 24}),
        (
            "kinect-20",
            {"pelvis": 0, "spine_shoulder": 2, "head": 3, "left_shoulder": 4, "right_hand": 11, "left_hip": 12, "right_foot": 19},
        ),
        (
            "kinect-25",
            {"pelvis": 0, "neck": 2, "left_shoulder": 4, "right_hip": 16, "spine_shoulder": 20, "left_thumb": 22, "right_thumb": 24},
        ),
        (
            "ui-prmd-22",
            {"pelvis": 0, "spine_shoulder": 2, "head_tip": 5, "left_wrist": 9, "right_collar": 10, "left_hip": 14, "right_foot": 21},
        ),
        ("openni-15", {"head": 0, "spine_shoulder": 1, "spine": 2, "left_shoulder": 3, "right_hand": 8, "left_hip": 9, "right_foot": 14}),
        ("mediapipe-33", {"nose": 0, "left_shoulder": 11, "right_wrist": 16, "left_hip": 23, "right_ankle": 28, "right_foot_index": 32}),
    ],
)
def test_numbering__as_published(name: str, numbers: dict[str, int]) -> None:
    index = LAYOUTS[name].index
    assert {joint: index[joint] for joint in numbers} == numbers


def test_layout_named__unknown() -> None:
    with pytest.raises(UsageError, match=r"Unknown skeleton 'coco17'\. Did you mean 'coco-17'\?"):
        layout_named("coco17")


@EVERY
def test_name_of_joints__finds_the_layout_and_minds_the_order(layout: Layout) -> None:
    assert name_of_joints(list(layout.joints)) == layout.name
    assert name_of_joints(layout.joints[::-1]) == ""
    assert name_of_joints(()) == ""
