"""AimCLR: its losses, the drop module, the queue, the momentum, and training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from stages.encoders.spec import PretrainedEncoder
from stages.engine import loop
from stages.engine.method import Phase
from stages.engine.training import TrainingConfig
from stages.pretrain.methods.aimclr import (
    AimCLR,
    Settings,
    attention,
    contrastive,
    d3m,
    mined,
    own_key,
    similarities,
    without_attended,
)
from stages.pretrain.methods.feature_maps import pooled
from stages.pretrain.methods.skeleton_changes import changed_view
from tests.pretrain.toys import assert_resumes, clips, spec, train
from tests.small import write_pose_set

SMALL = {"queue": 8, "projection": 16, "mining_epoch": 1}
TRAINING = TrainingConfig(epochs=3, batch_size=5, optimiser="sgd", lr=0.05, nesterov=False)


def build(**settings: object) -> AimCLR:
    return AimCLR(Settings(**{**SMALL, **settings}), spec())


def _method(**settings: object) -> AimCLR:
    method = loop.initialise(lambda: build(**settings), 0)
    method.measure(clips())
    return method.train()


def _softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


# --- losses ---------------------------------------------------------------------------------------------------------------------


def test_similarities__own_key_first_then_the_queue() -> None:
    query, keys, queue = torch.randn(3, 4), torch.randn(3, 4), torch.randn(5, 4)
    found = similarities(query, keys, queue)
    for n in range(3):
        assert found[n].tolist() == pytest.approx([float(query[n] @ other) for other in (keys[n], *queue)], abs=1e-6)


@pytest.mark.parametrize("mining", [False, True], ids=["infonce", "mined"])
def test_contrastive__against_the_formula_in_float64(mining: bool) -> None:
    logits = np.random.default_rng(0).normal(size=(6, 9)) / 0.07
    positives = own_key(torch.from_numpy(logits))
    if mining:
        positives[:3, 4] = True
        positives[2, 7] = True
    losses = [-np.mean([np.log(_softmax(logits)[n, k]) for k in range(9) if positives[n, k]]) for n in range(6)]
    assert float(contrastive(torch.from_numpy(logits).float(), positives)) == pytest.approx(np.mean(losses), rel=1e-5)


def test_d3m__closed_forms() -> None:
    logits, normal = torch.randn(6, 9), torch.randn(6, 9)
    target, predicted = _softmax(normal.double().numpy()), _softmax(logits.double().numpy())
    assert float(d3m(logits, normal)) == pytest.approx(-np.mean((target * np.log(predicted)).sum(axis=1)), rel=1e-5)
    # The least that can be lost is the entropy of the normal query's distribution; a uniform target over K + 1 keys has log(K + 1).
    assert float(d3m(normal, normal)) == pytest.approx(-np.mean((target * np.log(target)).sum(axis=1)), rel=1e-5)
    assert float(d3m(torch.zeros(2, 9), torch.zeros(2, 9))) == pytest.approx(np.log(9), rel=1e-6)
    assert d3m(logits, normal) > d3m(normal, normal)


def test_d3m__trains_the_extreme_query_only() -> None:
    logits, normal = torch.randn(4, 6, requires_grad=True), torch.randn(4, 6, requires_grad=True)
    d3m(logits, normal).backward()
    assert normal.grad is None
    torch.testing.assert_close(logits.grad, (logits.softmax(dim=1) - normal.softmax(dim=1)).detach() / 4)


def test_mined__own_key_and_the_nearest_of_each_query() -> None:
    queries = [torch.tensor([[0.0, 3, 1, 2, 0]]), torch.tensor([[9.0, 1, 2, 8, 3]]), torch.tensor([[0.0, 7, 1, 2, 0]])]
    assert mined(queries, 1)[0].tolist() == [True, True, False, True, False]
    assert mined(queries, 2)[0].tolist() == [True, True, False, True, True]
    assert mined(queries, 99)[0].all()


# --- the energy-based attention-guided drop module -------------------------------------------------------------------------------


def _features(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    mask = torch.ones(3, 6, dtype=torch.bool)
    mask[1, 4:] = False
    return torch.randn(3, 2, 5, 6, 4), mask


def test_attention__against_the_formula_in_float64() -> None:
    features, mask = _features()
    found = attention(features, mask, 1e-4)
    for n, m, d in ((0, 0, 0), (1, 1, 3), (2, 0, 4)):
        real = features[n, m, d][mask[n]].double().numpy()
        energy = 4 * (real.var(ddof=1) + 1e-4) / ((real - real.mean()) ** 2 + 2 * real.var(ddof=1) + 2e-4)
        np.testing.assert_allclose(found[n, m, d][mask[n]].numpy(), 1 / (1 + np.exp(-1 / energy)), rtol=1e-5)


def test_without_attended__drops_the_features_with_the_highest_attention_and_scales_the_rest() -> None:
    features, mask = _features()
    degree = attention(features, mask, 1e-4)
    real = mask[:, None, None, :, None].expand_as(degree)
    threshold = 0.7
    assert (degree.mean(dim=(2, 3)) < threshold).all(), "no whole joint goes here"
    found = without_attended(features, mask, threshold, 1e-4)
    dropped = (found == 0) & real
    assert 0.1 < float(dropped.sum() / real.sum()) < 0.4
    assert degree[dropped].min() >= threshold > degree[real & ~dropped].max()
    kept = real & ~dropped
    torch.testing.assert_close(found[kept], features[kept] * real.sum() / kept.sum())


def test_without_attended__drops_whole_joints() -> None:
    features, mask = 0.1 * _features()[0], torch.ones(3, 6, dtype=torch.bool)
    features[0, 1, :, :, 2] += 5  # one joint of one person stands out in all channels and frames
    found = without_attended(features, mask, 0.7, 1e-4)
    gone = (found == 0).all(dim=(2, 3))
    assert gone.nonzero().tolist() == [[0, 1, 2]]


def test_without_attended__does_not_see_padding() -> None:
    features, mask = _features()
    other = torch.where(mask[:, None, None, :, None], features, 100.0)
    real = mask[:, None, None, :, None].expand_as(features)
    one, two = without_attended(features, mask, 0.7, 1e-4), without_attended(other, mask, 0.7, 1e-4)
    assert torch.equal(one[real], two[real])


def test_without_attended__the_gradient_passes_what_is_left() -> None:
    features, mask = _features()
    features.requires_grad_(True)
    found = without_attended(features, mask, 0.7, 1e-4)
    found.sum().backward()
    assert torch.equal(features.grad != 0, found != 0)


# --- the queue and the key encoder -----------------------------------------------------------------------------------------------


def test_measure__the_queue_is_no_longer_than_the_data_set() -> None:
    assert build(queue=50).queue.shape == (50, 16)
    method = _method(queue=50)
    assert method.queue.shape == (12, 16)
    torch.testing.assert_close(method.queue.norm(dim=1), torch.ones(12))
    assert _method(queue=7).queue.shape == (7, 16)


def test_measure__the_key_encoder_begins_as_the_query_encoder() -> None:
    method = build()
    with torch.no_grad():
        next(method.encoder.parameters()).add_(1)  # what --init does
    method.measure(clips())
    states = method.encoder.state_dict(), method.key_encoder.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_enqueue__wraps_around() -> None:
    method = _method(queue=5)
    before = method.queue.clone()
    keys = [torch.full((3, 16), float(number)) for number in range(1, 4)]
    method.enqueue(keys[0])
    assert method.queue[:, 0].tolist() == [1, 1, 1, before[3, 0], before[4, 0]]
    method.enqueue(keys[1])
    assert method.queue[:, 0].tolist() == [2, 1, 1, 2, 2]
    assert int(method.pointer) == 1
    method.enqueue(keys[2])
    assert method.queue[:, 0].tolist() == [2, 3, 3, 3, 2]
    assert int(method.pointer) == 4


def test_enqueue__of_more_keys_than_fit_keeps_the_last() -> None:
    method = _method(queue=2)
    method.enqueue(torch.arange(5.0)[:, None].expand(5, 16))
    assert sorted(method.queue[:, 0].tolist()) == [3, 4]


def test_follow__is_exact_and_leaves_the_statistics_of_normalisation_alone() -> None:
    method = _method(momentum=0.75)
    torch.manual_seed(7)
    with torch.no_grad():
        for parameter in [*method.encoder.parameters(), *method.projection.parameters()]:
            parameter.copy_(torch.randn_like(parameter))
        method.encoder.data_bn.running_mean.fill_(3.0)
    keys = [parameter.clone() for parameter in [*method.key_encoder.parameters(), *method.key_projection.parameters()]]
    method.follow()
    queries = [*method.encoder.parameters(), *method.projection.parameters()]
    after = [*method.key_encoder.parameters(), *method.key_projection.parameters()]
    assert all(torch.equal(new, old * 0.75 + query * 0.25) for new, old, query in zip(after, keys, queries, strict=True))
    assert not method.key_encoder.data_bn.running_mean.any()


# --- steps and training ----------------------------------------------------------------------------------------------------------


def test_step__the_gradient_reaches_the_query_encoder_only() -> None:
    method = _method()
    step = method.step({"train": clips().take(range(6))}, Phase())
    step.losses["main"].backward()
    assert torch.isfinite(step.losses["main"])
    trained = {name for name, parameter in method.named_parameters() if parameter.grad is not None}
    assert trained == {name for name, _ in method.named_parameters() if not name.startswith("key_")}
    assert [p for group in method.optimisers(Phase()).values() for p in group] == [
        *method.encoder.parameters(),
        *method.projection.parameters(),
    ]
    assert float(step.losses["main"].detach()) == pytest.approx(float((step.terms["contrast"] + step.terms["divergence"]).detach()))


def test_step__puts_the_keys_into_the_queue_and_counts() -> None:
    method = _method(momentum=0.5)
    before = method.queue.clone()
    method.step({"train": clips().take(range(6))}, Phase())
    assert int(method.pointer) == 6
    assert int(method.taken) == 1
    assert torch.equal(method.queue[6:], before[6:])
    torch.testing.assert_close(method.queue.norm(dim=1), torch.ones(8))
    assert not torch.isclose(method.queue[:6], before[:6]).all(dim=1).any()


def test_step__is_the_paper_s_sum_over_its_three_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole loss, written out, from the views that the step drew."""
    method, views = _method(temperature=1.0), []
    monkeypatch.setattr(
        "stages.pretrain.methods.aimclr.changed_view", lambda *given: views.append((given[1], changed_view(*given))) or views[-1][1]
    )
    batch = clips().take(range(6))
    queue = method.queue.clone()
    loss = method.step({"train": batch}, Phase()).losses["main"]
    assert [changes for changes, _ in views] == [method.settings.normal, method.settings.extreme, method.settings.normal]

    def unit(encoder: torch.nn.Module, view: int) -> torch.Tensor:
        return torch.nn.functional.normalize(method.projection(encoder(views[view][1], batch.mask)), dim=1)

    with torch.no_grad():
        query, extreme, keys = unit(method.encoder, 0), unit(method.encoder, 1), unit(method.key_encoder, 2)
        features, mask = method.encoder.joints(views[1][1], batch.mask)
        rest = pooled(without_attended(features, mask, 0.7, 1e-4), mask)
        dropped = torch.nn.functional.normalize(method.projection(rest), dim=1)
        normal, *others = (similarities(each, keys, queue) for each in (query, extreme, dropped))
        divergences = [float(d3m(other, normal)) for other in others]
    assert float(loss.detach()) == pytest.approx(float(contrastive(normal, own_key(normal))) + sum(divergences) / 2, abs=1e-5)
    assert abs(divergences[0] - divergences[1]) > 1e-4, "the two are told apart"


