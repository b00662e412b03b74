"""``aqa finetune --method tsa-net``: filmed people, their frames and their boxes, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stages.artifacts import store
from stages.datasets import manifest
from stages.datasets.generated import Clip, film
from stages.skeletons.layouts import COCO_17
from stages.skeletons.poses import sequence, to_artifact
from stages.video.writer import writing

CLIPS = 6
TINY = ("--set", "settings.backbone={network: tiny, weights: packaged, segments: 1}", "--set", "settings.hidden=[8]")
TRAIN = ("finetune", "--method", "tsa-net", "--dataset", "films", "--protocol", "2-fold", "--select", "last", "--epochs", "1", *TINY)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Films of people who squat, every eighth frame of the movement."""
    folder = tmp_path_factory.mktemp("filmed") / "films"
    rows: list[tuple[str, dict[str, manifest.Value]]] = []
    for number in range(1, CLIPS + 1):
        whole = film.film_of(Clip(f"s{number:02d}/c1", 0))
        shot = film.Film(whole.clip, whole.body[::8], whole.lens)
        name = f"s{number:02d}/c1"
        (folder / name).parent.mkdir(parents=True)
        with writing(folder / f"{name}.mp4", 8, film.SIZE) as append:
            for image in film.frames(shot):
                append(image)
        rows.append((name, {"score": float(10 * number), "subject": f"s{number:02d}", "fault": ("no", "yes")[number // 2 % 2]}))
    (folder / "manifest.csv").write_text(manifest.from_rows(rows, "films").to_csv())
    return folder


@pytest.fixture
def seen(films: Path, workspace: Path, aqa) -> Path:
    """A workspace with the films' frames and poses."""
    labels = ("--manifest", films / "manifest.csv")
    assert aqa("extract-pose", films, *labels, "--estimator", "tiny")[0] == 0
    assert aqa("extract-maps", films, *labels, "--source", "frames", "--size", "64")[0] == 0
    return workspace


def test_finetune__from_videos_to_an_evaluation(aqa, seen: Path) -> None:
    code, _, err = aqa(*TRAIN, "--set", "training.micro_batch=2")
    assert code == 0, err
    code, out, err = aqa("evaluate")
    assert (code, "6 clips" in out) == (0, True), err
    model = store.read(seen / "models/films-tsa-net/fold-0/0.h5", "model")
    assert {entry["role"] for entry in model.documents["provenance"]["inputs"]} == {"images", "poses"}
    for attention in ("all", "none"):
        code, _, err = aqa(*TRAIN, "--name", attention, "--set", f"settings.attention={attention}", "--set", "settings.head=regression")
        assert code == 0, err
        model = store.read(seen / f"models/{attention}/fold-0/0.h5", "model")
        assert {entry["role"] for entry in model.documents["provenance"]["inputs"]} == {"images"}
        assert any("attentions" in name for name in model.arrays) == (attention == "all")
    assert aqa("evaluate", "--model", "none")[0] == 0
    assert json.loads((seen / "evaluations/none/metrics.json").read_text())["select"] == "last"
    code, _, err = aqa(*TRAIN, "--name", "faults", "--task", "level", "--target-column", "fault")
    assert code == 0, err


def test_finetune__clips_without_poses_are_left_out_and_others_must_fit(aqa, seen: Path) -> None:
    (seen / "poses/films/s01/c1.h5").unlink()
    code, _, err = aqa(*TRAIN)
    assert (code, "1 clip(s) of the manifest have no poses and are left out: s01/c1" in err) == (0, True), err
    path = seen / "poses/films/s02/c1.h5"
    poses = sequence(np.full((1, 40, 17, 2), 50.0), COCO_17, fps=60, units="px", origin="image top left")
    store.write(path, to_artifact(poses, store.Header("poses", "import-poses", 1, "other"), {}, {}))
    code, _, err = aqa(*TRAIN, "--name", "again")
    assert code == 3
    assert "s02/c1: the poses reach from 0.00 to 0.65 s, the pictures from 0.00" in err
    assert "hint: extract both from the same videos: aqa extract-pose VIDEOS" in err


def test_finetune__no_poses_at_all(aqa, films: Path, workspace: Path) -> None:
    labels = ("--manifest", films / "manifest.csv")
    assert aqa("extract-maps", films, *labels, "--source", "frames", "--size", "64")[0] == 0
    code, _, err = aqa(*TRAIN)
    assert (code, "There are no poses of 'films'" in err) == (2, True), err


def test_profile__counts_attention_in_a_quarter_of_the_picture(aqa, workspace: Path) -> None:
    parts = {}
    for attention in ("tube", "all", "none"):
        code, out, err = aqa(
            "profile", "--method", "tsa-net", "--repeats", "0", "--json", *TINY, "--set", f"settings.attention={attention}"
        )
        assert code == 0, err
        (parts[attention],) = json.loads(out)
    assert parts["none"]["parameters"] < parts["tube"]["parameters"] == parts["all"]["parameters"]
    assert parts["none"]["macs"] < parts["tube"]["macs"] < parts["all"]["macs"]
