"""FALCONS: what each of its networks sees and learns, the product, clips of different length, and the command with its switches."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from stages.configuration import Layer
from stages.engine import loop
from stages.engine.batch import Clips, Features
from stages.engine.method import Context, Phase
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.evaluate import read
from stages.finetune.config import resolve_finetune
from stages.finetune.methods.falcons import FALCONS, Settings
from stages.finetune.methods.joint_sequence import JointSequence
from tests.small import write_feature_set, write_pose_set

Aqa = Callable[..., tuple[int, str, str]]
FRAMES, SIZE = 24, 6
SMALL: dict[str, Any] = {"channels": (8, 8), "kernel": 3, "size": 8, "dropout": 0.0}
FEW = ("--set", "settings.channels=[8,8]", "--set", "settings.size=8", "--set", "settings.input.frames=24")
RUN = ("finetune", "--method", "falcons", "--dataset", "dives", "--protocol", "3-fold", "--epochs", "2", "--select", "last", *FEW)


def clips(count: int = 60, seed: int = 0) -> Clips:
    """Clips whose joints turn as often as the difficulty says, and whose features show the execution; every third is shorter."""
    generator = torch.Generator().manual_seed(seed)
    execution = 10 + 20 * torch.rand(count, generator=generator)
    difficulty = 1.5 + 2.5 * torch.rand(count, generator=generator)
    real = torch.arange(FRAMES) < torch.where(torch.arange(count) % 3 == 0, 17, FRAMES)[:, None]
    turn = difficulty[:, None] * torch.arange(FRAMES) / 4
    poses = torch.zeros(count, 2, FRAMES, 17, 1)
    poses[:, 0, :, :8, 0], poses[:, 1, :, :8, 0] = turn.cos()[..., None], turn.sin()[..., None]
    poses += 0.05 * torch.randn(poses.shape, generator=generator)
    values = torch.randn(count, 1, 3, SIZE, generator=generator)
    values[..., :2] = execution[:, None, None, None] / 10 + 0.05 * values[..., :2]
    return Clips(
        tuple(map(str, range(count))),
        poses * real[:, None, :, None, None],
        real,
        execution * difficulty,
        torch.zeros(count, dtype=torch.long),
        {"features": Features(values, torch.ones(count, 3, dtype=torch.bool))},
        annotations={"score.execution": execution, "difficulty": difficulty},
    )


def build(**changed: Any) -> FALCONS:
    context = Context("coco-17", 2, 1, features={"features": (3, SIZE)})
    return loop.initialise(lambda: FALCONS(Settings(**{**SMALL, **changed}), context), 0)  # type: ignore[return-value]


def trained(data: Clips, **changed: Any) -> FALCONS:
    method = build(**changed)
    method.measure(data)
    loop.train(method, {"train": data}, TrainingConfig(epochs=40, batch_size=15, optimiser="adam", lr=0.01), loop.Setting())
    return method.eval()


def unexplained(found: torch.Tensor, truth: torch.Tensor) -> float:
    return float((found - truth).square().mean() / truth.var())


def test_train__both_networks_learn_their_own_and_the_score_is_their_product() -> None:
    method, test = trained(clips(61)), clips(60, seed=1)
    batch = test.take(range(60))
    said = method.annotate(batch)
    assert list(said) == ["score.execution", "difficulty"]
    assert unexplained(said["score.execution"], test.annotations["score.execution"]) < 0.2
    assert unexplained(said["difficulty"], test.annotations["difficulty"]) < 0.2
    assert test.target is not None
    assert unexplained(method.predict(batch)["value"], test.target) < 0.2
    torch.testing.assert_close(method.predict(batch)["value"], said["score.execution"] * said["difficulty"])


@pytest.mark.parametrize(
    ("streams", "difficulty", "roles", "by_poses", "by_features"),
    [
        ("both", "learned", ("poses", "features"), True, True),
        ("pose", "learned", ("poses",), True, False),
        ("video", "learned", ("poses", "features"), False, True),
        ("both", "none", ("poses", "features"), True, True),
        ("pose", "none", ("poses",), True, False),
        ("video", "none", ("features",), False, True),
    ],
)
def test_switches__what_is_taken_and_what_the_execution_sees(
    streams: str, difficulty: str, roles: tuple[str, ...], by_poses: bool, by_features: bool
) -> None:
    method, data = build(streams=streams, difficulty=difficulty), clips(12)
    assert (FALCONS.consumes(method.settings), list(FALCONS.annotations(method.settings))) == (
        roles,
        ["score.execution", "difficulty"] if difficulty == "learned" else [],
    )
    assert ((method.inputs.poses is not None), list(method.inputs.features)) == (
        "poses" in roles,
        [role for role in roles if role != "poses"],
    )
    batch = data.take(range(12))
    other_poses = replace(batch, poses=batch.poses.flip(2) + 1)
    features = batch.features["features"]
    other_features = replace(batch, features={"features": replace(features, values=features.values + 1)})
    method.measure(data)
    method.eval()
    graded, assessed = (method(each)[:, :1] for each in (other_poses, other_features))
    assert torch.equal(graded, method(batch)[:, :1]) != by_poses
    assert torch.equal(assessed, method(batch)[:, :1]) != by_features
    if difficulty == "learned":
        assert torch.equal(method(other_features)[:, 1], method(batch)[:, 1]), "the difficulty is assessed by the joints alone"
        assert not torch.equal(method(other_poses)[:, 1], method(batch)[:, 1])


def test_train__without_difficulty_the_target_is_learned_as_it_is() -> None:
    data, test = clips(61), clips(60, seed=1)
    method = trained(replace(data, target=data.annotations["score.execution"], annotations={}), difficulty="none", streams="video")
    assert unexplained(method.predict(test.take(range(60)))["value"], test.annotations["score.execution"]) < 0.2
    assert method.annotate(test.take(range(3))) == {}


def test_step__each_error_is_in_deviations_over_the_clips_that_are_known() -> None:
    data = clips(12)
    execution, difficulty = data.annotations["score.execution"].clone(), data.annotations["difficulty"].clone()
    execution[::2], difficulty[3:] = torch.nan, torch.nan
    known = {"score.execution": execution, "difficulty": difficulty}
    method, batch = build(difficulty_weight=3.0).eval(), replace(data, annotations=known).take(range(12))
    method.measure(replace(data, annotations=known))
    outputs = method(batch)
    expected = []
    for place, values in enumerate((execution.numpy(), difficulty.numpy())):
        there = np.isfinite(values)
        wanted = (values[there] - values[there].mean()) / values[there].std()
        expected.append(float(((outputs[:, place].detach().numpy()[there] - wanted) ** 2).mean()))
    step = method.step({"train": batch}, Phase())
    assert [float(step.terms[name].detach()) for name in ("execution", "difficulty")] == pytest.approx(expected, rel=1e-5)
    assert float(step.losses["main"].detach()) == pytest.approx(expected[0] + 3 * expected[1], rel=1e-5)
    nothing = replace(batch, annotations={name: torch.full((12,), torch.nan) for name in known})
    assert float(method.step({"train": nothing}, Phase()).losses["main"].detach()) == 0


def test_step__every_part_learns() -> None:
    method, data = build().train(), clips(12)
    method.measure(data)
    method.step({"train": data.take(range(12))}, Phase()).losses["main"].backward()
    assert [name for name, value in method.named_parameters() if value.grad is None or not value.grad.isfinite().all()] == []


def test_predict__padding_and_company_change_nothing() -> None:
    method, data = trained(clips(30)), clips(9, seed=2)
    batch = data.take(range(9))
    longer = replace(batch, poses=F.pad(batch.poses, (0, 0, 0, 0, 0, 8), value=5.0), mask=F.pad(batch.mask, (0, 8)))
    torch.testing.assert_close(method.predict(longer)["value"], method.predict(batch)["value"])
    torch.testing.assert_close(method.predict(data.take([3]))["value"], method.predict(batch)["value"][3:4])


def test_joint_sequence__the_mean_over_real_frames_of_strided_convolutions() -> None:
    torch.manual_seed(0)
    network = JointSequence(4, (5,), 3).eval()
    poses, mask = torch.randn(1, 2, 7, 2, 1), torch.ones(1, 7, dtype=torch.bool)
    convolution = network.layers[0][0]  # type: ignore[index]
    frames = [torch.zeros(4), *(poses[0, :, frame, :, 0].reshape(4) for frame in range(7)), torch.zeros(4)]
    scale = 1 / np.sqrt(1 + 1e-5)  # each batch norm divides by the root of its fresh variance
    found = [
        sum(convolution.weight[:, :, offset] @ (frames[2 * step + offset] * scale) for offset in range(3)) + convolution.bias
        for step in range(4)
    ]
    torch.testing.assert_close(network(poses, mask)[0], torch.stack([(each * scale).relu() for each in found]).mean(dim=0))


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (lambda e, d: e, "and the target 20"),
        (lambda e, d: (e * d - 50) / 10, "and the target 1"),
    ],
    ids=["divided by the difficulty", "standardised"],
)
def test_measure__scores_that_are_no_product(target: Callable[..., torch.Tensor], said: str) -> None:
    data, execution, difficulty = clips(6), torch.full((6,), 20.0), torch.full((6,), 3.0)
    known = {"score.execution": execution, "difficulty": difficulty}
    with pytest.raises(UsageError) as caught:
        build().measure(replace(data, target=target(execution, difficulty), annotations=known))
    assert str(caught.value) == (
        f"The scores are not score.execution × difficulty: of 0 that is 60, {said}.\n"
        "  hint: the final score as target, with target.scaling=none and without target.times; or --set settings.difficulty=none"
    )
    build().measure(replace(data, target=60.3 * torch.ones(6), annotations=known))
    build(difficulty="none").measure(replace(data, target=execution, annotations={}))


def test_method__what_cannot_be() -> None:
    with pytest.raises(UsageError, match=r"FALCONS predicts scores only\.\n  hint: --task score"):
        FALCONS(Settings(), Context("coco-17", 2, classes=3))
    with pytest.raises(UsageError, match=r"must span an odd number of frames, not 4\.\n  hint: --set settings\.kernel=5"):
        build(kernel=4)


def test_preset() -> None:
    config = resolve_finetune([Layer("--set", {"method": "falcons"})]).config
    assert (config.target.scaling, config.training.epochs, config.settings["streams"]) == ("none", 100, "both")


# The command -------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def dives(workspace: Path) -> Path:
    """Poses and features of clips with an execution, a difficulty and their product; one clip's difficulty is not known."""
    write_pose_set(workspace / "poses/dives")
    write_feature_set(workspace / "features/dives/i3d")
    for folder in (workspace / "poses/dives", workspace / "features/dives/i3d"):
        rows = list(csv.DictReader((folder / "manifest.csv").read_text().splitlines()))
        for number, row in enumerate(rows):
            difficulty = 1.5 + number % 3
            row |= {
                "score.execution": row["score"],
                "difficulty": str(difficulty),
                "score": str(round(float(row["score"]) * difficulty, 4)),
            }
        rows[0] |= {"difficulty": ""}
        with (folder / "manifest.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return workspace


def metrics(workspace: Path, name: str) -> dict[str, Any]:
    return json.loads((workspace / f"evaluations/{name}/metrics.json").read_text())


def test_command__both_heads_are_reported(aqa: Aqa, dives: Path) -> None:
    code, _, err = aqa(*RUN, "--seeds", "0-1")
    assert code == 0, err
    code, out, err = aqa("evaluate")
    assert code == 0, err
    found = metrics(dives, "dives-falcons")
    assert {column: each["clips"] for column, each in found["measured"].items()} == {"score.execution": 18, "difficulty": 17}
    assert "difficulty is predicted with Spearman ρ " in " ".join(out.split())
    assert "difficulty is predicted with Spearman ρ" in (dives / "evaluations/dives-falcons/report.html").read_text()
    with h5py.File(dives / "evaluations/dives-falcons/predictions.h5") as file:
        execution, difficulty = (file[f"extra/number.{column}"][()] for column in ("score.execution", "difficulty"))
        assert np.allclose(execution * difficulty, file["predicted"][()], rtol=1e-4)
    numbers = read.predictions(dives / "evaluations/dives-falcons/predictions.h5").table.numbers
    assert np.isnan(numbers["difficulty"]).sum() == 1
    assert set(numbers["difficulty"][np.isfinite(numbers["difficulty"])]) == {1.5, 2.5, 3.5}


@pytest.mark.parametrize(
    ("name", "switches"),
    [
        ("execution", ("--target-column", "score.execution", "--set", "settings.difficulty=none")),
        ("given", ("--set", "settings.difficulty=none", "--set", "target.times=difficulty")),
        ("pose", ("--set", "settings.streams=pose")),
        ("video", ("--set", "settings.streams=video", "--set", "settings.difficulty=none")),
    ],
)
def test_command__switches(aqa: Aqa, dives: Path, name: str, switches: tuple[str, ...]) -> None:
    code, _, err = aqa(*RUN, *switches, "--name", name)
    assert code == 0, err
    code, _, err = aqa("evaluate", "--model", name)
    assert code == 0, err
    assert ("measured" in metrics(dives, name)) == (name == "pose")


def test_command__difficulty_given_and_learned_at_once_is_refused(aqa: Aqa, dives: Path) -> None:
    code, _, err = aqa(*RUN, "--set", "target.times=difficulty")
    assert (code, "The scores are not score.execution × difficulty" in err, "without target.times" in err) == (2, True, True), err


def test_command__a_manifest_without_difficulty(aqa: Aqa, dives: Path) -> None:
    code, _, err = aqa(*RUN, "--set", "settings.difficulty_column=tariff", "--set", "settings.execution_column=marks")
    assert (code, "falcons learns from columns that the manifest of dives lacks: marks, tariff" in err) == (2, True), err
    assert "columns: subject, action, view, score, score.execution, difficulty" in err