def test_step__the_key_encoder_follows_what_the_optimiser_made_of_the_query_encoder() -> None:
    method = _method(momentum=0.75)
    batch = clips().take(range(6))
    method.step({"train": batch}, Phase())
    key = next(method.key_projection.parameters()).clone()
    with torch.no_grad():
        query = next(method.projection.parameters()).add_(1).clone()
    method.step({"train": batch}, Phase())
    assert torch.equal(next(method.key_projection.parameters()), key * 0.75 + query * 0.25)


@pytest.mark.parametrize(("mining_epoch", "mines"), [(0, [True] * 4), (1, [False, False, True, True]), (9, [False] * 4)])
def test_step__mines_from_its_epoch_on(monkeypatch: pytest.MonkeyPatch, mining_epoch: int, mines: list[bool]) -> None:
    seen: list[int] = []

    def spy(logits: torch.Tensor, positives: torch.Tensor) -> torch.Tensor:
        seen.append(int(positives.sum(dim=1).max()))
        return contrastive(logits, positives)

    monkeypatch.setattr("stages.pretrain.methods.aimclr.contrastive", spy)
    method = _method(mining_epoch=mining_epoch)
    train(method, TRAINING.model_copy(update={"epochs": 2}))  # two batches an epoch
    assert [count > 1 for count in seen] == mines


