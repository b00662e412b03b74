"""The non-expert: whom each loss moves, what each pretext hides, and training."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from stages.encoders.gru import coordinates
from stages.encoders.spec import PoseSpec, PretrainedEncoder
from stages.engine import loop
from stages.engine.batch import Batch, Clips
from stages.engine.method import Phase
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.pretrain.config import resolve_pretrain
from stages.pretrain.methods.non_expert import NonExpert, Settings
from tests.pretrain.toys import assert_resumes, clips, spec, train

TRAINING = TrainingConfig(epochs=3, batch_size=6, lr=1e-3)
PRETEXTS = {
    "paper": {},
    "inpainting": {"pace": False},
    "pace": {"recovery": "none", "paces": (0.4, 1.0)},
    "reconstruction": {"recovery": "reconstruction", "pace": False},
    "reconstruction+pace": {"recovery": "reconstruction"},
    "prediction": {"recovery": "prediction", "pace": False},
    "prediction+pace": {"recovery": "prediction"},
    "order": {"recovery": "order", "pace": False, "segments": 4},
}
NETWORKS = {"encoder": ("encoder.",), "pace": ("pace_decoder.",), "recovery": ("decoder.", "out."), "discriminator": ("discriminator.",)}


def build(**changed: Any) -> NonExpert:
    small = {"units": 8, "discriminator_units": 5}
    return NonExpert(Settings(**{**small, **changed}), spec(encoder="gru", settings={"units": 8}))


def method(**changed: Any) -> NonExpert:
    return loop.initialise(lambda: build(**changed), 0).train()  # type: ignore[return-value]


def batch() -> Batch:
    return clips().take(range(12))


def gradients(network: NonExpert, loss: torch.Tensor) -> set[str]:
    """Return the networks that a loss would reach if nothing stopped it."""
    network.zero_grad()
    loss.backward(retain_graph=True)
    reached = {name for name, value in network.named_parameters() if value.grad is not None and bool(value.grad.any())}
    return {network for network, prefixes in NETWORKS.items() if any(name.startswith(prefixes) for name in reached)}


def test_step__each_network_has_its_own_loss_and_optimiser() -> None:
    network = method()
    step = network.step({"train": batch()}, Phase())
    assert set(step.losses) == set(network.optimisers(Phase())) == set(NETWORKS)
    owned = {name: list(parameters) for name, parameters in network.optimisers(Phase()).items()}
    assert sum(map(len, owned.values())) == len(list(network.parameters()))


def test_step__equation_4_holds_no_adversarial_term() -> None:
    network = method(adversarial_weight=100.0)
    step = network.step({"train": batch()}, Phase())
    expected = step.terms["reconstruction"] + 0.2 * step.losses["pace"]
    torch.testing.assert_close(step.losses["encoder"], expected)
    assert gradients(network, step.losses["encoder"]) == {"encoder", "pace", "recovery"}
    assert "discriminator" in gradients(network, step.losses["recovery"])


def test_train__no_adversarial_gradient_reaches_the_encoder() -> None:
    """One optimiser step with a huge α moves the encoder exactly as one without a discriminator does, and the decoder otherwise."""
    moved = {}
    for weight in (0.0, 1e4):
        network = method(adversarial_weight=weight)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        train(network, TrainingConfig(epochs=1, batch_size=12, optimiser="sgd", lr=0.1, momentum=0.0))
        moved[weight] = {name: value - before[name] for name, value in network.state_dict().items() if name in before}
    for name, change in moved[0.0].items():
        if name.startswith(("encoder.", "pace_decoder.")):
            assert torch.equal(change, moved[1e4][name]), name
    assert not torch.allclose(moved[0.0]["out.weight"], moved[1e4]["out.weight"])


def test_losses__are_the_equations() -> None:
    network = method(reduction="sum")
    torch.manual_seed(0)
    step = network.step({"train": batch()}, Phase())
    torch.manual_seed(0)
    pace, slowed = network._slowed(batch())
    seen = network._shown(slowed, batch().mask)
    representation, state = network.encoder.states(slowed, seen.mask)
    recovered = network._decoded(seen, state)
    squares = ((recovered - coordinates(slowed)) ** 2 * seen.mask[:, :, None]).sum(dim=(1, 2))
    torch.testing.assert_close(step.terms["reconstruction"], squares.mean())  # equation 2
    assert network.pace_decoder is not None
    told = network.pace_decoder(representation, seen.mask).softmax(dim=1)
    torch.testing.assert_close(step.losses["pace"], -told.gather(1, pace[:, None]).log().mean())  # equation 1
    assert network.discriminator is not None
    real, fake = (network.discriminator(x, seen.mask).sigmoid() for x in (coordinates(slowed), recovered))
    adversarial = (real.log() + (1 - fake).log()).mean()  # equation 3
    torch.testing.assert_close(step.losses["discriminator"], -adversarial)
    torch.testing.assert_close(step.losses["recovery"], squares.mean() + 0.01 * (1 - fake).log().mean())
    mean = build()
    torch.testing.assert_close(mean.reconstruction_loss(recovered, seen), (squares / seen.mask.sum(dim=1)).mean())


def test_shown__inpainting_hides_one_limb_in_every_frame_from_the_decoder_alone() -> None:
    network = method()
    seen = network._shown(batch().poses, batch().mask)
    hidden = ~seen.left
    assert (hidden == hidden[:, :1, :1]).all()
    counts = hidden[:, 0, 0, :, 0].sum(dim=1)
    assert set(counts.tolist()) == {4}
    assert torch.equal(seen.encoded, seen.mask)
    assert len({tuple(row) for row in hidden[:, 0, 0, :, 0].tolist()}) > 1


def test_shown__prediction_hides_the_second_half_from_both() -> None:
    seen = method(recovery="prediction")._shown(batch().poses, batch().mask)
    assert seen.encoded.sum(dim=1).tolist() == [(n + 1) // 2 for n in batch().mask.sum(dim=1).tolist()]
    assert torch.equal(seen.left[:, 0, :, 0, 0], seen.encoded)


def test_shown__reconstruction_leaves_the_decoder_nothing() -> None:
    seen = method(recovery="reconstruction")._shown(batch().poses, batch().mask)
    assert not seen.left.any()
    assert torch.equal(seen.encoded, seen.mask)


@pytest.mark.parametrize("pretext", PRETEXTS)
def test_train__every_pretext_learns(pretext: str) -> None:
    network = method(**PRETEXTS[pretext])
    history = train(network, TrainingConfig(epochs=40, batch_size=12, lr=1e-2), alike())
    first, last = history.rows[0]["encoder"], sum(row["encoder"] for row in history.rows[-5:]) / 5
    assert last < 0.9 * first
    assert all(math.isfinite(value) for row in history.rows for value in row.values())


def alike() -> Clips:
    """Return bodies that all swing at one speed, so that a pace can be told from another."""
    data = clips(24)
    swing = torch.sin(1.2 * torch.arange(data.poses.shape[2]))[None, None, :, None, None]
    return replace(data, poses=(data.poses[:, :, :1] + swing) * data.mask[:, None, :, None, None])


@pytest.mark.parametrize("pretext", PRETEXTS)
def test_step__padding_changes_nothing(pretext: str) -> None:
    network = method(**PRETEXTS[pretext])
    data = batch()
    longer = Batch(
        data.ids,
        torch.nn.functional.pad(data.poses, (0, 0, 0, 0, 6, 0)),
        torch.nn.functional.pad(data.mask, (6, 0)),
        None,
        data.group,
    )
    found = []
    for each in (data, longer):
        torch.manual_seed(3)
        found.append(network.step({"train": each}, Phase()).losses)
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, rtol=1e-4, atol=1e-5)


def test_phases__one_data_set_after_the_other() -> None:
    network = method()
    data = clips()
    sets = {"nw-ucla": data.chosen(range(4)), "utkinect": data.chosen(range(4, 12)), "train": data}
    phases = network.phases(sets)
    assert [phase.name for phase in phases] == ["nw-ucla", "utkinect"]
    seen = [network.streams(sets, phase, TRAINING)["train"].batch(0, 0, 0).ids for phase in phases]
    assert set(seen[0]) == set(data.ids[:4])
    assert set(seen[1]) <= set(data.ids[4:])
    assert [phase.name for phase in network.phases({"train": data})] == ["train"]
    history = loop.train(network, sets, TRAINING, loop.Setting())
    assert [row["phase"] for row in history.rows] == [0.0] * 3 + [1.0] * 3


def test_errors__trivial_guess_is_the_training_clips_mean_pose() -> None:
    network = method()
    data = clips()
    network.measure(data)
    expected = data.poses.sum(dim=(0, 2)) / data.mask.sum()
    torch.testing.assert_close(network.mean_pose[:, 0], expected)
    terms = network.step({"train": batch()}, Phase()).terms
    assert float(terms["hidden_error_of_mean_pose"]) > 0


def test_train__resumed_equals_undisturbed(tmp_path: Path) -> None:
    assert_resumes(build, TRAINING, tmp_path, stop_at=4)


def test_load_into__goes_on_with_all_networks_where_they_fit() -> None:
    one = method()
    rest = {name: value.numpy() for name, value in one.state_dict().items() if not name.startswith("encoder.")}
    encoder = {name: value + 1 for name, value in one.encoder.state_dict().items()}
    artifact = PretrainedEncoder(one.spec, encoder, "f", {}, {}, frozenset(), {name: array + 1 for name, array in rest.items()})
    two = method()
    artifact.load_into(two)
    assert all(torch.equal(value, one.state_dict()[name] + 1) for name, value in two.state_dict().items())
    other = method(recovery="order", segments=4)
    before = other.out.weight.clone()
    artifact.load_into(other)
    assert torch.equal(other.out.weight, before), "the encoder alone, where the rest is another pretext's"
    assert all(torch.equal(value, encoder[name]) for name, value in other.encoder.state_dict().items())


def test_settings__nothing_to_learn() -> None:
    with pytest.raises(ValueError, match="recovery=none and pace=false leave nothing to learn"):
        Settings(recovery="none", pace=False)
    with pytest.raises(ValueError, match="paces must lie above 0 and be at most 1"):
        Settings(paces=(0.5, 1.2))


def test_method__sizes_that_do_not_fit() -> None:
    with pytest.raises(
        UsageError, match=r"starts from the encoder's state: 1000 units cannot take 8 numbers\.\n  hint: --set settings.units=8"
    ):
        NonExpert(Settings(), spec(encoder="gru", settings={"units": 8}))
    with pytest.raises(UsageError, match=r"'ctr-gcn' has none\.\n  hint: --set settings\.encoder=gru"):
        NonExpert(Settings(units=8), spec())


def test_preset__is_the_paper_s() -> None:
    config = resolve_pretrain([])
    assert config.config.method == "sme-gcn"
    settings, training = Settings(), NonExpert.TRAINING
    encoder = PoseSpec("gru", {}, "kinect-20", 3, settings.input).build()
    assert (encoder.dimensions, settings.units, settings.discriminator_units) == (1000, 1000, 200)
    assert (settings.adversarial_weight, settings.pace_weight, settings.paces) == (0.01, 0.2, (0.6, 0.7, 0.8, 0.9, 1.0))
    assert (training.epochs, training.batch_size, training.lr, training.decay) == (300, 55, 3e-4, 0.9)
    assert (settings.input.frames, settings.input.length, settings.input.scale) == (743, "pad-front", "unit")
