"""Small data sets in their published layouts for the recipes of S4AQA: dives, gymnastics, surgery.  Scores show in brightness or motion."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.datasets.jigsaws.lists import TASKS
from stages.datasets.rhythmic_gymnastics import APPARATUS
from stages.video.writer import writing
from tests.datasets import published as small
from tests.datasets import test_jigsaws, test_mtl_aqa, test_rhythmic_gymnastics, trees

DIVES, TESTED = 26, 6
"""Of MTL-AQA, the last of which test; of each apparatus half as many routines."""
SIZE = (36, 36)


def write(root: Path) -> None:
    """Write every data set of the recipes below ``root``."""
    mtl_aqa(root)
    gymnastics(root / "RG")
    jigsaws(root / "JIGSAWS")


def mtl_aqa(root: Path) -> None:
    """One event's frames, a window of them for each dive, with a commentary."""
    numbers = range(1, DIVES + 1)
    scores = {n: round(100 * small.quality(n), 2) for n in numbers}
    what = ("position", "armstand", "rotation_type", "ss_no", "tw_no")
    dives = {(1, n): test_mtl_aqa.dive(103 * n, final_score=scores[n], **dict.fromkeys(what, n % 3 % 2)) for n in numbers}
    folder = root / "MTL-AQA/info"
    trees.pickled(folder / "final_annotations_dict.pkl", dives)
    trees.pickled(folder / "final_captions_dict.pkl", {key: ["<sos>", "a", ("poor", "fine")[key[1] % 2], "dive", "<eos>"] for key in dives})
    trees.pickled(folder / "train_split_0.pkl", list(dives)[:-TESTED])
    trees.pickled(folder / "test_split_0.pkl", list(dives)[-TESTED:])
    bright = [small.quality(n) for n in numbers for _ in range(103)]
    small.shots(root / "MTL-AQA/new/new_total_frames_256s/01", bright, "{:08d}.jpg")


def gymnastics(folder: Path) -> None:
    """Twelve seconds of each routine."""
    lines: dict[str, list[str]] = {"train": [], "test": []}
    (folder / "videos").mkdir(parents=True)
    for apparatus in APPARATUS:
        for n in range(1, DIVES // 2 + 1):
            clip, good = f"{apparatus}_{n:03d}", small.quality(n)
            part = "test" if n > (DIVES - TESTED) // 2 else "train"
            lines[part].append(f"{clip} {10 * good:.2f} 5.00 {10 * good + 5:.2f} 0.00 12\n")
            with writing(folder / f"videos/{clip}.mp4", 2, SIZE) as append:
                for _ in range(24):
                    append(np.full((*SIZE, 3), 40 + 170 * good, np.uint8))
    header = test_rhythmic_gymnastics.HEADER
    test_rhythmic_gymnastics.lists(folder, header + "".join(lines["train"]), header + "".join(lines["test"]))


def jigsaws(folder: Path) -> None:
    """Four surgeons with three trials of every task."""
    folds = {}
    for task in TASKS:
        names = [f"{task}_{user}00{trial}" for user in "BCDE" for trial in (1, 2, 3)]
        folds[task] = [names[fold::4] for fold in range(4)]
        (folder / task / "kinematics/AllGestures").mkdir(parents=True)
        rows = []
        for number, name in enumerate(names, start=1):
            element = 1 + round(4 * small.quality(number))
            rows.append("\t".join([name, "NIE"[number % 3], str(6 * element), *[str(element)] * 6]))
            table = test_jigsaws.table(170, number) * (0.2 + small.quality(number))
            np.savetxt(folder / task / f"kinematics/AllGestures/{name}.txt", table, fmt="%.4f")
        (folder / task / f"meta_file_{task}.txt").write_text("\n".join(rows) + "\n")
    trees.pickled(folder / "info/splits.pkl", folds)
