"""``aqa finetune`` as a user types it, and with ``aqa evaluate`` after it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stages.artifacts import store
from stages.finetune.model import Model
from tests.small import write_pose_set

SIZES = ["--set", "settings.encoder_settings={width: 8, blocks: 3}", "--set", "settings.input.frames=16"]
NETWORK = [*SIZES, "--epochs", "3"]
FOLDS = ["--protocol", "arms/3-fold"]


@pytest.fixture
def poses(workspace: Path) -> Path:
    write_pose_set(workspace / "poses/arms")
    return workspace


def _metrics(workspace: Path, name: str) -> dict:
    return json.loads((workspace / f"evaluations/{name}/metrics.json").read_text())


def test_finetune__network_every_fold_and_seed_then_evaluate(aqa, poses: Path) -> None:
    code, out, err = aqa("finetune", *FOLDS, "--seeds", "0-1", *NETWORK)
    assert code == 0, err
    assert "6 done" in out
    assert "training from scratch" in err
    model = Model.read(poses / "models/arms-sme-gcn/fold-0/1.h5")
    data = model.documents["data"]
    parts = [set(data[part]) for part in ("train", "validation", "test")]
    assert sum(map(len, parts)) == 18 == len(set.union(*parts))
    subjects = [{clip.split("/")[0] for clip in part} for part in parts]
    assert not subjects[0] & subjects[1]
    assert not subjects[0] & subjects[2]
    code, out, err = aqa("evaluate")
    assert code == 0, err
    assert "18 clips" in out
    found = _metrics(poses, "arms-sme-gcn")
    assert found["select"] == "val"
    assert len(found["overall"]["mae"]["seeds"]) == 2


@pytest.mark.parametrize("method", ["kinematics-ridge", "kinematics-svr", "kinematics-trees"])
def test_finetune__baselines_learn_and_their_stored_arrays_predict(aqa, poses: Path, method: str) -> None:
    code, _, err = aqa("finetune", *FOLDS, "--method", method, "--set", "settings.inner_folds=2")
    assert code == 0, err
    assert aqa("evaluate")[0] == 0
    assert _metrics(poses, f"arms-{method}")["overall"]["spearman_pooled"]["value"] > 0.6


def test_finetune__per_action_trains_one_model_each(aqa, poses: Path) -> None:
    code, out, err = aqa("finetune", "--protocol", "2-fold", "--per", "action", "--method", "kinematics-ridge")
    assert code == 0, err
    assert "4 done" in out
    assert {path.parent.name for path in (poses / "models").glob("*/*/*.h5")} == {"high-fold-0", "high-fold-1", "low-fold-0", "low-fold-1"}


def test_finetune__per_action_starts_from_the_encoder_of_its_protocol_s_fold(aqa, poses: Path) -> None:
    assert aqa("pretrain", "--protocol", "2-fold", "--epochs", 1, *SIZES)[0] == 0
    code, _, err = aqa("finetune", "--protocol", "2-fold", "--per", "action", "--epochs", 1, "--select", "last")
    assert code == 0, err
    for file in (poses / "models").glob("*/*/*.h5"):
        training, data = store.read_document(file, "training"), store.read_document(file, "data")
        assert training["seen_in_pretraining"] == []
        encoder = set(store.read_document(poses / f"encoders/sme-gcn/{file.parent.name.partition('-')[2]}.h5", "training")["clips"])
        assert set(data["train"]) <= encoder
        assert not set(data["test"]) & encoder
    assert aqa("evaluate")[0] == 0


def test_finetune__recognition_and_its_probes(aqa, poses: Path) -> None:
    assert (
        aqa("pretrain", "--epochs", 1, "--set", "settings.encoder_settings={width: 8, blocks: 3}", "--set", "settings.input.frames=16")[0]
        == 0
    )
    for method, extra in (("sme-gcn", ["--epochs", "2"]), ("linear-probe", []), ("knn-probe", [])):
        code, _, err = aqa("finetune", *FOLDS, "--task", "action", "--method", method, *extra)
        assert code == 0, err
        assert "only encoder in the workspace, 'sme-gcn'" in err
        assert aqa("evaluate", "--model", f"arms-{method}")[0] == 0
        found = _metrics(poses, f"arms-{method}")
        assert 0 <= found["overall"]["accuracy"]["value"] <= 1
        # The encoder saw every clip: that is stamped.
        assert any("transductive" in stamp for stamp in found["stamps"])


def test_finetune__frozen_keeps_the_encoder_and_fine_tuned_moves_it(aqa, poses: Path) -> None:
    assert aqa("pretrain", "--epochs", 1, *SIZES)[0] == 0
    pretrained = store.read(poses / "encoders/sme-gcn.h5").arrays
    for name, freeze in (("frozen", "true"), ("tuned", "false")):
        code, _, err = aqa("finetune", *FOLDS, "--epochs", 2, "--name", name, "--set", f"settings.freeze={freeze}")
        assert code == 0, err
    moved = {}
    for name in ("frozen", "tuned"):
        weights = store.read(poses / f"models/{name}/fold-0/0.h5").arrays
        moved[name] = [
            key for key in pretrained if not np.array_equal(pretrained[key], weights[key.replace("weights/", "weights/encoder.")])
        ]
    assert moved["frozen"] == []
    assert len(moved["tuned"]) > 0.5 * len(pretrained)


def test_finetune__selected_on_test_is_stamped(aqa, poses: Path) -> None:
    assert aqa("finetune", "--protocol", "50-50", "--select", "test", *NETWORK)[0] == 0
    code, out, _ = aqa("evaluate")
    assert code == 0
    assert "epoch selected on the test clips" in out


def test_finetune__missing_scores_are_left_out_and_said(aqa, poses: Path) -> None:
    file = poses / "poses/arms/manifest.csv"
    lines = file.read_text().splitlines()
    lines[1] = lines[1].rpartition(",")[0] + ","
    file.write_text("\n".join(lines) + "\n")
    code, _, err = aqa("finetune", *FOLDS, "--method", "kinematics-ridge")
    assert code == 0
    assert "1 clip(s) have no score and are left out: s0/clip-0" in err


def test_finetune__no_scores_at_all(aqa, workspace: Path) -> None:
    write_pose_set(workspace / "poses/arms", scored=False)
    code, _, err = aqa("finetune", *FOLDS)
    assert code == 2
    assert "has no column 'score'" in err


def test_finetune__mixed_skeletons(aqa, poses: Path) -> None:
    write_pose_set(poses / "poses/more", skeleton="kinect-25")
    for file in (poses / "poses/more/s0").iterdir():
        (poses / "poses/arms/s0" / file.name).write_bytes(file.read_bytes())
    code, _, err = aqa("finetune", *FOLDS, "--dataset", "arms", *NETWORK)
    assert code == 2
    assert "The clips have different skeletons: kinect-20, kinect-25." in err
    assert "--skeleton NAME" in err
    code, _, err = aqa("finetune", *FOLDS, "--dataset", "arms", *NETWORK, "--skeleton", "kinect-20")
    assert code == 0, err


def test_finetune__one_frame_and_gaps_are_no_obstacle(aqa, poses: Path) -> None:
    first = store.read(poses / "poses/arms/s0/clip-0.h5")
    short = {name: array[:1] if name == "timestamps" else array[:, :1] for name, array in first.arrays.items()}
    store.write(poses / "poses/arms/s0/clip-0.h5", replace(first, arrays=short))
    second = store.read(poses / "poses/arms/s1/clip-1.h5")
    positions = second.arrays["positions"].copy()
    positions[:, ::3] = np.nan  # every third frame
    positions[:, :, 7] = np.nan  # one joint in all frames
    store.write(poses / "poses/arms/s1/clip-1.h5", replace(second, arrays={**second.arrays, "positions": positions}))
    for extra in (["--method", "kinematics-svr"], NETWORK):
        code, _, err = aqa("finetune", *FOLDS, *extra)
        assert code == 0, err
    assert aqa("evaluate", "--model", "arms-kinematics-svr")[0] == aqa("evaluate", "--model", "arms-sme-gcn")[0] == 0


def test_finetune__an_empty_folder(aqa, tmp_path: Path, workspace: Path) -> None:
    (tmp_path / "nothing").mkdir()
    code, _, err = aqa("finetune", "--poses", tmp_path / "nothing")
    assert code == 3
    assert "holds no artifacts of poses" in err


def test_finetune__duplicate_clips_in_the_manifest(aqa, poses: Path) -> None:
    file = poses / "poses/arms/manifest.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines, lines[1]]) + "\n")
    code, _, err = aqa("finetune", *FOLDS, "--method", "kinematics-ridge")
    assert code == 3
    assert "duplicate clip id 's0/clip-0'" in err


def test_finetune__a_truncated_pose_file(aqa, poses: Path) -> None:
    file = poses / "poses/arms/s2/clip-1.h5"
    file.write_bytes(file.read_bytes()[:-200])
    code, _, err = aqa("finetune", *FOLDS, "--method", "kinematics-ridge")
    assert code == 3
    assert "s2/clip-1.h5" in err
    assert "truncated or damaged" in err


def test_finetune__an_unknown_encoder(aqa, poses: Path) -> None:
    code, _, err = aqa("finetune", *FOLDS, "--init", "nothing")
    assert code == 2
    assert "There is no encoder 'nothing'" in err


def test_finetune__a_poses_artifact_is_no_encoder(aqa, poses: Path) -> None:
    code, _, err = aqa("finetune", *FOLDS, "--init", poses / "poses/arms/s0/clip-0.h5")
    assert code == 3
    assert "is of kind 'poses' and holds no encoder" in err


def test_finetune__shards_are_disjoint_and_together_complete(aqa, poses: Path) -> None:
    for shard in ("0/2", "1/2"):
        code, out, _ = aqa("finetune", *FOLDS, "--method", "kinematics-ridge", "--shard", shard)
        assert code == 0
        assert out.startswith(("1 done", "2 done"))
    assert "3 skipped" in aqa("finetune", *FOLDS, "--method", "kinematics-ridge")[1]


def test_evaluate__a_missing_model_is_named(aqa, poses: Path) -> None:
    assert aqa("finetune", *FOLDS, "--method", "kinematics-ridge", "--shard", "0/2")[0] == 0
    code, _, err = aqa("evaluate")
    assert code == 3
    assert "1 of 3 models of 'arms-kinematics-ridge' are missing: fold-1/0" in err
