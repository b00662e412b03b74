"""Small trees in the published layouts, in whose recordings the score or the action shows, each with a defect or two.

A tree has as many subjects as its data set's default protocol needs.  Every function writes one data set below a data root.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from stages.datasets import irds as irds_files
from stages.datasets import ui_prmd as ui_prmd_files
from stages.datasets.generated import Clip, film
from stages.skeletons.layouts import COCO_17, KINECT_20, KINECT_25, OPENNI_15, UI_PRMD_22, Layout
from tests.datasets import (
    test_aqa_7,
    test_finediving,
    test_fis_v,
    test_infants,
    test_jigsaws,
    test_kimore,
    test_mmfs_63,
    test_mtl_aqa,
    test_ntu60,
    test_qmar,
    test_rhythmic_gymnastics,
    test_unlv_dive,
    test_uwa3d,
    trees,
)
from tests.small import clip as moving

FRAMES = 12
TRAIN, TEST = range(1, 9), range(9, 13)
"""Numbers of the clips of sets with a published split."""


def quality(number: int) -> float:
    """How well clip ``number`` is done, 0 to 1."""
    return (number * 5 % 13) / 12


def joints(number: float, layout: Layout, frames: int = FRAMES) -> np.ndarray:
    """Positions (T, V, 3) of somebody who raises the arms as high as ``number`` (0 to 1) says."""
    return moving(number, frames, round(100 * number), layout)[0]


def shots(folder: Path, numbers: Sequence[float], name: str = "img_{:05d}.jpg") -> Path:
    """Write one frame for each of ``numbers`` (0 to 1), as bright as it says."""
    folder.mkdir(parents=True)
    for place, number in enumerate(numbers, start=1):
        cv2.imwrite(str(folder / name.format(place)), np.full((36, 36, 3), 40 + 170 * number, np.uint8))
    return folder


def values(number: int, segments: int = 3) -> np.ndarray:
    """Features (S, D) of clip ``number``."""
    return quality(number) + 0.1 * np.random.default_rng(number).normal(size=(segments, 6))


def aqa_7(root: Path) -> None:
    """Dives as folders of frames; one is listed twice, one was not downloaded."""
    train, test = ([[1, number, round(100 * quality(number), 2)] for number in part] for part in (TRAIN, TEST))
    test_aqa_7.lists(root / "AQA-7/Split_4", [*train, train[0], [1, 99, 50.0]], test)
    for number in (*TRAIN, *TEST):
        shots(root / f"AQA-7/diving-out/{number:03d}", [quality(number)] * FRAMES)


def trampoline(root: Path) -> None:
    """Filmed people; a folder is not a clip."""
    for number in range(1, 4):
        whole = film.film_of(Clip(f"s{number:02d}/c1", 0))
        folder = root / f"AQA-7/trampoline-out/{number:03d}"
        folder.mkdir(parents=True)
        for place, image in enumerate(film.frames(film.Film(whole.clip, whole.body[::12], whole.lens)), start=1):
            cv2.imwrite(str(folder / f"img_{place:05d}.jpg"), image)
    trees.frames(root / "AQA-7/trampoline-out/notes", 1)


def unlv_dive(root: Path) -> None:
    """The authors' matrices, and features of a few dives only."""
    test_unlv_dive.authors(root)
    for part, numbers in (("train", range(10, 130, 10)), ("test", range(310, 350, 10))):
        known = {"score": test_unlv_dive.SCORES[np.array(numbers) - 1], "difficulty": test_unlv_dive.DIFFICULTIES[np.array(numbers) - 1]}
        test_unlv_dive.plain(root / f"UNLV-Dive/p3d_{part}.npz", list(numbers), **known)


def mtl_aqa(root: Path) -> None:
    """One event's frames, a window of them for each dive; one dive ends behind the last frame, one has marks that do not add up."""
    dives = {(1, n): test_mtl_aqa.dive(103 * n, final_score=round(100 * quality(n), 2)) for n in (*TRAIN, *TEST)}
    dives[1, 13] = test_mtl_aqa.dive(103 * 14)
    dives[1, 1]["judge_scores"] = test_mtl_aqa.MARKS
    trees.pickled(root / "MTL-AQA/info/final_annotations_dict.pkl", dives)
    trees.pickled(root / "MTL-AQA/info/train_split_0.pkl", [(1, n) for n in (*TRAIN, 13)])
    trees.pickled(root / "MTL-AQA/info/test_split_0.pkl", [(1, n) for n in TEST])
    bright = [quality(n) for n in range(1, 13) for _ in range(103)]
    shots(root / "MTL-AQA/new/new_total_frames_256s/01", bright, "{:08d}.jpg")