def test_validate__changes_nothing_and_mines_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    method = _method(mining_epoch=0)
    train(method, TRAINING)
    before = {name: value.clone() for name, value in method.state_dict().items()}
    monkeypatch.setattr("stages.pretrain.methods.aimclr.mined", lambda *_: pytest.fail("mined"))
    torch.manual_seed(0)
    one = method.eval().validate(clips().take([1, 2, 4])).losses["main"]
    torch.manual_seed(0)
    assert torch.equal(one, method.validate(clips().take([1, 2, 4])).losses["main"])
    assert all(torch.equal(before[name], value) for name, value in method.state_dict().items())


@pytest.mark.parametrize(("channels", "people"), [(2, 1), (3, 2)])
def test_step__two_axes_and_two_people(channels: int, people: int) -> None:
    method = AimCLR(Settings(**SMALL), spec(channels, people)).train()
    data = clips(channels=channels, people=people)
    method.measure(data)
    assert torch.isfinite(method.step({"train": data.take(range(5))}, Phase()).losses["main"])


def test_train__lowers_the_loss() -> None:
    mild, one_block = {"shear": 0.1}, spec(settings={"width": 8, "blocks": 1})
    settings = Settings(queue=16, projection=16, momentum=0.99, normal=mild, extreme=mild)
    method = loop.initialise(lambda: AimCLR(settings, one_block), 0)
    history = train(method, TRAINING.model_copy(update={"epochs": 14, "batch_size": 8}), clips(64))
    first, last = (
        {name: np.mean([row[name] for row in rows]) for name in ("main", "contrast", "retrieval")}
        for rows in (history.rows[:3], history.rows[-3:])
    )
    assert last["main"] < first["main"] - 0.5
    assert last["contrast"] < first["contrast"] - 0.5
    assert last["retrieval"] > first["retrieval"] + 0.15


