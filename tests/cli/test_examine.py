"""``aqa examine`` as a user types it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.small import write_image_set, write_pose_set

TINY = ["--set", "settings.encoder_settings={width: 2, features: 4}", "--set", "training.batch_size=6"]
FOLD = "cross-subject:train=s0,s1,s2,s3:test=s4,s5"


@pytest.fixture
def pictures(workspace: Path) -> Path:
    write_image_set(workspace / "images/spots")
    return workspace


@pytest.fixture
def pretrained(aqa, pictures: Path) -> Path:
    code, _, err = aqa("pretrain", "--method", "u-vi", "--protocol", FOLD, "--epochs", 2, "--set", "settings.pairs_per_clip=1", *TINY)
    assert code == 0, err
    return pictures


def test_examine__looks_at_the_clips_that_the_encoder_did_not_see(aqa, pretrained: Path) -> None:
    code, out, err = aqa("examine")
    assert code == 0, err
    assert "u-vi, trained on spots, cross-subject:train=s0,s1,s2,s3:test=s4,s5, 1 fold; 6 clips of 2 subjects of spots" in out
    assert "moment found" in out
    folder = pretrained / "examinations/u-vi"
    assert f"page: {folder / 'examine.html'}" in out
    figures = json.loads((folder / "examine.json").read_text())
    assert figures["clips"] == 6
    assert figures["stamps"] == []
    assert 0 < figures["figures"]["moment_found_by_chance"]["value"] < 0.1
    found = figures["figures"]["error"]
    assert found["low"] <= found["value"] <= found["high"]
    rows = list(csv.DictReader((folder / "examine.csv").open()))
    assert sorted({row["subject"] for row in rows}) == ["s4", "s5"]
    assert sum(float(row["error"]) for row in rows) / 6 == pytest.approx(found["value"], rel=1e-4)
    page = (folder / "examine.html").read_text()
    assert page.count("data:image/png;base64,") == 4
    assert "http" not in page.split("</style>")[1]


def test_examine__says_the_same_twice_and_as_json(aqa, pretrained: Path) -> None:
    found = [json.loads(aqa("examine", "u-vi", "--json")[1])["figures"] for _ in range(2)]
    assert found[0] == found[1]


def test_examine__all_folds_of_a_protocol_together(aqa, pictures: Path) -> None:
    aqa("pretrain", "--method", "u-vi", "--protocol", "3-fold", "--epochs", 1, "--set", "settings.pairs_per_clip=1", *TINY)
    code, out, err = aqa("examine", "--set", "sheets=0")
    assert code == 0, err
    assert "3-fold, 3 folds; 18 clips of 6 subjects" in out
    rows = list(csv.DictReader((pictures / "examinations/u-vi/examine.csv").open()))
    assert len({row["encoder"] for row in rows}) == 3
    assert len({row["clip"] for row in rows}) == 18
    assert "base64" not in (pictures / "examinations/u-vi/examine.html").read_text()


def test_examine__clips_that_it_has_seen_are_asked_for_and_stamped(aqa, pictures: Path) -> None:
    aqa("pretrain", "--method", "u-vi", "--epochs", 1, "--set", "settings.pairs_per_clip=1", *TINY)
    code, _, err = aqa("examine")
    assert code == 3
    assert "No clip of spots is left to examine u-vi on: it was trained on all of them." in err
    assert "--set seen=true" in err
    code, out, err = aqa("examine", "--set", "seen=true")
    assert code == 0, err
    assert "NOTE: 18 of the 18 clips are ones that the encoder was trained on." in out


def test_examine__people_that_it_has_seen_are_stamped(aqa, pictures: Path) -> None:
    aqa("pretrain", "--method", "u-vi", "--where", "label=0,1", "--epochs", 1, "--set", "settings.pairs_per_clip=1", *TINY)
    code, out, err = aqa("examine")
    assert code == 0, err
    assert "clips show people on whom the encoder was trained." in out


def test_examine__synchronous_clips(aqa, workspace: Path) -> None:
    write_image_set(workspace / "images/spots", cameras=1)
    file = workspace / "images/spots/manifest.csv"
    lines = file.read_text().splitlines()
    column = lines[0].split(",").index("moment")
    for number in range(1, len(lines), 3):  # clips of one subject in pairs, the third one alone
        first, second = (lines[place].split(",") for place in (number, number + 1))
        second[column] = first[column]
        lines[number + 1] = ",".join(second)
    file.write_text("\n".join(lines) + "\n")
    pairs = ["--set", "settings.pairs=clips", "--set", "settings.pairs_per_clip=1"]
    code, _, err = aqa("pretrain", "--method", "u-vi", "--protocol", FOLD, "--epochs", 1, *pairs, *TINY)
    assert code == 0, err
    code, _, err = aqa("examine")
    assert code == 0, err
    rows = list(csv.DictReader((workspace / "examinations/u-vi/examine.csv").open()))
    told = {row["clip"]: row["error"] for row in rows}
    assert [clip for clip, error in told.items() if not error] == ["s4/clip-2", "s5/clip-2"]
    assert told["s4/clip-0"] == told["s4/clip-1"]


def test_examine__other_cameras_filmed_what_it_is_asked_about(aqa, pretrained: Path) -> None:
    write_image_set(pretrained / "images/filmed", cameras=1, subjects=2)
    code, _, err = aqa("examine", "--dataset", "filmed", "--set", "seen=true")
    assert code == 2
    assert "U-VI learns from two views of a moment; these pictures have one." in err
    file = pretrained / "images/filmed/manifest.csv"
    file.write_text("clip,subject,moment\n" + "".join(f"s{s}/clip-{c},p{s},walk-{s}\n" for s in range(2) for c in range(3)))
    code, out, err = aqa("examine", "--dataset", "filmed", "--set", "settings.pairs=clips", "--set", "seen=true")
    assert code == 0, err
    assert "6 clips of 2 subjects of filmed" in out


def test_examine__the_non_experts_tasks_beside_trivial_guesses(aqa, workspace: Path) -> None:
    write_pose_set(workspace / "poses/arms")
    small = ["--set", "settings.input.frames=16", "--set", "settings.encoder_settings.units=4", "--set", "settings.units=4"]
    aqa("pretrain", "--method", "non-expert", "--epochs", 1, "--set", "validation=0.34", "--set", "training.batch_size=6", *small)
    code, out, err = aqa("examine")
    assert code == 0, err
    assert "6 clips of 2 subjects of arms" in out
    figures = json.loads((workspace / "examinations/non-expert/examine.json").read_text())["figures"]
    assert 0 <= figures["pace_accuracy"]["value"] <= 1
    assert figures["hidden_error_of_mean_pose"]["value"] > 0


def test_examine__a_contrast_of_clips_has_nothing_to_say_of_one(aqa, workspace: Path) -> None:
    write_pose_set(workspace / "poses/arms")
    small = ["--set", "settings.encoder_settings={width: 8, blocks: 3}", "--set", "settings.input.frames=16"]
    aqa("pretrain", "--method", "sme-gcn", "--epochs", 1, "--set", "training.batch_size=6", *small)
    code, _, err = aqa("examine")
    assert code == 2
    assert "The pretext of sme-gcn (sme-gcn) cannot be asked about single clips: its artifact keeps the encoder alone." in err
    assert "aqa finetune --method knn-probe --init sme-gcn" in err


def test_examine__an_unknown_encoder_and_none(aqa, workspace: Path) -> None:
    code, _, err = aqa("examine")
    assert code == 2
    assert "There is no encoder in the workspace." in err
    (workspace / "encoders/u-vi").mkdir(parents=True)
    code, _, err = aqa("examine", "u-wi")
    assert code == 2
    assert "Unknown encoder 'u-wi'. Did you mean 'u-vi'?" in err
    code, _, err = aqa("examine", "u-vi")
    assert code == 3
    assert "encoders/u-vi holds no encoder." in err


def test_examine__dry_run_writes_nothing(aqa, pretrained: Path) -> None:
    code, out, _ = aqa("examine", "--dry-run")
    assert code == 0
    assert "dry run: nothing was written" in out
    assert not (pretrained / "examinations").exists()
