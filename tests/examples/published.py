"""Small data sets in their published layouts, all under one data root, with what the recipes need: film, skeletons, scores."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from stages.datasets import aqa_7
from stages.datasets.generated import Clip, film
from stages.skeletons.layouts import COCO_17, KINECT_20, KINECT_25
from stages.video.writer import writing
from tests.datasets import published as small
from tests.datasets import test_infants, test_kimore, trees
from tests.small import clip as moving

EACH = 4
"""Clips of each class and part; three that test are the fewest of which a class's order is measured."""
DIVES = 370
PATIENTS = 10
"""Of KIMORE; 30 % of them are three."""
HEALTHY, AT_RISK = 6, 6
"""Infants; there is a healthy one in each of five folds."""


def write(root: Path) -> None:
    """Write every data set of the recipes below ``root``."""
    aqa_7_and_dives(root)
    skating(root / "MMFS-63", root / "AQA-7/diving-out")
    ntu60(root / "NTU60/nturgb+d_skeletons")
    nw_ucla(root / "NW-UCLA/all_sqe")
    kimore(root, root / "AQA-7/diving-out")
    small.utkinect(root)
    small.uwa3d(root)
    infants(root / "Infant_movement_assessment/data")


def aqa_7_and_dives(root: Path) -> None:
    """Film people who squat in AQA-7's folders, the same ones in every class; the difficulty of its dives makes them UNLV-Dive too."""
    folder = root / "AQA-7"
    for number in range(1, 2 * EACH + 1):
        whole = film.film_of(Clip(f"s{number:02d}/c1", 0))
        shot = film.Film(whole.clip, whole.body[::8], whole.lens)
        with writing(folder / f"diving-out/{number:03d}.mp4", 8, film.SIZE) as append:
            for image in film.frames(shot):
                append(image)
    for sport in aqa_7.SPORTS[1:]:
        shutil.copytree(folder / "diving-out", folder / f"{sport.name}-out")
    for part, first in (("train", 1), ("test", EACH + 1)):
        numbers = range(first, first + EACH)
        rows = [[sport.number, number, 10 * sport.number + 3 * number] for sport in aqa_7.SPORTS for number in numbers]
        trees.matrix(folder / f"Split_4/split_4_{part}_list.mat", f"consolidated_{part}_list", rows)
    trees.matrix(root / "diving_difficulty_level.mat", "difficulty_level", np.full((DIVES, 1), 2.5))


def skating(folder: Path, film_of: Path) -> None:
    """Write MMFS-63's arrays, and a film of each clip."""
    for part in ("train", "test"):
        data = np.zeros((EACH, 3, 20, 17, 1), np.float32)
        for number in range(EACH):
            data[number, :2, :12, :, 0] = 100 + 50 * moving(number / EACH, 12, number, COCO_17)[0, :, :, :2].transpose(2, 0, 1)
            data[number, 2, :12] = 0.9
            (folder / f"videos/{part}").mkdir(parents=True, exist_ok=True)
            shutil.copy(film_of / f"{number + 1:03d}.mp4", folder / f"videos/{part}/{part[0]}{number}.mp4")
        trees.features(folder / f"{part}_data.npy", data)
        trees.pickled(folder / f"{part}_label.pkl", [number % 2 for number in range(EACH)])
        trees.pickled(folder / f"{part}_score.pkl", [float(number) for number in range(EACH)])
        trees.pickled(folder / f"{part}_name.pkl", [f"{part[0]}{number}" for number in range(EACH)])


def ntu60(folder: Path) -> None:
    """Write two actions of people who train (1, 2, 4) and who test (3, 6)."""
    folder.mkdir(parents=True)
    for person in (1, 2, 4, 3, 6):
        for action in (1, 2):
            frames = moving(action / 2, 12, 10 * person + action, KINECT_25)[0]
            lines = [str(len(frames))]
            for joints in frames:
                lines += ["1", "72057590 0 1 1 1 1 0 0.01 0.02 2", "25"]
                lines += [f"{x:.5f} {y:.5f} {z:.5f} 0 0 0 0 0 0 0 0 2" for x, y, z in joints]
            (folder / f"S001C001P{person:03d}R001A{action:03d}.skeleton").write_text("\n".join(lines) + "\n")


def nw_ucla(folder: Path) -> None:
    """Write two actions of three people in three views."""
    folder.mkdir(parents=True)
    for action in ("a01", "a08"):
        for person in (1, 2, 3):
            for view in (1, 2, 3):
                name = f"{action}_s{person:02d}_e00_v{view:02d}"
                frames = moving(float(action == "a01"), 12, 10 * person + view, KINECT_20)[0]
                (folder / f"{name}.json").write_text(json.dumps({"file_name": name, "skeletons": frames.tolist()}))


def kimore(root: Path, film_of: Path) -> None:
    """Write five exercises of ten people, and a film of each as recipes look for it."""
    for person in range(1, PATIENTS + 1):
        for exercise in range(1, 6):
            good = small.quality(person + 2 * exercise)
            rows = [",".join(f"{x:.4f},{y:.4f},{z:.4f},2" for x, y, z in frame) + "," for frame in small.joints(good, KINECT_25)]
            scores = {f"cTS{exercise}": 50 * good, f"cPO{exercise}": 15 * good, f"cCF{exercise}": 35 * good}
            place = f"GPP/Stroke/S_ID{person}/Es{exercise}"
            test_kimore.write_exercise(root / "KiMoRe", place, "\n".join(rows) + "\n", **scores)
            video = root / f"KiMoRe-videos/{place}.mp4"
            video.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(film_of / f"{(person + exercise) % (2 * EACH) + 1:03d}.mp4", video)


def infants(folder: Path) -> None:
    """Write videos of healthy infants, and of infants at three risks."""
    healthy = [f"video_{number:06d}" for number in range(HEALTHY)]
    test_infants.write(
        folder / "pose_estimates/youtube/py/pose_estimates.pkl",
        [row for number, video in enumerate(healthy) for row in test_infants.rows_of(video, 0.9, number)],
    )
    test_infants.write(folder / "video_meta_data/meta_data_yt.pkl", [{"video": v, "infant_id": float(n)} for n, v in enumerate(healthy)])
    test_infants.write(
        folder / "pose_estimates/clinical/py/pose_estimates.pkl",
        [row for infant in range(AT_RISK) for row in test_infants.rows_of(f"822487_{infant:02d}_1_1", 0.2 * (infant % 3), 50 + infant)],
    )
    facts = [{"infant": infant, "session": 1, "Risk_low0_mod1_high2_corr": float(infant % 3)} for infant in range(AT_RISK)]
    test_infants.write(folder / "video_meta_data/meta_data_clin.pkl", facts)