@pytest.mark.parametrize("stop_at", [1, 2, 5])
def test_resume__goes_on_bit_for_bit(tmp_path: Path, stop_at: int) -> None:
    """In the middle of the first epoch, before mining begins, and after it began; the queue wraps around within a batch."""
    assert_resumes(build, TRAINING, tmp_path, stop_at)


def test_pretrain__through_the_command_line(aqa, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pose_set(workspace / "poses/arms")
    small = ["--set", "settings.encoder_settings={width: 8, blocks: 2}", "--set", "settings.input.frames=12"]
    small += ["--set", "training.batch_size=6", "--set", "settings.mining_epoch=1", "--set", "settings.extreme.rotate=45"]
    measured: list[int] = []
    measure = AimCLR.measure
    monkeypatch.setattr(AimCLR, "measure", lambda method, train: measured.append(len(train)) or measure(method, train))
    code, out, err = aqa("pretrain", "--method", "aimclr", "--epochs", 2, "--set", "validation=0.34", *small)
    assert code == 0, err
    assert "1 done" in out
    assert measured == [12], "the queue is cut to the training clips, without those held out"
    encoder = PretrainedEncoder.read(workspace / "encoders/aimclr.h5")
    fresh = encoder.spec.build().state_dict()
    assert encoder.weights.keys() == fresh.keys(), "only the query encoder is kept"
    assert "1 skipped" in aqa("pretrain", "--method", "aimclr", "--epochs", 2, "--set", "validation=0.34", *small)[1]
    code, _, err = aqa(
        "pretrain", "--method", "aimclr", "--epochs", 1, "--init", workspace / "encoders/aimclr.h5", "--name", "more", *small
    )
    assert code == 0, err


def test_config__lists_the_paper_s_constants(aqa) -> None:
    code, out, _ = aqa("config", "show", "pretrain", "--set", "method=aimclr")
    assert code == 0
    values = dict(line.split("\t")[:2] for line in out.splitlines())
    expected = {"momentum": "0.999", "queue": "32768", "temperature": "0.07", "projection": "128", "mining_epoch": "150", "neighbours": "1"}
    expected |= {"normal.shear": "0.5", "normal.crop": "6", "extreme.rotate": "30.0", "extreme.blur": "[0.1, 2.0]", "drop_threshold": "0.7"}
    assert {key: values[f"settings.{key}"] for key in expected} == expected
    assert values["training.optimiser"] == '"sgd"'
    assert values["training.epochs"] == "300"
    code, _, err = aqa("config", "show", "pretrain", "--set", "method=aimclr", "--set", "settings.extreme.revers=1")
    assert code == 2
    assert "Did you mean 'extreme.reverse'?" in err