def finediving(root: Path) -> None:
    """Two events; one dive has fewer frames than labels, one none."""
    event = test_finediving.MEN
    dives = {(event, n): ["107B", 100 * quality(n), 3.1, [], [1] * (FRAMES + (n == 1))] for n in (*TRAIN, *TEST, 13)}
    trees.pickled(root / "FineDiving/Annotations/fine-grained_annotation_aqa.pkl", dives)
    trees.pickled(root / "FineDiving/Annotations/train_split.pkl", [(event, n) for n in (*TRAIN, 13)])
    trees.pickled(root / "FineDiving/Annotations/test_split.pkl", [(event, n) for n in TEST])
    for n in (*TRAIN, *TEST):
        shots(root / f"FineDiving/FineDiving/{event}/{n}", [quality(n)] * FRAMES, "{:05d}.jpg")


def gymnastics(root: Path) -> None:
    """Features of two apparatus; a line is damaged, a routine has no features."""
    lines = {n: f"{('Ball', 'Hoop')[n % 2]}_{n:03d} {10 * quality(n):.2f} 5.00 {10 * quality(n) + 5:.2f} 0.00 90\n" for n in range(1, 13)}
    train, test = ("".join(lines[n] for n in part) for part in (TRAIN, TEST))
    header = test_rhythmic_gymnastics.HEADER
    test_rhythmic_gymnastics.lists(root / "RG", f"{header}{train}Ball_020 1 x 2 0 90\n", f"{header}{test}Ball_021 1 1 2 0 90\n")
    for n, line in lines.items():
        trees.features(root / f"RG/swintx_avg_fps25_clip32/{line.split()[0]}.npy", values(n))


def gymnastics_videos(root: Path) -> None:
    """The same routines as frames."""
    gymnastics(root)
    for file in sorted((root / "RG/swintx_avg_fps25_clip32").glob("*.npy")):
        shots(root / f"RG/videos/{file.stem}", [quality(int(file.stem[-3:]))] * FRAMES)
        file.unlink()


def fis_v(root: Path) -> None:
    """Lists without a header; a line is damaged, a programme has no features."""
    train, test = ("".join(f"{n} {20 + 30 * quality(n):.2f} 30.00 0\n" for n in part) for part in (TRAIN, TEST))
    test_fis_v.lists(root / "Fis-V", f"{train}14 x 30 0\n", f"{test}15 20 20 0\n")
    for n in (*TRAIN, *TEST):
        trees.features(root / f"Fis-V/swintx_avg_fps25_clip32/{n}.npy", values(n))


def fis_v_videos(root: Path) -> None:
    """The same programmes as frames."""
    fis_v(root)
    for file in sorted((root / "Fis-V/swintx_avg_fps25_clip32").glob("*.npy")):
        shots(root / f"Fis-V/videos/{file.stem}", [quality(int(file.stem))] * FRAMES)
        file.unlink()


def jigsaws(root: Path) -> None:
    """Four surgeons with three trials; one trial has no kinematics, two tasks are not there."""
    names = [f"Suturing_{user}00{trial}" for user in "BCDE" for trial in (1, 2, 3)]
    home, rows = root / "JIGSAWS/Suturing", []
    for number, name in enumerate(names, start=1):
        element = 1 + round(4 * quality(number))
        rows.append("\t".join([name, "NIE"[number % 3], str(6 * element), *[str(element)] * 6]))
        (home / "kinematics/AllGestures").mkdir(parents=True, exist_ok=True)
        table = test_jigsaws.table(170, number) * (0.2 + quality(number))
        np.savetxt(home / f"kinematics/AllGestures/{name}.txt", table, fmt="%.4f")
        for capture in (1, 2):
            shots(home / f"video/{name}_capture{capture}", [quality(number)] * FRAMES)
    (home / "meta_file_Suturing.txt").write_text("\n".join(rows) + "\n")
    (home / f"kinematics/AllGestures/{names[-1]}.txt").unlink()
    trees.pickled(root / "JIGSAWS/info/splits.pkl", {"Suturing": [names[fold::4] for fold in range(4)]})


def kimore(root: Path) -> None:
    """Six people with two exercises; blank lines in front, an exercise without a recording, one without a score."""
    for number in range(1, 7):
        for exercise in (1, 5):
            good = quality(number + exercise)
            rows = [",".join(f"{x:.4f},{y:.4f},{z:.4f},2" for x, y, z in frame) + "," for frame in joints(good, KINECT_25)]
            recorded = (number, exercise) != (2, 5)
            scores = (
                {} if number == exercise == 1 else {f"cTS{exercise}": 50 * good, f"cPO{exercise}": 15 * good, f"cCF{exercise}": 35 * good}
            )
            text = "\n" * 20 + "\n".join(rows) + "\n" if recorded else None
            test_kimore.write_exercise(root / "KiMoRe", f"CG/Expert/E_ID{number}/Es{exercise}", text, **scores)


