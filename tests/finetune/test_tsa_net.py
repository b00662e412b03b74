"""TSA-Net: its preset, its heads and their losses, what it takes, that it learns, and that the performer's tube is what it looks at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from stages.configuration import Layer
from stages.engine import loop
from stages.engine.batch import Clips, Images
from stages.engine.method import Context, Phase
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.config import resolve_finetune
from stages.finetune.methods.tsa_net import Settings, TSANet

SMALL: dict[str, Any] = {"backbone": {"network": "tiny", "segments": 1}, "hidden": (16,)}


def clips(count: int, frames: int = 16) -> Clips:
    """Random frames in which the performer, in the left upper quarter, is the brighter the better; scores from 0 to 100."""
    draw = torch.Generator().manual_seed(count)
    target = torch.linspace(0, 100, count)[torch.randperm(count, generator=draw)]
    values = torch.randint(0, 60, (count * frames, 1, 3, 64, 64), dtype=torch.uint8, generator=draw)
    values[..., :32, :32] += (target.repeat_interleave(frames) * 1.9).to(torch.uint8)[:, None, None, None, None]
    lengths = torch.full((count,), frames)
    boxes = torch.tensor([0.0, 0.0, 0.5, 0.5]).expand(len(values), 1, 4)
    images = Images(values, lengths.cumsum(0) - lengths, lengths, boxes)
    none, mask = torch.zeros(count, 0, 0, 0, 0), torch.zeros(count, 0, dtype=torch.bool)
    ids = tuple(f"c{number}" for number in range(count))
    return Clips(ids, none, mask, target, torch.zeros(count, dtype=torch.long), images=images)


def build(classes: int = 0, **changed: Any) -> TSANet:
    settings = Settings.model_validate({**SMALL, **changed})
    return loop.initialise(lambda: TSANet(settings, Context(classes=classes)), 0)  # type: ignore[return-value]


def test_preset__is_that_of_the_authors_code() -> None:
    config = resolve_finetune([Layer("--set", {"method": "tsa-net"})]).config
    training, settings = config.training, config.settings
    assert (training.epochs, training.batch_size, training.optimiser) == (20, 4, "adam")
    assert (training.lr, training.weight_decay, settings["backbone_lr"]) == (1e-4, 1e-5, 1.0)
    assert (settings["hidden"], settings["dropout"], settings["bins"], settings["sigma"]) == ([256, 128], 0, 101, 5)
    assert (settings["attention"], settings["modules"], settings["similarity"], settings["threshold"]) == ("tube", 1, "softmax", 0.5)
    assert (settings["backbone"]["network"], settings["backbone"]["segments"], settings["backbone"]["length"]) == ("i3d", 10, 16)
    assert config.target.scaling == "range-100"


def test_method__takes_poses_only_where_it_needs_boxes() -> None:
    assert TSANet.consumes(Settings()) == ("images", "poses")
    for attention in ("all", "none"):
        assert TSANet.consumes(Settings(attention=attention)) == ("images",)  # type: ignore[arg-type]
        made = build(attention=attention)
        assert made.inputs.boxes is None
        data = clips(2)
        assert data.images is not None
        images = replace(data.images, boxes=None)
        assert made.eval().predict(replace(data, images=images).take([0, 1]))["value"].shape == (2,)
    assert build(boxes={"people": 2}).inputs.boxes.people == 2  # type: ignore[union-attr]


def test_step__distribution_is_the_divergence_from_the_scores_gaussian() -> None:
    made, batch = build().eval(), clips(3).take([0, 1, 2])
    assert batch.target is not None
    with torch.no_grad():
        given = made(batch).softmax(dim=1)
        loss = made.step({"train": batch}, Phase()).losses["main"]
    places = torch.arange(101.0)
    wanted = torch.exp(-(places - batch.target[:, None]).square() / 50)
    wanted = wanted / wanted.sum(dim=1, keepdim=True)
    torch.testing.assert_close(loss, (wanted * (wanted.clamp(min=1e-30).log() - given.log())).sum(dim=1).mean(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(made.predict(batch)["value"], given.argmax(dim=1).float())
    mean = build(predict="mean").eval().predict(batch)["value"]
    torch.testing.assert_close(mean, given @ places, atol=1e-3, rtol=1e-4)


def test_step__regression_and_classes() -> None:
    batch = clips(3).take([0, 1, 2])
    assert batch.target is not None
    made = build(head="regression").eval()
    value = made.predict(batch)["value"]
    loss = made.step({"train": batch}, Phase()).losses["main"]
    torch.testing.assert_close(loss, ((value - batch.target) / 100).square().mean())
    classes = replace(batch, target=torch.tensor([0, 1, 1]))
    made = build(classes=2).eval()
    scores = made.predict(classes)["scores"]
    assert scores.shape == (3, 2)
    loss = made.step({"train": classes}, Phase()).losses["main"]
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(scores, classes.target))  # type: ignore[arg-type]


def test_optimisers__the_network_has_a_rate_of_its_own_and_nothing_is_left_out() -> None:
    made = build(backbone_lr=0.1)
    rest, network = made.optimisers(Phase())["main"]
    assert network["lr_factor"] == 0.1
    assert {id(each) for each in network["params"]} == {id(each) for each in made.video.video.parameters()}
    assert len(rest["params"]) + len(network["params"]) == len(list(made.parameters()))


def test_train__learns_with_micro_batches_and_from_packaged_weights() -> None:
    made, data = build(head="regression", backbone={"network": "tiny", "segments": 1, "weights": "packaged"}), clips(12)
    made.measure(data)
    before = made.video.video.network.layers[0].weight.clone()  # type: ignore[index, union-attr]
    training = TrainingConfig(epochs=12, batch_size=4, micro_batch=2, lr=1e-3)
    history = loop.train(made, {"train": data}, training, loop.Setting())
    assert not torch.equal(made.video.video.network.layers[0].weight, before)  # type: ignore[index, union-attr]
    assert bool(made.video.attentions[0].norm.weight.any())  # type: ignore[arg-type, union-attr]
    assert history.rows[-1]["main"] < 0.5 * history.rows[0]["main"]
    value = made.predict(data.take(range(12)))["value"]
    assert data.target is not None
    assert float(torch.corrcoef(torch.stack([value, data.target]))[0, 1]) > 0.8


def test_represent__another_box_is_another_representation() -> None:
    made, data = build().eval(), clips(2)
    torch.nn.init.ones_(made.video.attentions[0].norm.weight)  # type: ignore[arg-type, union-attr]
    assert data.images is not None
    moved = replace(data, images=replace(data.images, boxes=1 - data.images.boxes[..., [2, 3, 0, 1]]))  # type: ignore[index]
    with torch.no_grad():
        one, other = made.represent(data.take([0, 1])), made.represent(moved.take([0, 1]))
    assert one.shape == (2, 128)
    assert not torch.allclose(one, other)


def test_measure__scores_that_no_bin_stands_for() -> None:
    data = clips(2)
    far = replace(data, target=torch.tensor([-3.0, 120.0]))
    with pytest.raises(UsageError, match=r"over scores from 0 to 100; those of training lie from -3 to 120\.\n  hint: .*range-100"):
        build().measure(far)
    build(head="regression").measure(far)
