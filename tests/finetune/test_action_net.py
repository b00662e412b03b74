"""ACTION-NET: its formula, which segments and frames its streams see, what padding does, its scores, and the command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from stages.finetune.config import resolve_finetune
from stages.finetune.methods.action_net import ActionNet, ContextAttention, Settings, neighbourhood, shown
from tests.small import write_feature_set

SEGMENTS, SIZE = 7, 10
SMALL: dict[str, Any] = {"embedding": 8, "attention": 6, "hidden": 12, "dropout": 0.0}


def clips(count: int = 40, seed: int = 0) -> Clips:
    """Clips whose segments show the score (0 to 25); every third has four real ones."""
    generator = torch.Generator().manual_seed(seed)
    score = torch.rand(count, generator=generator)
    values = 0.2 * torch.rand(count, 1, SEGMENTS, SIZE, generator=generator)
    values[..., :4] += score[:, None, None, None]
    real = torch.arange(SEGMENTS) < torch.where(torch.arange(count) % 3 == 0, 4, SEGMENTS)[:, None]
    return Clips(
        tuple(map(str, range(count))),
        torch.zeros(count, 0, 0, 0, 0),
        torch.zeros(count, 0, dtype=torch.bool),
        25 * score,
        torch.zeros(count, dtype=torch.long),
        {"features": Features(values * real[:, None, :, None], real)},
    )


FRAMES, FRAME_SIZE = 20, 6


def with_frames(data: Clips, seed: int = 5) -> Clips:
    """The same clips with features of single frames, which show half of the score; every third has eleven real ones."""
    generator, count = torch.Generator().manual_seed(seed), len(data)
    assert data.target is not None
    values = 0.2 * torch.rand(count, 1, FRAMES, FRAME_SIZE, generator=generator)
    values[..., :2] += 0.5 * data.target[:, None, None, None] / 25
    real = torch.arange(FRAMES) < torch.where(torch.arange(count) % 3 == 0, 11, FRAMES)[:, None]
    return replace(data, features={**data.features, "static": Features(values * real[:, None, :, None], real)})


def build(**changed: Any) -> ActionNet:
    context = Context(features={"features": (SEGMENTS, SIZE), "static": (FRAMES, FRAME_SIZE)})
    return loop.initialise(lambda: ActionNet(Settings(**{**SMALL, **changed}), context), 0)  # type: ignore[return-value]


@pytest.mark.parametrize("window", [26, 3])
def test_train__learns_and_takes_a_last_batch_of_one_clip(window: int) -> None:
    method, data = build(top=25.0, window=window), clips(61)
    method.measure(data)
    loop.train(method, {"train": data}, TrainingConfig(epochs=60, batch_size=12, optimiser="sgd", lr=0.1), loop.Setting())
    test = clips(60, seed=1).take(range(60))
    assert test.target is not None
    assert float(((method.predict(test)["value"] - test.target) ** 2).mean() / test.target.var()) < 0.3


def test_attention__is_the_published_formula() -> None:
    """Segment by segment in plain numbers: weights fall by e per step, each end of an edge takes the root of its sum."""
    torch.manual_seed(0)
    module = ContextAttention(SIZE, 8, 6).double()
    clip = torch.randn(4, SIZE, dtype=torch.float64)
    near = np.array([[np.exp(-abs(i - j)) for j in range(4)] for i in range(4)])
    sums = near.sum(axis=1)
    adjacency = near / np.sqrt(np.outer(sums, sums))

    def layer(linear: Any, rows: np.ndarray) -> np.ndarray:
        return rows @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()

    embedded = np.maximum(layer(module.embed[2], np.maximum(layer(module.embed[0], clip.numpy()), 0)), 0)
    context = np.maximum(layer(module.graph[0], adjacency @ embedded), 0)
    context = np.maximum(layer(module.graph[1], adjacency @ context), 0)
    both = np.concatenate([embedded, context], axis=1)
    logits = layer(module.attend[2], np.maximum(layer(module.attend[0], both), 0))[:, 0]
    weights = np.exp(logits) / np.exp(logits).sum()
    found = module(clip[None], torch.ones(1, 4, dtype=torch.bool))[0]
    np.testing.assert_allclose(found.detach().numpy(), weights @ both, rtol=1e-5, atol=1e-7)


def test_neighbourhood__is_that_of_the_real_segments_alone() -> None:
    found = neighbourhood(torch.tensor([[True] * 3 + [False] * 2, [True] * 5, [False] * 5]))
    torch.testing.assert_close(found[0, :3, :3], neighbourhood(torch.ones(1, 3, dtype=torch.bool))[0])
    assert not found[0, 3:].any()
    assert not found[0, :, 3:].any()
    assert not found[2].any()
    assert (torch.linalg.eigvalsh(found[1]) < 1 + 1e-6).all()


def test_predict__padding_and_company_change_nothing() -> None:
    method, data = build(top=25.0).eval(), clips().take(range(9))
    old = data.features["features"]
    values = F.pad(old.values + 7 * ~old.mask[:, None, :, None], (0, 0, 0, 3), value=-3.0)
    longer = replace(data, features={"features": Features(values, F.pad(old.mask, (0, 3)))})
    torch.testing.assert_close(method.predict(longer)["value"], method.predict(data)["value"])
    torch.testing.assert_close(method.predict(clips().take([3]))["value"], method.predict(data)["value"][3:4])
    assert float(method.predict(data)["value"].std()) > 0


def test_standardise__only_where_it_is_asked_for() -> None:
    data, batch = clips(), clips().take(range(40))
    features = data.features["features"]
    own = features.values[:, 0][features.mask]
    values = (features.values - own.mean(dim=0)) / own.std(dim=0, unbiased=False)
    plain, standardised = build(top=25.0).eval(), build(top=25.0, standardise=True).eval()
    before = plain.represent(batch)
    wanted = plain.represent(replace(batch, features={"features": Features(values, features.mask)}))
    for method in (plain, standardised):
        method.measure(data)
    torch.testing.assert_close(plain.represent(batch), before)
    torch.testing.assert_close(standardised.represent(batch), wanted)


def test_shown__segments_in_a_row() -> None:
    mask = torch.arange(7) < torch.tensor([7, 4, 2] * 50)[:, None]
    features = Features(torch.arange(7.0)[None, None, :, None].expand(150, 2, 7, 1), mask)
    middle = shown(features, 3, anywhere=False)
    assert [middle.values[clip, 0, :, 0].tolist() for clip in range(3)] == [[2, 3, 4], [0, 1, 2], [0, 1, 2]]
    assert middle.mask[:3].tolist() == [[True] * 3, [True] * 3, [True, True, False]]
    torch.manual_seed(0)
    random = shown(features, 3, anywhere=True)
    first = random.values[:, 1, 0, 0]
    assert (random.values[..., 0].diff(dim=2) == 1).all()
    assert [sorted(set(first[clip::3].tolist())) for clip in range(3)] == [[0, 1, 2, 3, 4], [0, 1], [0]]
    assert torch.equal(random.mask.sum(dim=1), middle.mask.sum(dim=1))
    whole = shown(features, 26, anywhere=True)
    assert torch.equal(whole.values, features.values)
    assert torch.equal(whole.mask, mask)


def test_step__is_the_squared_error_of_shares_and_the_regressor_learns_faster() -> None:
    method, batch = build().train(), clips().take(range(8))
    method.measure(clips())
    assert float(method.top) == float(clips().target.max())  # type: ignore[union-attr]
    loss = method.step({"train": batch}, Phase()).losses["main"]
    torch.testing.assert_close(loss, ((method(batch) - batch.target / method.top) ** 2).mean())
    loss.backward()
    assert [name for name, value in method.named_parameters() if value.grad is None] == []
    head, rest = method.optimisers(Phase())["main"]
    assert head["lr_factor"] == 5
    assert "lr_factor" not in rest
    assert sum(len(group["params"]) for group in (head, rest)) == len(list(method.parameters()))


def test_presets__are_the_authors() -> None:
    config = resolve_finetune([Layer("--set", {"method": "action-net"})]).config
    training = config.training
    assert (training.optimiser, training.lr, training.momentum, training.nesterov) == ("sgd", 0.01, 0.9, False)
    assert (training.weight_decay, training.batch_size, training.epochs, training.step_epochs) == (1e-4, 32, 400, (300, 350))
    assert (config.target.scaling, config.settings["window"], config.settings["embedding"]) == ("none", 26, 256)
    method = ActionNet(Settings(), Context(features={"features": (26, 1024)}))
    assert sum(value.numel() for value in method.attentions.parameters()) == 853_505


@pytest.mark.parametrize(("streams", "roles"), [("dynamic", ["features"]), ("static", ["static"]), ("both", ["features", "static"])])
def test_streams__each_sees_its_own_features_alone_and_learns(streams: str, roles: list[str]) -> None:
    method, data = build(streams=streams, top=25.0, static_window=12), with_frames(clips(61))
    assert (list(method.roles), list(method.attentions), list(method.inputs.features)) == (roles, roles, roles)
    assert method.regressor[0].in_features == 2 * SMALL["embedding"] * len(roles)
    loop.train(method, {"train": data}, TrainingConfig(epochs=80, batch_size=12, optimiser="sgd", lr=0.1), loop.Setting())
    test = with_frames(clips(60, seed=1), 6).take(range(60))
    assert test.target is not None
    found = method.eval().predict(test)["value"]
    assert float(((found - test.target) ** 2).mean() / test.target.var()) < 0.4
    for role, features in test.features.items():
        changed = replace(test, features={**test.features, role: replace(features, values=features.values.flip(3))})
        assert torch.equal(method.predict(changed)["value"], found) == (role not in roles)


def test_streams__side_by_side_are_what_each_finds_alone() -> None:
    both, batch = build(streams="both").eval(), with_frames(clips()).take(range(9))
    parts = []
    for streams in ("dynamic", "static"):
        alone = build(streams=streams).eval()
        alone.load_state_dict(
            {key: value for key, value in both.state_dict().items() if key in alone.state_dict() and "regressor" not in key}, strict=False
        )
        parts.append(alone.represent(batch))
    torch.testing.assert_close(both.represent(batch), torch.cat(parts, dim=1))


def test_streams__windows_of_their_own_at_places_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    method, batch, asked = build(streams="both", window=3, static_window=12), with_frames(clips()).take(range(9)), []
    monkeypatch.setattr(
        "stages.finetune.methods.action_net.shown",
        lambda features, window, *, anywhere: (
            asked.append((features.mask.shape[1], window, anywhere)),
            shown(features, window, anywhere=anywhere),
        )[1],
    )
    method.train().represent(batch)
    method.eval().represent(batch)
    assert asked == [(SEGMENTS, 3, True), (FRAMES, 12, True), (SEGMENTS, 3, False), (FRAMES, 12, False)]


def test_streams__padding_of_either_changes_nothing() -> None:
    method, data = build(streams="both", top=25.0, static_window=12).eval(), with_frames(clips()).take(range(9))
    longer = {
        role: Features(F.pad(old.values + 7 * ~old.mask[:, None, :, None], (0, 0, 0, 3), value=-3.0), F.pad(old.mask, (0, 3)))
        for role, old in data.features.items()
    }
    torch.testing.assert_close(method.predict(replace(data, features=longer))["value"], method.predict(data)["value"])


def test_streams__both_are_of_the_authors_size() -> None:
    method = ActionNet(Settings(streams="both"), Context(features={"features": (26, 1024), "static": (80, 2048)}))
    assert (method.windows, method.regressor[0].in_features) == ({"features": 26, "static": 80}, 1024)
    sizes = {role: sum(value.numel() for value in module.parameters()) for role, module in method.attentions.items()}
    assert sizes == {"features": 853_505, "static": 2_557_953}


@pytest.mark.parametrize(
    ("top", "target", "said"),
    [
        (
            None,
            torch.tensor([-1.5, 2.0]),
            r"predicts scores from 0 to 2; those of training lie from -1\.5 to 2\.\n  hint: --set settings\.top",
        ),
        (25.0, torch.tensor([3.0, 26.0]), r"predicts scores from 0 to 25; those of training lie from 3 to 26\."),
        (None, torch.tensor([0.0, 0.0]), r"predicts scores from 0 to 0; those of training lie from 0 to 0\."),
    ],
)
def test_measure__scores_out_of_reach(top: float | None, target: torch.Tensor, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build(top=top).measure(replace(clips(2), target=target))


def test_method__scores_only() -> None:
    with pytest.raises(UsageError, match=r"ACTION-NET predicts scores only\.\n  hint: --task score"):
        ActionNet(Settings(), Context(features={"features": (SEGMENTS, SIZE)}, classes=3))


def test_command__clips_of_different_length(aqa: Callable[..., tuple[int, str, str]], workspace: Path) -> None:
    write_feature_set(workspace / "features/routines/net")
    sizes = ("--set", "settings.embedding=8", "--set", "settings.hidden=8", "--set", "settings.window=3")
    command = ("finetune", "--method", "action-net", "--protocol", "3-fold", "--epochs", "2", "--select", "last", *sizes)
    code, _, err = aqa(*command)
    assert code == 0, err
    code, out, err = aqa("evaluate")
    assert (code, "Spearman" in out) == (0, True), err
    code, _, err = aqa(*command, "--set", "target.scaling=standardise", "--name", "below-zero")
    assert (code, "ACTION-NET predicts scores from 0 to" in err) == (2, True), err


def test_command__both_streams_from_two_sets_of_features(aqa: Callable[..., tuple[int, str, str]], workspace: Path) -> None:
    write_feature_set(workspace / "features/routines/i3d")
    sizes = ("--set", "settings.embedding=8", "--set", "settings.hidden=8", "--set", "settings.window=3")
    command = ("finetune", "--method", "action-net", "--protocol", "3-fold", "--epochs", "2", "--select", "last", *sizes)
    both = (*command, "--set", "settings.streams=both")
    code, _, err = aqa(*both)
    assert (code, "takes two kinds of features, features and static, and i3d was found for both" in err) == (2, True), err
    assert "--backbone NAME --set settings.static.backbone=NAME" in err
    write_feature_set(workspace / "features/routines/resnet50-performer", dimensions=9)
    code, _, err = aqa(*both, "--backbone", "i3d", "--set", "settings.static.backbone=resnet50-performer")
    assert code == 0, err
    assert aqa("evaluate")[0] == 0
    code, _, err = aqa(
        *command, "--set", "settings.streams=static", "--set", "settings.static.backbone=resnet50-performer", "--name", "static"
    )
    assert code == 0, err
    code, _, err = aqa(*command, "--set", "settings.streams=statics", "--name", "no")
    assert (code, "settings.streams" in err or "streams" in err) == (2, True), err