def ui_prmd(root: Path) -> None:
    """Five people, right and wrong; an episode has no angles, a line of another is damaged."""
    parents = [UI_PRMD_22.index[parent] if parent else None for parent in UI_PRMD_22.parents.values()]
    for subject in range(1, 6):
        for label, good in (("correct", 0.9), ("incorrect", 0.1)):
            positions = 100 * joints(good, UI_PRMD_22)
            offsets = np.stack([positions[:, n] - (0 if up is None else positions[:, up]) for n, up in enumerate(parents)], axis=1)
            for kind, table in (("Positions", offsets), ("Angles", np.zeros_like(offsets))):
                name = f"m01_s{subject:02d}_e01_{kind.lower()}{'_inc' if label == 'incorrect' else ''}.txt"
                folder = root / "UI-PRMD" / ui_prmd_files.FOLDERS[label] / "Kinect" / kind
                folder.mkdir(parents=True, exist_ok=True)
                np.savetxt(folder / name, table.reshape(len(table), -1), fmt="%.3f", delimiter=",")
    home = root / "UI-PRMD" / ui_prmd_files.FOLDERS["correct"] / "Kinect"
    (home / "Positions/m01_s01_e02_positions.txt").write_text((home / "Positions/m01_s01_e01_positions.txt").read_text())
    for kind in ("Positions", "Angles"):
        (home / f"{kind}/m01_s01_e03_{kind.lower()}.txt").write_text("1,2\n")


def irds(root: Path) -> None:
    """Five people, right and wrong; a broken line, an unknown code, a file without a frame."""
    folder = root / "SkeletonData/RawData"
    folder.mkdir(parents=True)
    for subject in range(101, 106):
        for code, good in ((1, 0.9), (2, 0.1)):
            lines = ["Version0.1"]
            for number, frame in enumerate(joints(good, KINECT_25)):
                body = ",".join(
                    f"({name},Tracked,{x:.4f},{y:.4f},{z:.4f},1,1)" for name, (x, y, z) in zip(irds_files.JOINTS, frame, strict=True)
                )
                lines.append(f"{number},5,{33 * number},{body}")
            (folder / f"{subject}_18_0_1_{code}_stand.txt").write_text("\n".join([*lines, lines[-1][:90]]) + "\n")
    (folder / "101_18_9_1_1_stand.txt").write_text("Version0.1\n")
    (folder / "101_18_0_2_1_stand.txt").write_text("Version0.1\n")


def utkinect(root: Path) -> None:
    """Five people with two actions; a label is NaN."""
    labels = []
    (root / "UTKinect/joints").mkdir(parents=True)
    for subject in range(1, 6):
        rows = np.concatenate([joints(good, KINECT_20) for good in (0.1, 0.9)]).reshape(2 * FRAMES, 60)
        table = np.column_stack([np.arange(1, 2 * FRAMES + 1), rows])
        np.savetxt(root / f"UTKinect/joints/joints_s{subject:02d}_e01.txt", table, fmt=["%d", *["%.4f"] * 60])
        labels += [f"s{subject:02d}_e01", f"walk: 1 {FRAMES}", f"throw: {FRAMES + 1} {2 * FRAMES}"]
    (root / "UTKinect/actionLabel.txt").write_text("\n".join([*labels, "carry: NaN NaN"]) + "\n")


def uwa3d(root: Path) -> None:
    """Five people with two actions; a file is empty, a name is none."""
    home = root / "UWA3DII/ActionsSkeleton"
    for subject in range(1, 6):
        for action, good in ((1, 0.1), (30, 0.9)):
            table = 1000 * joints(good, OPENNI_15).reshape(FRAMES, 45)
            test_uwa3d.write(home / f"a{action:02d}_s{subject:02d}_e01_v01.mat", table)
    (home / "a02_s01_e01_v01.mat").write_bytes(b"")
    test_uwa3d.write(home / "a31_s01_e01_v01.mat", test_uwa3d.person())


def nw_ucla(root: Path) -> None:
    """Three people with two actions in three views; a name is none, a file holds another skeleton."""
    home = root / "NW-UCLA/all_sqe"
    home.mkdir(parents=True)
    for subject in (1, 2, 3):
        for action, good in (("a01", 0.1), ("a02", 0.9)):
            for view in (1, 2, 3):
                document = {"skeletons": joints(good, KINECT_20).tolist()}
                (home / f"{action}_s{subject:02d}_e00_v{view:02d}.json").write_text(json.dumps(document))
    (home / "a07_s01_e00_v01.json").write_text("{}")
    (home / "a03_s01_e00_v01.json").write_text(json.dumps({"skeletons": np.zeros((4, 19, 3)).tolist()}))


