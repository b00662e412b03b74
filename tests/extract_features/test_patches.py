"""``aqa extract-features --patches``: what squares show, what they depend on, and which poses do not fit; from film to scores by JRG."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stages.artifacts import store
from stages.skeletons.layouts import layout_named
from stages.skeletons.poses import sequence, to_artifact
from tests.extract_features import tiny
from tests.video.make import make_video

COCO = layout_named("coco-17")
FAST = ("--backbone", "tiny", "--segments", 2, "--set", "sampling.length=4")


@pytest.fixture
def film(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A video of 12 frames; the backbone ``tiny`` is there."""
    tiny.install(monkeypatch, tmp_path / "weights")
    return make_video(tmp_path / "dive.mp4", 12)


def _poses(workspace: Path, *, frames: int = 12, seed: int = 0, people: int = 1) -> None:
    positions = np.random.default_rng(seed).uniform(5, 40, (people, frames, 17, 2))
    header = store.Header("poses", "extract-pose", 1, f"{seed:064d}")
    made = to_artifact(sequence(positions, COCO, units="px"), header, {}, {"stage": "extract-pose"})
    (workspace / "poses/dive/dive.h5").unlink(missing_ok=True)
    store.write(workspace / "poses/dive/dive.h5", made)


def test_patches__other_poses_are_other_features(aqa, workspace: Path, film: Path) -> None:
    _poses(workspace)
    assert aqa("extract-features", film, *FAST, "--patches")[0] == 0
    code, out, _ = aqa("extract-features", film, *FAST, "--patches")
    assert (code, out.split(";")[0]) == (0, "0 done, 1 skipped, 0 failed")
    _poses(workspace, seed=1)
    code, _, err = aqa("extract-features", film, *FAST, "--patches")
    assert (code, "poses" in err) == (3, True), err


def test_patches__of_several_people_the_first_counts(aqa, workspace: Path, film: Path) -> None:
    found = []
    for people in (1, 2):
        positions = np.random.default_rng(0).uniform(5, 40, (2, 12, 17, 2))[:people]
        made = to_artifact(sequence(positions, COCO, units="px"), store.Header("poses", "extract-pose", 1, f"{people:064d}"), {}, {})
        store.write(workspace / f"poses/of-{people}/dive.h5", made)
        assert aqa("extract-features", film, *FAST, "--patches", "--poses", f"of-{people}", "--name", f"by-{people}")[0] == 0
        found.append(store.read(workspace / f"features/dive/by-{people}/dive.h5").arrays["features"])
    np.testing.assert_array_equal(found[0], found[1])


def test_patches__poses_of_another_stretch_of_time_fail_by_name(aqa, workspace: Path, film: Path) -> None:
    _poses(workspace, frames=5)
    code, out, _ = aqa("extract-features", film, *FAST, "--patches")
    assert (code, out.split(";")[0]) == (4, "0 done, 0 skipped, 1 failed")
    [line] = (workspace / "features/dive/tiny-patches/failures.jsonl").read_text().splitlines()
    message = json.loads(line)["message"]
    assert "The poses are of another stretch of time: they reach from 0.00 to 0.13 s, the clip from 0.00 to 0.37 s." in message


def test_patches__as_large_as_the_body(aqa, workspace: Path, film: Path) -> None:
    _poses(workspace)
    assert aqa("extract-features", film, *FAST, "--patches", "--set", "patch_unit=trunk", "--set", "patch_size=0.5")[0] == 0
    artifact = store.read(workspace / "features/dive/tiny-patches/dive.h5")
    assert (artifact.documents["config"]["patch_unit"], artifact.arrays["features"].shape) == ("trunk", (1, 2, tiny.DIMENSIONS, 17))
    assert np.isfinite(artifact.arrays["features"]).all()
    code, _, err = aqa("extract-features", film, *FAST, "--patches")
    assert code == 3
    assert "- patch_unit: was" in err
    assert aqa("extract-features", film, *FAST, "--patches", "--set", "patch_unit=head")[0] == 2


@pytest.mark.slow
def test_patches__from_generated_films_to_scores_by_jrg(aqa, workspace: Path, tmp_path: Path) -> None:
    videos = tmp_path / "squats"
    filmed = (videos, "--manifest", videos / "manifest.csv")
    assert aqa("datasets", "film", "generated-6x2", "-o", videos)[0] == 0
    assert aqa("extract-pose", *filmed, "--estimator", "tiny")[0] == 0
    for more in ((), ("--patches", "--set", "patch_unit=trunk", "--set", "patch_size=0.8")):
        code, out, err = aqa("extract-features", *filmed, "--backbone", "tiny", "--segments", 4, *more)
        assert (code, out.split(";")[0]) == (0, "12 done, 0 skipped, 0 failed"), err
    code, out, err = aqa("finetune", "--method", "jrg", "--backbone", "tiny", "--protocol", "3-fold", "--epochs", 3)
    assert (code, out.split(";")[0]) == (0, "3 done, 0 skipped, 0 failed"), err
    code, out, err = aqa("evaluate")
    assert (code, "12 clips" in out) == (0, True), err
