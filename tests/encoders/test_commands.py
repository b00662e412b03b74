"""Every encoder as a user types it: pretrained, fine-tuned, frozen, from scratch, and probed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stages.encoders.spec import PretrainedEncoder
from tests.encoders.miniatures import MINI
from tests.small import write_pose_set

SLOW = ("2s-agcn", "efficient-gcn", "posec3d")
NEW = [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in sorted(set(MINI) - {"ctr-gcn"})]


@pytest.mark.parametrize("name", NEW)
def test_encoder__through_every_command_that_takes_one(aqa, workspace: Path, name: str) -> None:
    write_pose_set(workspace / "poses/arms", skeleton="ui-prmd-22", subjects=3)
    sizes = ["--set", f"settings.encoder={name}", "--set", f"settings.encoder_settings={json.dumps(MINI[name])}"]
    sizes += ["--set", "settings.input.frames=40", "--set", "settings.input.length=pad-front", "--set", "settings.input.people=2"]
    small = ["--epochs", 1, "--set", "training.batch_size=4"]
    finetune = ["finetune", "--protocol", "arms/3-fold", "--select", "last"]
    commands = [
        ["pretrain", "--method", "sme-gcn", *sizes, *small],
        [*finetune, "--method", "sme-gcn", "--name", "scratch", "--init", "none", *sizes, *small],
        [*finetune, "--method", "sme-gcn", "--name", "tuned", "--init", "sme-gcn", *small],
        [*finetune, "--method", "sme-gcn", "--name", "frozen", "--init", "sme-gcn", *small, "--set", "settings.freeze=true"],
        [*finetune, "--method", "linear-probe", "--name", "probe", "--init", "sme-gcn"],
    ]
    for command in commands:
        code, out, err = aqa(*command)
        assert code == 0, err
        assert f"{1 if command[0] == 'pretrain' else 3} done" in out
    pretrained = PretrainedEncoder.read(workspace / "encoders/sme-gcn.h5")
    assert pretrained.spec.name == name
    assert pretrained.spec.skeleton == "ui-prmd-22"
    frozen = PretrainedEncoder.read(workspace / "models/frozen/fold-1/0.h5").weights
    assert all((frozen[key] == value).all() for key, value in pretrained.weights.items())
    tuned = PretrainedEncoder.read(workspace / "models/tuned/fold-1/0.h5").weights
    assert any((tuned[key] != value).any() for key, value in pretrained.weights.items())


def test_methods__lists_the_encoders_with_paper_and_inputs(aqa) -> None:
    code, out, _ = aqa("methods", "--json")
    assert code == 0
    found = {entry["name"]: entry for entry in json.loads(out) if entry["for"] == "encoder"}
    assert set(found) == {*MINI, "posture"}
    assert found["posec3d"]["paper"] == "PoseC3D, CVPR 2022"
    assert {name for name, entry in found.items() if entry["inputs"] == "images"} == {"posture"}


def test_pretrain__an_unknown_encoder_names_the_nearest(aqa, workspace: Path) -> None:
    write_pose_set(workspace / "poses/arms")
    code, _, err = aqa("pretrain", "--method", "sme-gcn", "--set", "settings.encoder=stgcn")
    assert code == 2
    assert "Unknown encoder 'stgcn'. Did you mean 'st-gcn'?" in err