def ntu60(root: Path) -> None:
    """Two people who train and two who test, two actions; a file without bodies, clips of a session that are not there."""
    for person in (1, 2, 3, 6):
        for action, good in ((1, 0.1), (2, 0.9)):
            test_ntu60.skeleton(root / f"nturgb+d_skeletons/{test_ntu60.name(person, action)}.skeleton", good)
    test_ntu60.skeleton(root / f"nturgb+d_skeletons/{test_ntu60.name(1, 3)}.skeleton", bodies=0)


def ntu60_depth(root: Path) -> None:
    """The same people as masked depth, action 1 farther away; a clip's frames have a gap."""
    for person in (1, 2, 3, 6):
        for action in (1, 2):
            images = root / f"nturgb+d_depth_masked/{test_ntu60.name(person, action)}"
            images.mkdir(parents=True)
            for place in range(1, FRAMES + 1):
                cv2.imwrite(str(images / f"MDepth-{place:08d}.png"), np.full((36, 36), 4000 // action, np.uint16))
    (root / f"nturgb+d_depth_masked/{test_ntu60.name(1, 2)}/MDepth-00000003.png").unlink()


def qmar(root: Path) -> None:
    """Six people who train and two who test; a sequence has no images, one has two scores."""
    lines = []
    for number in range(1, 9):
        stage, score = ("train", "test")[number > 6], number % 2
        lines.append(test_qmar.row("W-P", "Parkinson", f"{number:02d}", 0, score))
        shots(root / f"QMAR/images/W-P/{stage}/Abnormal/Parkinson/{number:02d}/1/device_0/COLOR", [0.2 + 0.6 * score] * FRAMES)
    lines += [lines[0], lines[0].replace(",1.png,1", ",2.png,3"), test_qmar.row("W-P", "Parkinson", "09", 0, 1)]
    (root / "QMAR/labels.csv").write_text("\n".join([test_qmar.HEADER, *lines]) + "\n")


def mmfs_63(root: Path) -> None:
    """Two parts; one clip is empty, one score is no number."""
    for part, numbers in (("train", range(1, 13)), ("test", range(20, 26))):
        skaters = np.stack([test_mmfs_63.skater(quality(n), n) for n in numbers])
        skaters[-1] *= part == "train"
        scores = [10 * quality(n) for n in numbers]
        trees.features(root / f"MMFS-63/{part}_data.npy", skaters)
        trees.pickled(root / f"MMFS-63/{part}_label.pkl", [n % 2 for n in numbers])
        trees.pickled(root / f"MMFS-63/{part}_score.pkl", [*scores[:-1], "high"] if part == "train" else scores)
        trees.pickled(root / f"MMFS-63/{part}_name.pkl", [f"{part[0]}{n}" for n in numbers])


def infants(root: Path) -> None:
    """Three healthy infants and three of the clinic; one session has no risk."""
    data = root / "Infant_movement_assessment/data"
    table = [row for n in range(3) for row in test_infants.rows_of(f"video_{n:06d}", 0.9, n)]
    test_infants.write(data / "pose_estimates/youtube/py/pose_estimates.pkl", table)
    clinic = [(infant, session) for infant in (1, 2, 3) for session in (1, 2)]
    table = [row for infant, session in clinic for row in test_infants.rows_of(f"822487_{infant:02d}_{session}_1", 0.2, infant)]
    test_infants.write(data / "pose_estimates/clinical/py/pose_estimates.pkl", table)
    facts = [{"video": f"video_{n:06d}", "infant_id": float(n), "age": 12.0} for n in range(3)]
    test_infants.write(data / "video_meta_data/meta_data_yt.pkl", facts)
    risk = dict.fromkeys(("Risk_low0_mod1_high2_corr", "Risk_low0_mod1_high2_chron"), 2.0)
    test_infants.write(data / "video_meta_data/meta_data_clin.pkl", [{"infant": i, "session": s, **risk} for i, s in clinic[:-1]])


def folder(root: Path) -> None:
    """Five people with two clips; a row has no recording, a file is damaged."""
    lines = ["clip,subject,score"]
    for number in range(1, 11):
        subject = f"p{number % 5}"
        (root / subject).mkdir(parents=True, exist_ok=True)
        np.savez(root / f"{subject}/{number}.npz", positions=joints(quality(number), COCO_17)[..., :2], joints=COCO_17.joints)
        lines.append(f"{subject}/{number},{subject},{10 * quality(number):.2f}")
    (root / "p0/bad.npz").write_bytes(b"PK")
    (root / "manifest.csv").write_text("\n".join([*lines, "p0/gone,p0,1", "p0/bad,p0,1"]) + "\n")


def folder_videos(root: Path) -> None:
    """The same clips as frames."""
    folder(root)
    for file in sorted(root.glob("*/*.npz")):
        if file.stem.isdecimal():
            shots(file.with_suffix(""), [quality(int(file.stem))] * FRAMES)
        file.unlink()


def nothing(root: Path) -> None:
    """Write nothing: the set is generated."""
