"""``aqa score`` as a user types it: on videos, and on clips of the workspace."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from stages.artifacts import store
from tests.small import write_feature_set, write_pose_set


@pytest.fixture
def model(aqa, workspace) -> str:
    """An experiment of three folds on small poses that nobody made from videos."""
    write_pose_set(workspace / "poses/arms")
    assert aqa("finetune", "--dataset", "arms", "--method", "kinematics-ridge", "--protocol", "3-fold", "--name", "arms")[0] == 0
    return "arms"


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    """Three filmed squats, of three people."""
    from stages.datasets.generated.film.shoot import shoot
    from stages.engine.progress import Silent

    folder, flat = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("films")
    shoot("generated-3x1", folder, Silent())
    for path in folder.glob("*/*.mp4"):
        path.rename(flat / f"{path.parent.name}-{path.name}")
    return flat


def test_set__every_clip_with_interval_percentile_and_facts(aqa, workspace, model) -> None:
    code, out, err = aqa("score", "--dataset", "arms", "--model", model, "--confidence", "0.8", "--json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert (said["model"], said["confidence"], said["failed"]) == ("arms", 0.8, {})
    assert len(said["clips"]) == 18
    for clip in said["clips"]:
        assert clip["low"] < clip["score"] < clip["high"]
        assert 0 <= clip["percentile"] <= 100
        assert clip["inputs"]["poses"]["skeleton"] == "kinect-20"
    values = {clip["clip"]: clip["score"] for clip in said["clips"]}
    rows = list(csv.DictReader((workspace / "poses/arms/manifest.csv").open()))
    assert np.corrcoef([float(row["score"]) for row in rows], [values[row["clip"]] for row in rows])[0, 1] > 0.8


def test_text__says_what_people_need(aqa, workspace, model) -> None:
    code, out, _ = aqa("score", "--dataset", "arms", "--where", "subject=s0", "--csv", workspace / "s.csv")
    assert code == 0
    first, second, *_ = out.splitlines()
    assert first.startswith("s0/clip-0: ")
    assert out.count("NOTE: 2 of 3 models learned from it, so its score flatters; aqa evaluate leaves them out") == 3
    assert "with 90%  above " in first
    assert second == "  poses: 0.8 s, 30 frames per second, joints seen in 100%, mean confidence 1.00"
    table = list(csv.DictReader((workspace / "s.csv").open()))
    assert [row["clip"] for row in table] == ["s0/clip-0", "s0/clip-1", "s0/clip-2"]
    assert float(table[0]["low"]) < float(table[0]["score"]) < float(table[0]["high"])


def test_interval__takes_clips_enough(aqa, workspace, model) -> None:
    code, out, _ = aqa("score", "--dataset", "arms", "--where", "subject=s0", "--confidence", "0.99")
    assert code == 0
    assert out.count("NOTE: an interval of 99% takes 99 held-out clips, the models have 18") == 3


def test_file__is_a_model_by_itself(aqa, workspace, model) -> None:
    file = workspace / "models/arms/fold-1/0.h5"
    code, out, _ = aqa("score", "--dataset", "arms", "--where", "subject=s0", "--model", file, "--confidence", "0.7", "--json")
    assert code == 0
    assert {clip["spread"] for clip in json.loads(out)["clips"]} == {0.0}
    carried = store.read_document(file, "carried")
    assert carried["held_out"]["of"] == "test"
    assert carried["held_out"]["clips"] == store.read_document(file, "data")["test"]


def test_levels__are_a_set(aqa, workspace) -> None:
    write_feature_set(workspace / "features/arms/tiny")
    tune = ("--method", "features-mlp", "--task", "action", "--protocol", "3-fold", "--epochs", "30", "--select", "last")
    assert aqa("finetune", "--dataset", "arms", *tune, "--name", "kind")[0] == 0
    code, out, _ = aqa("score", "--dataset", "arms", "--model", "kind", "--json", "--csv", workspace / "k.csv")
    assert code == 0
    for clip in json.loads(out)["clips"]:
        assert clip["label"] in ("low", "high")
        assert set(clip["labels"]) <= {"low", "high"}
        assert "score" not in clip
    assert (workspace / "k.csv").read_text().startswith("clip,label,labels,likeness,warnings\n")


def test_classes__one_model_each_and_each_judges_its_own(aqa, workspace) -> None:
    write_pose_set(workspace / "poses/arms", subjects=8)
    per = ("--per", "action", "--name", "each")
    assert aqa("finetune", "--dataset", "arms", "--method", "kinematics-ridge", "--protocol", "2-fold", *per)[0] == 0
    code, out, _ = aqa("score", "--dataset", "arms", "--json")
    assert code == 0
    rows = {row["clip"]: row["action"] for row in csv.DictReader((workspace / "poses/arms/manifest.csv").open())}
    scores = {kind: [clip["score"] for clip in json.loads(out)["clips"] if rows[clip["clip"]] == kind] for kind in ("low", "high")}
    assert max(scores["low"]) < np.mean(scores["high"])


def test_classes__must_be_known(aqa, workspace) -> None:
    folder = workspace / "poses/arms"
    write_pose_set(folder, subjects=8)
    tune = ("--protocol", "2-fold", "--set", "target.scaling=class-standardise", "--name", "both")
    assert aqa("finetune", "--dataset", "arms", "--method", "kinematics-ridge", *tune)[0] == 0
    (folder / "manifest.csv").unlink()
    code, _, err = aqa("score", "--dataset", "arms")
    assert code == 2
    assert "Nothing is known of s0/clip-0's 'action': the model knows several: high, low." in err
    assert "--with action=VALUE, or --manifest FILE" in err
    code, out, _ = aqa("score", "--dataset", "arms", "--with", "action=low", "--json")
    assert code == 0
    assert len(json.loads(out)["clips"]) == 24
    code, out, _ = aqa("score", "--dataset", "arms", "--with", "action=other")
    assert code == 0
    assert "NOTE: training saw no clip of the class 'other'; its units are those of an average class" in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "Videos or a set of the workspace are scored: give one of them."),
        (("film.mp4", "--dataset", "arms"), 2, "Videos or a set of the workspace are scored: give one of them."),
        (("--dataset", "arms", "--model", "arm"), 2, "Unknown experiment or file 'arm'. Did you mean 'arms'?"),
        (("--dataset", "arms", "--model", "{w}/poses"), 2, "holds no index.json, the list of an experiment's models."),
        (("--dataset", "arms", "--with", "difficulty=hard"), 2, "--with difficulty=hard: difficulty must be a number, found 'hard'."),
        (("--dataset", "arms", "--with", "action"), 2, "--with takes NAME=VALUE, found 'action'."),
        (("--dataset", "arms", "--confidence", "1"), 2, "confidence"),
        (("{w}/none.mp4",), 2, "none.mp4 does not exist."),
    ],
)
def test_errors__say_what_is_wrong(aqa, workspace, model, arguments, code, message) -> None:
    found, _, err = aqa("score", *(str(each).format(w=workspace) for each in arguments))
    assert found == code
    assert message in err


def test_models__that_are_missing_or_damaged(aqa, workspace, model) -> None:
    (workspace / "models/arms/fold-1/0.h5").unlink()
    code, _, err = aqa("score", "--dataset", "arms")
    assert code == 3
    assert "1 of 3 models of 'arms' are missing: fold-1/0." in err
    (workspace / "models/arms/index.json").write_text("{")
    code, _, err = aqa("score", "--dataset", "arms", "--model", workspace / "models/arms")
    assert code == 3
    assert "the list of an experiment's models, is damaged." in err


def test_video__cannot_be_scored_by_a_model_of_imported_poses(aqa, workspace, model, films) -> None:
    code, _, err = aqa("score", films, "--model", model)
    assert code == 2
    assert "What this model learned from was made by nobody knows what, not from videos, so a video does not tell it." in err
    assert "aqa score --dataset NAME" in err


def test_video__by_poses_as_in_training(aqa, workspace, films, tmp_path) -> None:
    (tmp_path / "m.csv").write_text("clip,score,subject\ns01-c1,10,a\ns02-c1,20,b\ns03-c1,30,c")
    extract = ("--estimator", "tiny", "--smooth", "0.3", "--set-name", "squats", "--manifest", tmp_path / "m.csv")
    assert aqa("extract-pose", films, *extract)[0] == 0
    assert aqa("finetune", "--dataset", "squats", "--method", "kinematics-ridge", "--protocol", "leave-one-out", "--name", "own")[0] == 0
    own = tmp_path / "own.mp4"
    own.write_bytes((films / "s01-c1.mp4").read_bytes())
    code, out, err = aqa("score", own, "--model", "own", "--json")
    assert (code, "extract-pose" in err) == (0, False)
    (clip,) = json.loads(out)["clips"]
    assert clip["clip"] == "own"
    (made,) = (workspace / "scored").glob("pose-*/own-*.h5")
    known = store.read_document(workspace / "poses/squats/s01-c1.h5", "config")
    assert store.read_document(made, "config") == known
    before = made.stat().st_mtime_ns
    other = tmp_path / "other" / "own.mp4"
    other.parent.mkdir()
    other.write_bytes((films / "s02-c1.mp4").read_bytes())
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(own.read_bytes()[:2000])
    code, out, err = aqa("score", own, other.parent, broken, "--model", "own", "--json")
    assert code == 2
    code, out, err = aqa("score", own, broken, "--model", "own", "--json")
    assert code == 4
    assert "1 of 2 videos failed:" in err
    assert list(json.loads(out)["failed"]) == ["broken"]
    assert json.loads(out)["clips"] == [clip]
    assert made.stat().st_mtime_ns == before
    code, out, _ = aqa("score", other, "--model", "own", "--json")
    assert code == 0
    assert json.loads(out)["clips"][0]["score"] != clip["score"]
    code, _, err = aqa("score", broken, "--model", "own")
    assert code == 3
    assert "None of 1 video(s) could be scored: broken: " in err


def test_why__in_text_json_page_and_video(aqa, workspace, films, tmp_path) -> None:
    (tmp_path / "m.csv").write_text("clip,score,subject\ns01-c1,10,a\ns02-c1,20,b\ns03-c1,30,c")
    extract = ("--estimator", "tiny", "--set-name", "squats", "--manifest", tmp_path / "m.csv")
    assert aqa("extract-pose", films, *extract)[0] == 0
    assert aqa("finetune", "--dataset", "squats", "--method", "kinematics-ridge", "--protocol", "leave-one-out", "--name", "own")[0] == 0
    own = films / "s01-c1.mp4"
    code, out, err = aqa("score", own, "--explain", "replacement", "--video")
    assert code == 0, err
    reports = workspace / "scored/reports/own"
    assert "costs " in out
    assert f"  page: {reports / 's01-c1.html'}" in out
    assert f"  video: {reports / 's01-c1.mp4'}" in out
    page = (reports / "s01-c1.html").read_text()
    assert "Why: poses" in page
    assert page.count('class="limb left"') > 20
    for outside in ("http://", "https://", "src="):
        assert outside not in page
    code, out, _ = aqa("score", own, "--explain", "replacement", "--json", "--no-report")
    assert code == 0
    (why,) = json.loads(out)["clips"][0]["why"]
    assert why["parts"][-1] == "whole body"
    assert np.shape(why["grid"]) == (6, 8)
    (tmp_path / "s.json").write_text(out)
    code, _, err = aqa("render", own, "--poses", "squats", "--why", tmp_path / "s.json", "--sheet", "3", "-o", tmp_path / "drawn")
    assert code == 0, err
    plain = aqa("render", own, "--poses", "squats", "--sheet", "3", "-o", tmp_path / "plain")
    assert plain[0] == 0
    assert (tmp_path / "drawn/s01-c1.png").read_bytes() != (tmp_path / "plain/s01-c1.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--video",), "A video shows why a score is what it is, and nobody asked."),
        (("--explain", "gradients"), "Gradients are those of networks; this method is fitted in one call."),
        (("--explain", "magic"), "explain"),
    ],
)
def test_why__errors(aqa, workspace, model, arguments, message) -> None:
    code, _, err = aqa("score", "--dataset", "arms", "--model", model, *arguments)
    assert code == 2
    assert message in err


MISFIT = {"of": "poses", "how": "x", "parts": ["a"], "edges": [0, 1], "grid": [[1, 2]], "totals": [1]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "does not say why scores are what they are."),
        ({"clips": [{"clip": "a", "score": 1.0, "why": []}]}, "explains no scores by poses."),
        ({"clips": [{"clip": "a", "score": 1.0, "why": [MISFIT]}]}, "does not say why scores are what they are."),
    ],
)
def test_render__of_what_is_no_explanation(aqa, workspace, model, tmp_path, content, message) -> None:
    (tmp_path / "s.json").write_text(json.dumps(content))
    code, _, err = aqa("render", "--poses", "arms", "--why", tmp_path / "s.json")
    assert code == 3
    assert message in err
