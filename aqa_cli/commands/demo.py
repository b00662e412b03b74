"""``aqa demo``"""

from __future__ import annotations

import json
import os
import shlex
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from aqa_cli import console
from stages.workspace import ENVIRONMENT_VARIABLE, Workspace

FOLDER = Path(".aqa-demo")
WIDTH = 110
SIZES = ("settings.encoder_settings.width=8", "settings.encoder_settings.blocks=5", "settings.input.frames=48")
"""A network that two cores train in a minute."""
VARIETY = ("settings.augmentation.rotate=20", "settings.augmentation.scale=0.1")
PRETRAINING = (*SIZES, *VARIETY, "training.batch_size=32", "training.lr=0.002")
FINETUNING = (*VARIETY, "settings.augmentation.flip=true", "training.batch_size=8", "training.lr=0.002")
THREADS = {"OMP_NUM_THREADS": "1"}
"""So small a network gains little from a second thread, and on a busy machine its waiting threads make it many times slower."""
EXPERIMENTS = {
    "pretrained": "poses: SME-GCN, pretrained then fine-tuned",
    "scratch": "poses: SME-GCN, from scratch",
    "kinematics": "poses, baseline: kinematics + ridge",
    "features": "pixels, baseline: changes of the features + ridge",
}
"""Name of an experiment → what it is for people."""
JUDGE = "kinematics"
"""The experiment that scores a film which has no score."""


def command(
    workspace: Annotated[Path, typer.Option("--workspace", help="Folder of everything that the demo makes.")] = FOLDER,
    dataset: Annotated[str, typer.Option("--dataset", hidden=True)] = "generated-30x3+30",
    pretrain_epochs: Annotated[int, typer.Option("--pretrain-epochs", hidden=True)] = 20,
    epochs: Annotated[int, typer.Option("--epochs", hidden=True)] = 40,
) -> None:
    """Run the whole pipeline on films of generated people, command by command, in a few minutes; nothing is downloaded.

    People squat before a camera; range, tempo, smoothness, symmetry and tremor decide what a noisy panel of judges gives.  Small
    networks that ship with the toolkit find the joints and see the pixels.  A second run skips what is done.
    """
    started = time.monotonic()
    environment = {ENVIRONMENT_VARIABLE: str(workspace), **THREADS}
    for name, value in environment.items():
        typer.echo(f"$ export {name}={shlex.quote(value)}")
    with _environment(environment):
        for arguments in commands(workspace, dataset, pretrain_epochs, epochs):
            _run(arguments)
    typer.echo("")
    _show(Workspace(workspace), time.monotonic() - started)


def commands(workspace: Path, dataset: str, pretrain_epochs: int, epochs: int) -> list[list[str]]:
    """Return the commands of the demo; each is run as it is printed."""
    videos = workspace / "videos" / "squats"
    filmed = [str(videos), "--manifest", str(videos / "manifest.csv")]
    train = ["finetune", "--dataset", "squats", "--protocol", "3-fold"]
    network = [*train, "--select", "last", "--epochs", str(epochs)]
    unscored = ["--dataset", "squats", "--where", "part=unscored"]
    return [
        ["datasets", "film", dataset, "-o", str(videos)],
        ["extract-pose", *filmed, "--estimator", "tiny", "--smooth", "0.3"],
        ["extract-features", *filmed, "--backbone", "tiny"],
        ["pretrain", "--method", "sme-gcn", *unscored, "--epochs", str(pretrain_epochs), *_set(PRETRAINING)],
        [*network, "--init", "sme-gcn", "--name", "pretrained", *_set(FINETUNING)],
        [*network, "--init", "none", "--name", "scratch", *_set(SIZES + FINETUNING)],
        [*train, "--method", "kinematics-ridge", "--name", "kinematics"],
        [*train, "--method", "features-ridge", "--name", "features", *_set(['settings.statistics=["std","change"]'])],
        *(["evaluate", "--model", name] for name in EXPERIMENTS),
        ["score", str(videos / "u01" / "c1.mp4"), "--model", JUDGE, "--explain", "replacement"],
    ]


def _set(assignments: Sequence[str]) -> list[str]:
    return [part for assignment in assignments for part in ("--set", assignment)]


def _run(arguments: Sequence[str]) -> None:
    from aqa_cli.main import app

    words = shlex.join(["aqa", *arguments]).replace("--set ", "--set\0")  # a line ends between options, not within one
    lines = textwrap.wrap(words, WIDTH, break_long_words=False, break_on_hyphens=False)
    typer.echo("\n$ " + " \\\n    ".join(lines).replace("\0", " "))
    app(list(arguments), standalone_mode=False)


def _show(workspace: Workspace, seconds: float) -> None:
    from stages.evaluate.write import METRICS, REPORT

    rows = []
    for name, title in EXPERIMENTS.items():
        metrics = json.loads((workspace.evaluations / name / METRICS).read_text(encoding="utf-8"))
        rho = metrics["overall"]["spearman"]
        rows.append([title, f"{rho['value']:.3f}", f"[{rho['low']:.3f}, {rho['high']:.3f}]"])
    console.table(["out-of-fold, subjects held out", "Spearman", "95 % interval"], rows)
    report = workspace.evaluations / next(iter(EXPERIMENTS)) / REPORT
    typer.echo(f"report: {report.resolve()}")
    typer.echo(f"{seconds:.0f} s; another video: aqa score VIDEO --workspace {workspace.root} --model {JUDGE} --explain replacement")


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
