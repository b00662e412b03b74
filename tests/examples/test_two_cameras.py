"""The generated set of two cameras: what it claims of itself, how views are learned and judged on it, and what U-VI is worth there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples import two_cameras as example
from stages.artifacts import store
from stages.artifacts.collection import Collection
from stages.datasets import manifest
from stages.datasets.generated import Clip, Sizes
from stages.skeletons import body_maps
from stages.skeletons import poses as pose_io

SMALL = Sizes(subjects=6, clips=1, unlabelled=10)
CLIPS = ("--set", "settings.pairs=clips")
TINY = (*CLIPS, "--set", "settings.encoder_settings={width: 2, features: 6}", "--set", "settings.pairs_per_clip=2", "--epochs", "1")
JUDGE = ("--set", "settings.units=8", "--set", "settings.frames=4", "--epochs", "2")
WITHIN = "two-cameras/cross-half:train=a:test=b"


@pytest.fixture
def drawn(aqa: Any, workspace: Path) -> Path:
    """A workspace with the set and its pictures."""
    example.write(workspace, SMALL)
    code, _, err = aqa("extract-maps", "--poses", "two-cameras", "--size", 16, "--fps", 2)
    assert code == 0, err
    return workspace


def encoder_of(workspace: Path, name: str) -> dict[str, Any]:
    training: dict[str, Any] = store.read(workspace / f"encoders/{name}.h5").documents["training"]
    return training


def test_filmed__both_cameras_see_one_body_from_a_quarter_of_a_circle_apart() -> None:
    one, two = (poses.positions[0] for poses in example.filmed(Clip("s03/c1", 0)).values())
    assert one.shape == two.shape
    both = np.isfinite(one).all(axis=2) & np.isfinite(two).all(axis=2)
    distances = [np.linalg.norm(each[:, :, None] - each[:, None], axis=3) for each in (one, two)]
    known = both[:, :, None] & both[:, None]
    assert np.abs(distances[0] - distances[1])[known].max() < 0.1, "nothing but noise tells the bodies apart"
    centred = [each[both] - each[both].mean(axis=0) for each in (one, two)]
    left, _, right = np.linalg.svd(centred[0].T @ centred[1])
    turn = (left @ right).T
    assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) == pytest.approx(90, abs=1)
    assert turn[1, 1] == pytest.approx(1, abs=1e-3), "about the vertical"


def test_views_of__who_steps_aside_before_one_camera_comes_nearer_to_the_other() -> None:
    for number in range(5):
        views = example.views_of(Clip(f"s0{number + 1}/c1", 0))
        assert views["2"].facing - views["1"].facing == pytest.approx(np.pi / 2)
        assert views["1"].aside == pytest.approx(example.CAMERAS["2"].distance - views["2"].distance)
        assert views["2"].aside == pytest.approx(views["1"].distance - example.CAMERAS["1"].distance)


def test_flattened__joints_lie_where_the_body_is_drawn() -> None:
    poses = example.filmed(Clip("s01/c1", 0))["1"]
    flat = example.flattened(poses)
    pictures, box = body_maps.draw(poses, body_maps.Camera(), "parts", 64, np.array([10]))
    places = (flat.positions[0, 10] - box[:2]) / (box[2] - box[0]) * 64
    shown = pictures[0, 2] > 0
    inside = [shown[round(float(y)), round(float(x))] for x, y in places[np.isfinite(places).all(axis=1)]]
    assert np.mean(inside) > 0.8
    name = poses.layout.index
    assert flat.positions[0, 10, name["left_shoulder"], 0] > flat.positions[0, 10, name["right_shoulder"], 0], "they face the camera"
    assert flat.positions[0, 10, name["head"], 1] < flat.positions[0, 10, name["left_knee"], 1], "y points down"


@pytest.mark.parametrize(("score", "level"), [(0.0, "0"), (9.9, "0"), (10.0, "1"), (49.5, "4"), (50.0, "4")])
def test_level_of__is_a_fifth_of_the_range(score: float, level: str) -> None:
    assert example.level_of(score) == level


def test_write__every_performance_is_two_clips(aqa: Any, workspace: Path) -> None:
    example.write(workspace, SMALL)
    for name in (example.NAME, example.FLAT):
        collection = Collection(workspace / f"poses/{name}", "poses")
        rows = manifest.read(collection.path / "manifest.csv").by_clip()
        assert set(rows) == set(collection.ids)
        assert len(rows) == 2 * 16
        for clip, row in rows.items():
            other = rows[clip.replace("camera-1", "camera-2") if row.text("camera") == "1" else clip.replace("camera-2", "camera-1")]
            assert other.text("camera") != row.text("camera")
            assert {key: row.values[key] for key in ("subject", "part", "moment", "score", "label", "half")} == {
                key: other.values[key] for key in ("subject", "part", "moment", "score", "label", "half")
            }
            assert np.isnan(row.number("score")) == (row.text("part") == "unscored")
        axes = pose_io.from_artifact(collection.read(collection.ids[0]), "x").positions.shape[3]
        assert axes == (3 if name == example.NAME else 2)
        assert aqa("validate", collection.path)[0] == 0
    seen = [{row.text("subject") for row in rows.values() if row.text("half") == half} for half in "ab"]
    assert not seen[0] & seen[1]


def test_pretrain__a_fold_s_encoder_pairs_its_training_people_before_both_cameras(aqa: Any, drawn: Path) -> None:
    code, _, err = aqa("pretrain", "--method", "u-vi", *TINY, "--protocol", WITHIN, "--name", "within")
    assert code == 0, err
    training = encoder_of(drawn, "within/half-b")
    assert {clip.split("/")[1] for clip in training["clips"]} == {"s02", "s04", "s06"}
    assert {clip.split("/")[0] for clip in training["clips"]} == {"camera-1", "camera-2"}


@pytest.mark.parametrize("camera", ["1", "2"])
def test_pretrain__one_camera_to_train_on_leaves_no_pairs(camera: str, aqa: Any, drawn: Path) -> None:
    protocol = f"two-cameras/cross-camera:train={camera}:test={3 - int(camera)}"
    code, _, err = aqa("pretrain", "--method", "u-vi", *TINY, "--protocol", protocol)
    assert code == 2
    assert "No two clips have the same value in 'moment', so none are synchronous." in err
    assert "learn from clips of two cameras or more (a protocol may leave one to train)" in err
    assert not list((drawn / "encoders").rglob("*.h5"))


def test_pretrain__people_who_are_put_aside_are_measured_in_pairs_of_their_own(aqa: Any, drawn: Path) -> None:
    options = ("--where", "part=scored", "--set", "validation=0.3", "--name", "followed")
    code, _, err = aqa("pretrain", "--method", "u-vi", *TINY, *options)
    assert code == 0, err
    training = encoder_of(drawn, "followed")
    assert {clip.split("/")[0] for clip in training["held_out"]} == {"camera-1", "camera-2"}
    assert not {clip.split("/")[1] for clip in training["held_out"]} & {clip.split("/")[1] for clip in training["clips"]}
    (row,) = training["history"]
    parts = (row["validation.invariance"], row["validation.reconstruction"], row["validation.reconstruction_shifted"])
    assert row["validation"] == pytest.approx(sum(parts) + 1e-3 * row["validation.equivariance"], rel=1e-4)


@pytest.mark.parametrize(("task", "figure"), [("score", "spearman"), ("level", "accuracy")])
def test_finetune__views_learned_from_others_judge_scores_and_levels(task: str, figure: str, aqa: Any, drawn: Path) -> None:
    code, _, err = aqa("pretrain", "--method", "u-vi", *TINY, "--where", "part=unscored", "--name", "views")
    assert code == 0, err
    assert {clip.split("/")[1][0] for clip in encoder_of(drawn, "views")["clips"]} == {"u"}
    across = ("--protocol", "two-cameras/cross-camera:train=1:test=2", "--select", "last", "--task", task)
    frozen = ("--method", "u-vi", "--init", "views", "--set", "settings.freeze=true", *JUDGE)
    code, _, err = aqa("finetune", "--dataset", "two-cameras", *across, *frozen, "--name", "judge")
    assert code == 0, err
    model = store.read(drawn / "models/judge/camera-2/0.h5").documents
    assert {clip.split("/")[0] for clip in model["data"]["test"]} == {"camera-2"}
    assert model["training"]["seen_in_pretraining"] == []
    assert aqa("evaluate", "--model", "judge")[0] == 0
    document = json.loads((drawn / "evaluations/judge/metrics.json").read_text())
    assert figure in document["overall"]
    assert document["clips"] == 6
    assert document["stamps"] == []


def test_finetune__pictures_of_another_size_than_the_encoder_s(aqa: Any, drawn: Path) -> None:
    assert aqa("pretrain", "--method", "u-vi", *TINY, "--where", "part=unscored", "--name", "views")[0] == 0
    code, _, err = aqa("extract-maps", "--poses", "two-cameras", "--size", 24, "--fps", 2, "--set-name", "larger")
    assert code == 0, err
    code, _, err = aqa("finetune", "--dataset", "larger", "--method", "u-vi", "--init", "views", "--protocol", "70-30", *JUDGE)
    assert code in (2, 3)
    assert "16 × 16" in err
    assert "24 × 24" in err


@pytest.mark.slow
def test_u_vi__finds_a_moment_in_the_other_camera_of_people_whom_it_did_not_see(aqa: Any, workspace: Path) -> None:
    example.write(workspace, Sizes(subjects=7, clips=3, unlabelled=100))
    assert aqa("extract-maps", "--poses", "two-cameras", "--size", 24, "--fps", 8)[0] == 0
    sizes = ("--set", "settings.encoder_settings.width=8", "--set", "settings.pairs_per_clip=8", "--set", "settings.dropout=0")
    school = ("--set", "training.lr=0.002", "--set", "training.batch_size=20", "--epochs", 20)
    code, _, err = aqa("pretrain", "--method", "u-vi", "--where", "part=unscored", *CLIPS, *sizes, *school, "--name", "views")
    assert code == 0, err
    assert aqa("examine", "views", "--where", "part=scored")[0] == 0
    document = json.loads((workspace / "examinations/views/examine.json").read_text())
    figures = document["figures"]
    assert (document["subjects"], document["stamps"]) == (7, [])
    assert figures["moment_found"]["low"] > figures["moment_found_by_pixels"]["high"]
    assert figures["moment_found"]["low"] > 2 * figures["moment_found_by_chance"]["value"]
    assert figures["error_with_pose_of_other_moment"]["low"] > figures["error"]["high"]
