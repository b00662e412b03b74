"""``aqa pretrain`` and ``aqa finetune`` as launchers start them: torchrun on one node and on two, srun."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aqa_cli.main import main
from stages.artifacts import store
from tests.engine.processes import free_port, together
from tests.small import write_feature_set, write_image_set, write_pose_set

ENCODER = {"settings.encoder_settings.width": 4, "settings.encoder_settings.blocks": 2}
SETTINGS = ["--device", "cpu", "--set", "training.optimiser=sgd", "--set", "training.batch_size=5"]
SECONDS = 120


@pytest.fixture
def clips(workspace: Path) -> Path:
    write_pose_set(workspace / "poses/arms")
    return workspace


@pytest.fixture
def arms(workspace: Path) -> Path:
    """Poses, features and pictures of people who raise their arms, with the marks of two judges."""
    write_pose_set(workspace / "poses/arms")
    write_feature_set(workspace / "features/arms/tiny")
    write_image_set(workspace / "images/arms")
    for path in workspace.glob("**/manifest.csv"):
        rows = list(csv.DictReader(path.open()))
        for number, row in enumerate(rows):
            half, known = str(float(row["score"]) / 2), number % 3 != 0
            row |= {"score.one": half, "score.two": half if known else "", "score.execution": row["score"] if known else ""}
            row |= {"difficulty": "1.0", "said": f"{row['subject']} arms" if number % 4 else ""}
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return workspace


def _start(launcher: list[str], *arguments: str, **environment: object) -> subprocess.Popen[str]:
    variables = {**os.environ, "OMP_NUM_THREADS": "1", **{name: str(value) for name, value in environment.items()}}
    return subprocess.Popen([*launcher, *arguments], env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _finished(*children: subprocess.Popen[str]) -> list[tuple[str, str]]:
    said = [child.communicate(timeout=SECONDS) for child in children]
    assert all(child.returncode == 0 for child in children), said
    return said


def _torchrun(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "torch.distributed.run", *arguments, "-m", "aqa_cli.main"]


def _assert_alike(one: Path, other: Path) -> None:
    """Weights as close as the order of additions leaves them; everything that is said of the training the same."""
    first, second = store.read(one), store.read(other)
    assert first.header.fingerprint == second.header.fingerprint
    for name, values in first.arrays.items():
        np.testing.assert_allclose(second.arrays[name], values, rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_pretrain__torchrun_on_two_nodes_gives_the_encoder_of_one_process(clips: Path) -> None:
    pretrain = ["pretrain", "--method", "sme-gcn", "--epochs", "3", *SETTINGS]
    for key, value in ENCODER.items():
        pretrain += ["--set", f"{key}={value}"]
    _finished(_start([sys.executable, "-m", "aqa_cli.main"], *pretrain, "--name", "alone"))
    port = free_port()
    nodes = [["--nnodes", "2", "--node-rank", str(node), "--nproc-per-node", "1", "--master-addr", "127.0.0.1"] for node in range(2)]
    launched = [_start(_torchrun(*node, "--master-port", str(port)), *pretrain, "--name", "nodes") for node in nodes]
    said = _finished(*launched)
    assert "1 done" in said[0][0]
    assert said[1][0] == ""
    _assert_alike(clips / "encoders/alone.h5", clips / "encoders/nodes.h5")


@pytest.mark.slow
def test_finetune__srun_trains_an_experiment_together_and_skips_it_again(clips: Path) -> None:
    finetune = ["finetune", "--method", "sme-gcn", "--init", "none", "--protocol", "3-fold", "--epochs", "2", *SETTINGS]
    for key, value in ENCODER.items():
        finetune += ["--set", f"{key}={value}"]
    _finished(_start([sys.executable, "-m", "aqa_cli.main"], *finetune, "--name", "alone"))
    for expected in ("3 done, 0 skipped", "0 done, 3 skipped"):
        step = {"SLURM_STEP_NUM_TASKS": 2, "SLURM_NTASKS": 2, "SLURM_STEP_NODELIST": "localhost", "MASTER_PORT": free_port()}
        tasks = [
            _start([sys.executable, "-m", "aqa_cli.main"], *finetune, "--name", "step", **step, SLURM_PROCID=rank, SLURM_LOCALID=rank)
            for rank in range(2)
        ]
        assert expected in _finished(*tasks)[0][0]
    for fold in sorted(path.name for path in (clips / "models/alone").iterdir() if path.is_dir()):
        _assert_alike(clips / f"models/alone/{fold}/0.h5", clips / f"models/step/{fold}/0.h5")


@pytest.fixture
def same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """No draw differs between clips, and nothing is dropped, so that a clip fares the same whichever process has it."""
    monkeypatch.setattr(torch, "rand", lambda *size, **how: torch.full(_size(size), 0.4, **_kind(how)))
    monkeypatch.setattr(torch, "randn_like", lambda like: torch.full_like(like, 0.1))
    monkeypatch.setattr(torch, "randint", lambda *how, **kind: torch.zeros(how[-1], dtype=torch.long, **_kind(kind)))
    monkeypatch.setattr(torch, "multinomial", lambda weights, number: torch.arange(number).expand(len(weights), -1))
    monkeypatch.setattr(torch.nn.functional, "dropout", lambda values, *_, **__: values)
    whole = torch.nn.RNNBase.__init__

    def never_dropping(self: torch.nn.RNNBase, *arguments: Any, **named: Any) -> None:
        whole(self, *arguments, **named | {"dropout": 0.0})

    monkeypatch.setattr(torch.nn.RNNBase, "__init__", never_dropping)


def _size(size: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(size[0]) if size and not isinstance(size[0], int) else size


def _kind(how: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in how.items() if name in ("device", "dtype")}


POSES = ["--set", "settings.encoder_settings={width: 4, blocks: 2}", "--set", "settings.input.frames=16"]
UNITS = ["--set", "settings.encoder_settings={units: 6, layers: 2}", "--set", "settings.input={frames: 40, length: pad-front}"]
PICTURES = ["--set", "settings.encoder_settings={features: 4, width: 4}"]
DRAWN = ["--set", "settings.size=24", "--set", "settings.width=4", "--set", "settings.input={frames: 40, length: pad-back}"]
PARTLY = ["--protocol", "2-fold/50-percent-labels/seed-0", "--set", "training.batch_size=4"]
CAPTION = ["--set", "settings={attributes: [action], caption: said, hidden: 16, caption_units: 8, caption_words: 4}"]
PRETEXTS = {
    "sme-gcn": POSES,
    "aimclr": [*POSES, "--set", "settings.mining_epoch=0"],
    "pstl": [*POSES, "--set", "settings.projection=8"],
    "non-expert": [*UNITS, "--set", "settings.units=6", "--set", "settings.discriminator_units=6"],
    "msfr": ["--set", "settings.channels=[8]"],
    "u-vi": PICTURES,
}
METHODS = {
    "sme-gcn": POSES,
    "expert": [*UNITS, "--set", "settings.channels=8"],
    "eagle-eye": ["--set", "settings={size: 16, hidden: 8, appearance_channels: 8, input: {frames: 16}}"],
    "vi-net": DRAWN,
    "falcons": ["--set", "settings={channels: [8, 8], size: 8, input: {frames: 24}}"],
    "u-vi": [*PICTURES, "--set", "settings.frames=4", "--set", "settings.units=8"],
    "usdl": [],
    "musdl": ["--set", "settings.judges=[score.one, score.two]", "--set", "settings.drop=0", "--set", "settings.high=60"],
    "core": ["--set", "settings.hidden=16", "--set", "settings.same=action"],
    "dae": [],
    "dae-core": ["--set", "settings.same=action"],
    "gdlt": ["--set", "settings={embedding: 8, dropout: 0}"],
    "c3d-avg": CAPTION,
    "c3d-lstm": [],
    "features-mlp": [],
    **{method: [*PARTLY, "--set", "settings.channels=[8]"] for method in ("s4aqa", "vat", "pseudo-labels", "mean-teacher")},
    "s4aqa with MMD": [*PARTLY, "--set", "settings.alignment=mmd-rbf", "--set", "settings.channels=[8]"],
}
PLAIN = ["--set", "training.optimiser=sgd", "--set", "training.lr=0.01", "--set", "training.iterations=3", "--set", "training.batch_size=5"]


def _command(arguments: list[str]) -> int:
    sys.argv = ["aqa", *arguments]
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "method"), [("pretrain", method) for method in PRETEXTS] + [("finetune", method) for method in METHODS])
def test_methods__three_steps_of_two_processes_are_those_of_one(arms: Path, same_draws: None, stage: str, method: str) -> None:
    settings = (PRETEXTS if stage == "pretrain" else METHODS)[method]
    arguments = [stage, "--method", method.partition(" ")[0], *PLAIN, *settings]
    if stage == "finetune":
        arguments += ["--select", "last", *([] if "--protocol" in settings else ["--protocol", "2-fold"])]
        arguments += ["--init", "none"] if method in ("sme-gcn", "expert", "u-vi") else []
    outputs = {"pretrain": "encoders/{}.h5", "finetune": "models/{}/fold-0/0.h5"}
    assert _command([*arguments, "--name", "alone"]) == 0
    assert together(2, lambda rank: _command([*arguments, "--name", "both"])) == [0, 0]
    started = [*arguments, "--name", "none", "--set", "training.iterations=0"]
    assert _command(started) == 0
    alone, both, start = (store.read(arms / outputs[stage].format(name)).arrays for name in ("alone", "both", "none"))
    moved = 0.0
    for name in (name for name in alone if name.startswith("weights/")):
        np.testing.assert_allclose(both[name], alone[name], rtol=2e-3, atol=2e-5, err_msg=name)
        moved = max(moved, float(np.abs(alone[name] - start[name]).max()))
    assert moved > 1e-3, "a training that moves nothing shows nothing"
