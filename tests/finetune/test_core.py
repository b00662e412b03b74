"""CoRe: exemplars and their votes, the tree, its intervals and losses, and the command."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from stages.artifacts import store
from stages.artifacts.collection import Collection
from stages.configuration import Layer
from stages.engine import loop
from stages.engine.annotations import MISSING
from stages.engine.batch import Batch, Clips
from stages.engine.method import Context, Phase
from stages.engine.records import ClipSet
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.evaluate.read import predictions
from stages.finetune.config import resolve_finetune
from stages.finetune.methods.core import CoRe, NodeLinear, RegressionTree, Settings, interval_edges
from stages.finetune.methods.exemplars import voters
from stages.finetune.model import Model, predict_clips
from tests.finetune.test_semi_supervised import SEGMENTS, SIZE, clips
from tests.small import write_feature_set

SMALL: dict[str, Any] = {"hidden": 16, "depth": 3, "voters": 4}
NAMES = {"number": ("101B", "207C", "5253B")}


def dives(count: int = 60, seed: int = 0) -> Clips:
    """Clips with scores from 0 to 100 that are dives of three numbers, every tenth of none that is known."""
    data = clips(count, seed=seed)
    number = torch.where(torch.arange(count) % 10 == 9, MISSING, torch.arange(count) % 3)
    ids = tuple(f"clip-{seed}-{place}" for place in range(count))
    return replace(data, ids=ids, target=(50 + 15 * data.target).clamp(0, 100), annotations={"number": number})  # type: ignore[operator]


def build(**changed: Any) -> CoRe:
    context = Context(features={"features": (SEGMENTS, SIZE)}, annotations=NAMES)
    return loop.initialise(lambda: CoRe(Settings(**{**SMALL, **changed}), context), 0)  # type: ignore[return-value]


def trained(data: Clips, **changed: Any) -> tuple[CoRe, Batch]:
    method = build(**changed)
    method.measure(data)
    loop.train(method, {"train": data}, TrainingConfig(epochs=35, batch_size=10, lr=5e-3), loop.Setting())
    return method, data.take(method.choose_exemplars(data, 0))


def paired(method: CoRe, data: Clips) -> Batch:
    return method.streams({"train": data}, Phase(), TrainingConfig(batch_size=20))["train"].batch(0, 0, 0)


@pytest.mark.parametrize("same", [None, "number"])
def test_train__learns_and_predicts_the_same_twice(same: str | None) -> None:
    method, reference = trained(dives(90), same=same)
    test = dives(40, seed=1)
    value = predict_clips(method, test, torch.device("cpu"), reference)["value"]
    assert test.target is not None
    assert np.corrcoef(value, test.target)[0, 1] > 0.85
    assert np.abs(value - test.target.numpy()).mean() < 10, "in the units of the scores"
    np.testing.assert_array_equal(value, predict_clips(method, test, torch.device("cpu"), reference)["value"])
    few = predict_clips(method, test.chosen(range(3)), torch.device("cpu"), reference)["value"]
    np.testing.assert_array_equal(value[:3], few, "company changes nothing")


def test_streams__partners_are_others_of_the_same_kind() -> None:
    data, method = dives(), build(same="number")
    batch = paired(method, data)
    assert batch.partner is not None
    assert batch.annotations["number"].tolist() == batch.partner.annotations["number"].tolist()
    assert not set(zip(batch.ids, batch.ids, strict=True)) & set(zip(batch.ids, batch.partner.ids, strict=True))
    anyone = paired(build(), data)
    assert anyone.partner is not None
    assert anyone.annotations["number"].tolist() != anyone.partner.annotations["number"].tolist()
    classes = replace(data, group=torch.arange(60) % 2)
    same = paired(build(), classes)
    assert same.partner is not None
    assert same.group.tolist() == same.partner.group.tolist()


def test_exemplars__are_drawn_per_kind_by_the_seed_and_never_a_second_view() -> None:
    data = dives()
    method = build(same="number")
    chosen = method.choose_exemplars(data, 0)
    kinds = data.annotations["number"][torch.tensor(chosen)]
    assert [int((kinds == kind).sum()) for kind in (0, 1, 2, MISSING)] == [4, 4, 4, 4]
    assert list(chosen) == list(method.choose_exemplars(data, 0))
    assert list(chosen) != list(method.choose_exemplars(data, 1))
    flipped = replace(
        data.chosen([*range(60), *range(60)]),
        target=torch.cat([data.target, data.target]),  # type: ignore[list-item]
    )
    assert max(method.choose_exemplars(flipped, 0)) < 60
    assert len(build(voters=100).choose_exemplars(data, 0)) == 60, "of a kind with fewer clips, all"


def test_voters__of_a_kind_and_of_none() -> None:
    table, counts = voters(torch.tensor([0, 2, 0, 2, 2]), torch.tensor([5.0, 1.0, 2.0, 4.0, 3.0]), 3)
    assert table.shape == (4, 3)
    assert [table[row][counts[row] > 0].tolist() for row in range(3)] == [[0, 2], [], [1, 3, 4]]
    assert table[3].tolist() == [1, 4, 0], "the lowest, the middle and the highest score"
    assert counts[3].tolist() == [1, 1, 1]


def test_predict__is_the_mean_vote_of_exemplars_of_its_kind() -> None:
    data = dives()
    method = build(same="number")
    method.measure(data)
    reference = data.take(method.choose_exemplars(data, 0))
    clip = dives(6, seed=2).take([1])
    votes = []
    for place in range(len(reference)):
        if int(reference.annotations["number"][place]) == 1:
            one = dives(60).take([dives(60).ids.index(reference.ids[place])])
            pair = torch.cat([method.seen(one), method.seen(clip), one.target[:, None] / 100], dim=1)  # type: ignore[index]
            probability, said = method.tree(pair)
            leaf = int(probability.argmax())
            votes.append(one.target[0] + method.low[leaf] + method.width[leaf] * said[0, leaf])  # type: ignore[index]
    assert len(votes) == 4
    torch.testing.assert_close(method.predict(clip, reference)["value"][0], torch.stack(votes).mean())
    unknown = replace(clip, annotations={"number": torch.tensor([MISSING])})
    nowhere = replace(clip, annotations={})
    assert method.predict(unknown, reference)["value"] != method.predict(clip, reference)["value"]
    torch.testing.assert_close(method.predict(unknown, reference)["value"], method.predict(nowhere, reference)["value"])


def test_intervals__hold_equal_numbers_and_lie_alike_on_both_sides() -> None:
    edges = interval_edges(torch.arange(1.0, 102.0), 4, 200.0)
    assert edges.tolist() == [0, 26, 51, 76, 200]
    method = build(depth=4)
    data = replace(dives(8), target=torch.tensor([0.0, 0.0, 0.0, 0.0, 50.0, 50.0, 50.0, 100.0]))
    method.measure(data)
    # the 28 differences: nine of 0, sixteen of 50, three of 100
    assert method.low.tolist() == [-100, -50, -50, 0, 0, 0, 50, 50]
    assert method.width.tolist() == [50, 0, 50, 0, 0, 50, 0, 50]
    assert method.leaf_of(torch.tensor([100.0, 50.0, 49.0, 0.0, -1.0, -50.0, -100.0])).tolist() == [7, 7, 5, 5, 2, 0, 0]


def test_measure__kinds_of_one_clip_each() -> None:
    data = dives(3)
    with pytest.raises(UsageError, match=r"CoRe compares training clips of the same number, and no two have the same\.\n  hint: --set set"):
        build(same="number").measure(data)


def test_tree__probabilities_are_products_of_choices() -> None:
    tree = loop.initialise(lambda: RegressionTree(5, 6, 3), 0)  # type: ignore[arg-type, return-value]
    assert isinstance(tree, RegressionTree)
    pairs = torch.randn(7, 5)
    probability, place = tree(pairs)
    assert probability.shape == place.shape == (7, 4)
    torch.testing.assert_close(probability.exp().sum(dim=1), torch.ones(7))

    def node(layer: NodeLinear, number: int, values: Tensor) -> Tensor:
        return values @ layer.weight[number] + layer.bias[number]

    root = tree.root(pairs).relu()
    first = node(tree.choices[0], 0, root).log_softmax(dim=1)  # type: ignore[arg-type]
    right = node(tree.divisions[0], 0, root).relu()[:, 6:]  # type: ignore[arg-type]
    second = node(tree.choices[1], 1, right).log_softmax(dim=1)  # type: ignore[arg-type]
    torch.testing.assert_close(probability[:, 2], first[:, 1] + second[:, 0])
    leaf = node(tree.divisions[1], 1, right).relu()[:, :6]  # type: ignore[arg-type]
    torch.testing.assert_close(place[:, 2], node(tree.leaves, 2, leaf)[:, 0])


def test_step__is_the_authors_loss_both_ways() -> None:
    data, method = dives(), build()
    method.measure(data)
    batch = paired(method, data)
    partner = batch.partner
    assert partner is not None
    wanted = torch.zeros(())
    for one, other in ((batch, partner), (partner, batch)):
        assert one.target is not None
        assert other.target is not None
        pairs = torch.cat([method.seen(other), method.seen(one), other.target[:, None] / 100], dim=1)
        probability, place = method.tree(pairs)
        difference = one.target - other.target
        leaf = method.leaf_of(difference)
        wanted = wanted + F.nll_loss(probability, leaf)
        for number in range(4):
            inside = leaf == number
            if bool(inside.any()):
                truth = (difference[inside] - method.low[number]) / method.width[number]
                assert bool(((truth >= 0) & (truth <= 1)).all()), "the difference lies in its interval"
                wanted = wanted + F.mse_loss(place[inside, number], truth)
    step = method.step({"train": batch}, Phase())
    torch.testing.assert_close(step.losses["main"], wanted)
    step.losses["main"].backward()
    assert [name for name, value in method.named_parameters() if value.grad is None] == []


def test_presets__are_the_authors() -> None:
    config = resolve_finetune([Layer("--set", {"method": "core"})]).config
    assert (config.training.lr, config.training.batch_size, config.training.epochs) == (1e-3, 4, 200)
    assert (config.settings["depth"], config.settings["hidden"], config.settings["voters"]) == (5, 256, 10)
    assert config.target.scaling == "range-100"


def test_method__scores_only() -> None:
    with pytest.raises(UsageError, match=r"CoRe predicts scores only\.\n  hint: --task score"):
        CoRe(Settings(), Context(features={"features": (2, 3)}, classes=3))


@pytest.fixture
def column(workspace: Path) -> Path:
    """A feature set with a column that is known beforehand, empty for one clip."""
    folder = workspace / "features/dives/net"
    write_feature_set(folder)
    rows = list(csv.DictReader((folder / "manifest.csv").open(encoding="utf-8")))
    for number, row in enumerate(rows):
        row["number"] = "" if number == 4 else ("a", "b")[number % 2]
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


Aqa = Callable[..., tuple[int, str, str]]
SIZES = ("--set", "settings.hidden=8", "--set", "settings.depth=3", "--set", "settings.voters=3")


def test_command__keeps_training_clips_as_exemplars_and_predicts_with_them(aqa: Aqa, column: Path, workspace: Path) -> None:
    command = ("finetune", "--method", "core", "--protocol", "2-fold", "--epochs", "3", *SIZES, "--set", "settings.same=number")
    code, _, err = aqa(*command)
    assert code == 0, err
    file = workspace / "models/dives-core/fold-1/0.h5"
    model = Model.read(file)
    kept, data = model.documents["method"]["reference"], model.documents["data"]
    assert set(kept) <= set(data["train"])
    assert not set(kept) & {*data["test"], *data["validation"]}
    assert model.reference is not None
    assert sorted(set(model.reference.annotations["number"].tolist()) - {MISSING}) == [0, 1]
    before = store.read(file, "model").arrays
    assert aqa(*command, "--overwrite")[0] == 0
    after = store.read(file, "model").arrays
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before), "the same command gives the same model"
    code, out, err = aqa("evaluate")
    assert (code, "Spearman" in out) == (0, True), err
    table = predictions(workspace / "evaluations/dives-core/predictions.h5").table
    assert np.isfinite(table.predicted).all()
    data_set = ClipSet("dives", {"features": Collection(column, "features")})
    known = data_set.load(data["test"])
    unknown = [replace(record, row=replace(record.row, values={**record.row.values, "number": None})) for record in known]
    of_its_kind, of_any = model.predict(known)["predicted"], model.predict(unknown)["predicted"]
    order = [table.clips.tolist().index(record.clip) for record in known]
    np.testing.assert_allclose(table.predicted[0, order], of_its_kind)
    assert (of_its_kind != of_any).any(), "a clip's kind is known at test"


def test_command__without_columns_and_with_one_that_is_not_there(aqa: Aqa, column: Path) -> None:
    command = ("finetune", "--method", "core", "--protocol", "2-fold", "--epochs", "1", "--select", "last", *SIZES)
    code, _, err = aqa(*command)
    assert code == 0, err
    code, _, err = aqa(*command, "--set", "settings.same=nummer")
    assert (code, "has no column 'nummer'. Did you mean 'number'?" in err) == (2, True), err
    code, out, err = aqa("profile", "--method", "core", *SIZES)
    assert (code, "core" in out) == (0, True), err
