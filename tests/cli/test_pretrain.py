"""``aqa pretrain`` as a user types it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stages.artifacts import store
from stages.encoders.spec import PretrainedEncoder
from tests.small import write_pose_set

SMALL = ["--set", "settings.encoder_settings={width: 8, blocks: 3}", "--set", "settings.input.frames=16", "--set", "training.batch_size=6"]


@pytest.fixture
def poses(workspace: Path) -> Path:
    write_pose_set(workspace / "poses/arms")
    return workspace


def test_pretrain__with_nothing_named_takes_the_only_set(aqa, poses: Path) -> None:
    code, out, err = aqa("pretrain", "--method", "sme-gcn", "--epochs", 2, *SMALL)
    assert code == 0, err
    assert "1 done" in out
    encoder = PretrainedEncoder.read(poses / "encoders/sme-gcn.h5")
    assert encoder.spec.skeleton == "kinect-20"
    assert len(encoder.seen) == 18
    assert encoder.provenance["inputs"][0]["count"] == 18
    assert not list((poses / "encoders").glob("*.checkpoint"))


def test_pretrain__again_skips_and_a_changed_key_is_refused_by_name(aqa, poses: Path) -> None:
    aqa("pretrain", "--epochs", 1, *SMALL)
    assert "1 skipped" in aqa("pretrain", "--epochs", 1, *SMALL)[1]
    code, _, err = aqa("pretrain", "--epochs", 1, *SMALL, "--set", "settings.mask_rate=0.69")
    assert code == 3
    assert "settings.mask_rate: was 0.38, now 0.69" in err
    assert "--overwrite" in err


def test_pretrain__inside_a_protocol_sees_only_training_clips(aqa, poses: Path) -> None:
    code, _, err = aqa("pretrain", "--protocol", "arms/3-fold", "--epochs", 1, *SMALL)
    assert code == 0, err
    encoders = [PretrainedEncoder.read(path) for path in sorted((poses / "encoders/sme-gcn").glob("*.h5"))]
    assert [len(encoder.seen) for encoder in encoders] == [12, 12, 12]
    unseen = [frozenset(f"s{s}/clip-{c}" for s in range(6) for c in range(3)) - encoder.seen for encoder in encoders]
    assert len(frozenset.union(*unseen)) == 18


def test_pretrain__test_clips_of_a_split_are_left_out(aqa, poses: Path) -> None:
    file = poses / "poses/arms/manifest.csv"
    lines = file.read_text().splitlines()
    split = ["split"] + ["test" if line.startswith("s5/") else "train" for line in lines[1:]]
    file.write_text("\n".join(f"{line},{part}" for line, part in zip(lines, split, strict=True)) + "\n")
    code, _, err = aqa("pretrain", "--epochs", 1, *SMALL)
    assert code == 0
    assert "3 test clip(s) are left out" in err
    assert not any(clip.startswith("s5/") for clip in PretrainedEncoder.read(poses / "encoders/sme-gcn.h5").seen)


def test_pretrain__two_sets_of_different_skeletons_need_one_to_convert_to(aqa, poses: Path) -> None:
    write_pose_set(poses / "poses/other", skeleton="kinect-25")
    both = ["--dataset", "arms", "--dataset", "other"]
    code, _, err = aqa("pretrain", *both, "--epochs", 1, *SMALL)
    assert code == 2
    assert "different skeletons: kinect-20, kinect-25" in err
    assert "--skeleton" in err
    code, _, err = aqa("pretrain", *both, "--epochs", 1, *SMALL, "--skeleton", "kinect-20")
    assert code == 0, err


def test_pretrain__several_sets_and_none_named_lists_them(aqa, poses: Path) -> None:
    write_pose_set(poses / "poses/other")
    code, _, err = aqa("pretrain", "--epochs", 1)
    assert code == 2
    assert "Several pose sets are possible: arms, other." in err


def test_pretrain__dry_run_writes_nothing(aqa, poses: Path) -> None:
    code, _, err = aqa("pretrain", "--epochs", 1, *SMALL, "--dry-run")
    assert code == 0
    assert "make" in err
    assert not (poses / "encoders").exists()


def test_pretrain__resume_with_nothing_there(aqa, poses: Path) -> None:
    code, _, err = aqa("pretrain", "--epochs", 1, *SMALL, "--resume", "yes")
    assert code == 2
    assert "There is nothing to resume" in err


def _run(poses: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "aqa_cli.main", "pretrain", *SMALL, "--set", "training.checkpoint_seconds=0", *arguments]
    environment = {**os.environ, "AQA_WORKSPACE": str(poses), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_pretrain__sigkill_and_resume_give_the_same_weights_bit_for_bit(poses: Path) -> None:
    from tests.waiting import wait_for

    killed = _run(poses, "--epochs", "15", "--name", "killed")
    checkpoint = poses / "encoders/killed.checkpoint"
    wait_for(checkpoint.exists, killed)
    first = store.read_header(checkpoint)
    wait_for(lambda: store.read_header(checkpoint).content_digest != first.content_digest, killed)
    killed.kill()
    killed.wait()
    assert not (poses / "encoders/killed.h5").exists()
    assert _run(poses, "--epochs", "15", "--name", "killed", "--resume", "yes").wait() == 0
    assert _run(poses, "--epochs", "15", "--name", "straight").wait() == 0
    one, two = (PretrainedEncoder.read(poses / f"encoders/{name}.h5").weights for name in ("killed", "straight"))
    assert all(torch.equal(one[key], two[key]) for key in two)


@pytest.mark.slow
def test_pretrain__sigterm_saves_and_exits_75(poses: Path) -> None:
    from tests.waiting import wait_for

    child = _run(poses, "--epochs", "400")
    wait_for((poses / "encoders/sme-gcn.checkpoint").exists, child)
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 75, err
    assert "--resume" in err
