"""S4AQA and the semi-supervised methods that it is compared with: their losses, what they hide, and that each learns."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from aqa_cli.main import app
from stages.artifacts import store
from stages.configuration import Layer
from stages.encoders.segment_recovery import masked_segments
from stages.encoders.segments import SegmentsConfig
from stages.encoders.spec import SegmentSpec
from stages.engine import loop
from stages.engine.batch import Batch, Clips, Features
from stages.engine.inputs import FeatureInput
from stages.engine.method import Context, Phase
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.config import resolve_finetune
from stages.finetune.methods.mean_teacher import MeanTeacher
from stages.finetune.methods.pseudo_labels import PseudoLabels
from stages.finetune.methods.registry import method_class
from stages.finetune.methods.s4l import S4L
from stages.finetune.methods.semi_supervised import SemiSupervised, deterministic, unit
from stages.finetune.methods.vat import VAT
from tests.small import write_feature_set

SEGMENTS, SIZE = 6, 5
SMALL: dict[str, Any] = {"channels": (8, 4), "hidden": 8, "dropout": 0.0}
METHODS = ("s4aqa", "vat", "pseudo-labels", "s4l", "mean-teacher")


def clips(count: int = 24, *, views: int = 1, flow: bool = False, seed: int = 0) -> Clips:
    """Clips whose segments all tell the score; every third has four real segments.  Views are turned by adding their number."""
    generator = torch.Generator().manual_seed(seed)
    score = torch.randn(count, generator=generator)
    values = 0.3 * torch.randn(count, views, SEGMENTS, SIZE, generator=generator)
    values[..., :3] += score[:, None, None, None]
    values[..., 4] += 0.6 * torch.arange(views)[None, :, None]
    real = torch.arange(SEGMENTS) < torch.where(torch.arange(count) % 3 == 0, 4, SEGMENTS)[:, None]
    features = {"features": Features(values * real[:, None, :, None], real)}
    if flow:
        features["flow"] = Features(values.flip(3) * real[:, None, :, None], real)
    poses, mask = torch.zeros(count, 0, 0, 0, 0), torch.zeros(count, 0, dtype=torch.bool)
    return Clips(tuple(map(str, range(count))), poses, mask, score, torch.zeros(count, dtype=torch.long), features)


def views_of(name: str, changed: dict[str, Any]) -> int:
    return 4 if name == "s4l" else 2 if changed.get("strategy") == "keep-first-frame" else 1


def construct(name: str, sizes: dict[str, tuple[int, ...]], **settings: Any) -> Any:
    cls = method_class(name)
    chosen = cls.SETTINGS(**settings)
    own = chosen.model_dump(include=set(SegmentsConfig.model_fields))
    return cls(chosen, Context(features=sizes), SegmentSpec(own, sizes))


def build(name: str = "s4aqa", **changed: Any) -> Any:
    if changed.get("strategy") == "keep-first-frame":
        changed["features"] = FeatureInput(views=("original", "still"))
    sizes = {"features": (SEGMENTS, SIZE)} | ({"flow": (SEGMENTS, SIZE)} if changed.get("flow") else {})
    method = loop.initialise(lambda: construct(name, sizes, **{**SMALL, **changed}), 0)
    data = clips(views=views_of(name, changed), flow="flow" in sizes)
    method.measure(data)
    assert isinstance(method, SemiSupervised)
    method.streams({"train": data, "unlabelled": data}, Phase(sets=("train", "unlabelled")), TrainingConfig())
    return method.train()


def batch(name: str = "s4aqa", seed: int = 0, **changed: Any) -> Batch:
    return clips(views=views_of(name, changed), flow=bool(changed.get("flow")), seed=seed).take(range(24))


VARIANTS = [(name, {}) for name in METHODS] + [
    ("s4aqa", {"recovery_weight": 0.0, "alignment": "none"}),
    ("s4aqa", {"alignment": "mmd-rbf"}),
    ("s4aqa", {"alignment": "mmd-laplacian", "masked_segments": 3}),
    ("s4aqa", {"strategy": "keep-first-frame"}),
    ("s4aqa", {"recover_labelled": True}),
    ("s4aqa", {"flow": FeatureInput()}),
]


@pytest.mark.parametrize(("name", "changed"), VARIANTS, ids=[f"{name}-{'-'.join(map(str, changed))}" for name, changed in VARIANTS])
def test_train__every_method_learns_from_few_labels(name: str, changed: dict[str, Any]) -> None:
    method = build(name, **dict(changed))
    data = clips(60, views=views_of(name, changed), flow="flow" in changed)
    sets = {"train": data.chosen(range(24)), "unlabelled": replace(data.chosen(range(24, 60)), target=None)}
    method.measure(sets["train"])
    history = loop.train(method, sets, TrainingConfig(epochs=60, batch_size=12, lr=5e-3), loop.Setting())
    test = clips(40, views=views_of(name, changed), flow="flow" in changed, seed=1).take(range(40))
    assert test.target is not None
    left = ((method.predict(test)["value"] - test.target) ** 2).mean() / test.target.var()
    assert float(left) < 0.6
    assert history.rows[-1]["regression"] < history.rows[0]["regression"]


@pytest.mark.parametrize("name", METHODS)
def test_predict__padding_changes_nothing(name: str) -> None:
    method, data = build(name).eval(), batch(name)
    old = data.features["features"]
    short = replace(data, features={"features": Features(old.values + 5 * ~old.mask[:, None, :, None], old.mask)})
    torch.testing.assert_close(method.predict(short)["value"], method.predict(data)["value"])


def test_s4aqa__equation_8_and_its_parts() -> None:
    method = build()
    ours, theirs = batch(), batch(seed=1)
    torch.manual_seed(0)
    step = method.semi_step(ours, theirs)
    terms = step.terms
    torch.testing.assert_close(step.losses["main"], terms["regression"] + 40 * terms["recovery"] + 0.1 * terms["alignment"])
    torch.manual_seed(0)
    hidden = masked_segments(theirs.features["features"].mask, 1)
    values = method.encoder.values(theirs)["features"]
    seen = [
        (method.encoder.values(ours), ours),
        (method.encoder.values(theirs), theirs),
        ({"features": values * ~hidden[:, :, None]}, theirs),
    ]
    one, two, three = method.encoder(seen)
    torch.testing.assert_close(terms["regression"], ((method.regressor(one) - ours.target) ** 2).mean())
    torch.testing.assert_close(terms["recovery"], (method.recovery.decoders["features"](three) - values[hidden]).abs().mean())
    torch.testing.assert_close(terms["alignment"], method.alignment_loss(one, [two, three])[0])


def test_s4aqa__the_discriminator_learns_and_the_encoder_confuses_it() -> None:
    method = build(recovery_weight=0.0)
    method.discriminator.layers[2].weight.data.normal_()
    f = torch.randn(6, method.dimensions, requires_grad=True)
    loss, _ = method.alignment_loss(f, [torch.randn(6, method.dimensions)])
    loss.backward()
    own = f.grad.clone()
    f.grad = None
    straight = torch.nn.functional.softplus(-method.discriminator(f)).mean()
    straight.backward()
    torch.testing.assert_close(own, -f.grad)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_masked_segments__are_real_and_leave_one(count: int) -> None:
    mask = torch.arange(6) < torch.tensor([6, 3, 1] * 40)[:, None]
    hidden = masked_segments(mask, count)
    assert not (hidden & ~mask).any()
    assert hidden.sum(dim=1).tolist() == [count, min(count, 2), 0] * 40
    assert hidden[0::3].any(dim=0).all(), "any segment can be chosen"


def test_s4aqa__several_masked_segments_recover_their_mean() -> None:
    method = build(masked_segments=2)
    hidden = method.recovery.hide(method.encoder, batch())
    f = torch.randn(24, method.dimensions)
    values = method.encoder.values(hidden.batch)["features"]
    chosen = hidden.segments["features"]
    assert set(chosen.sum(dim=1).tolist()) == {2}
    target = torch.stack([value[which].mean(dim=0) for value, which in zip(values, chosen, strict=True)])
    loss = method.recovery.loss(method.encoder.by_role(f), hidden)
    torch.testing.assert_close(loss, (method.recovery.decoders["features"](f) - target).abs().mean())


def test_vat__moves_by_its_length_in_a_direction_that_matters() -> None:
    method = build("vat")
    data = batch("vat")
    values = method.encoder.values(data)
    before = {name: value.clone() for name, value in method.state_dict().items()}
    torch.manual_seed(0)
    adversarial = method.adversarial_loss(data)
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items()), "running statistics are kept"
    with deterministic(method):
        label = method._label(values, data)
        random = {"features": values["features"] + 2.5 * unit(torch.randn_like(values["features"]))}
        changed = torch.nn.functional.mse_loss(method._label(random, data), label)
    assert float(adversarial) > 1.2 * float(changed)


def test_pseudo_labels__are_the_mean_of_the_nearest_labelled() -> None:
    method = build("pseudo-labels", neighbours=1)
    data = clips()
    own = method.pseudo_labels(data.take(range(24)))
    torch.testing.assert_close(own, data.target)
    every = build("pseudo-labels", neighbours=100)
    torch.testing.assert_close(every.pseudo_labels(data.take([3])), data.target.mean()[None])  # type: ignore[union-attr]


def test_mean_teacher__follows_and_predicts() -> None:
    method = build("mean-teacher", noise=0.0)
    assert isinstance(method, MeanTeacher)
    for value in method.encoder.parameters():
        value.data.add_(1)
    method.taken.fill_(10**6)
    old = next(method.teacher_encoder.parameters()).clone()
    method.follow()
    torch.testing.assert_close(next(method.teacher_encoder.parameters()), old + 0.01)
    method.taken.zero_()
    method.follow()
    torch.testing.assert_close(next(method.teacher_encoder.parameters()), next(method.encoder.parameters()).detach())
    method.eval()
    torch.testing.assert_close(method.predict(batch())["value"], method(batch()).detach())
    assert all(not value.requires_grad for value in method.teacher_encoder.parameters())


def test_s4l__tells_views_apart() -> None:
    method = build("s4l")
    data = clips(60, views=4)
    history = loop.train(method, {"train": data, "unlabelled": data}, TrainingConfig(epochs=40, batch_size=30, lr=1e-2), loop.Setting())
    assert history.rows[-1]["rotation_accuracy"] > 0.9
    assert isinstance(method, S4L)


def test_streams__the_larger_kind_makes_the_epoch_and_no_batch_has_one_clip() -> None:
    method = build()
    streams = method.streams(
        {"train": clips(5), "unlabelled": clips(13)}, Phase(sets=("train", "unlabelled")), TrainingConfig(batch_size=6)
    )
    assert next(iter(streams)) == "unlabelled"
    assert streams["unlabelled"].steps == 2


def test_s4aqa__what_cannot_be_recovered() -> None:
    with pytest.raises(UsageError, match=r"6 masked segment\(s\) leave nothing of clips of 6 to recover them from"):
        build(masked_segments=6)
    sizes = {"features": (SEGMENTS, SIZE)}
    with pytest.raises(
        UsageError, match=r"takes the views original, still of features, not original\.\n  hint: aqa extract-features --views"
    ):
        construct("s4aqa", sizes, strategy="keep-first-frame")
    with pytest.raises(UsageError, match="All features must have the same views"):
        construct("s4l", sizes | {"flow": (SEGMENTS, SIZE)}, flow=FeatureInput())


def test_presets__are_the_paper_s() -> None:
    config = resolve_finetune([Layer("--set", {"method": "s4aqa"})]).config
    assert config.target.scaling == "range-5"
    assert (config.training.lr, config.training.weight_decay, config.training.epochs) == (5e-4, 1e-4, 1000)
    assert (config.settings["recovery_weight"], config.settings["alignment_weight"]) == (40.0, 0.1)
    assert (VAT.SETTINGS().weight, VAT.SETTINGS().length, PseudoLabels.SETTINGS().weight) == (1.0, 2.5, 0.5)
    own = resolve_finetune([Layer("--set", {"method": "s4aqa", "target": {"scaling": "standardise"}})]).config
    assert own.target.scaling == "standardise"


def test_command__half_of_the_labels(tmp_path: Path) -> None:
    write_feature_set(tmp_path / "features/small/net")
    runner, workspace = CliRunner(), ["--workspace", str(tmp_path)]
    sizes = ["--set", "settings.channels=[8,4]", "--set", "settings.hidden=8", "--epochs", "2", "--select", "last"]
    half = ["--protocol", "2-fold/50-percent-labels/seed-0"]
    result = runner.invoke(app, ["finetune", "--method", "s4aqa", *half, *sizes, *workspace])
    assert result.exit_code == 0, result.output
    model = store.read(next((tmp_path / "models").rglob("0.h5")), "model")
    data, used = model.documents["data"], model.documents["training"]["clips"]
    assert set(used) == {*data["train"], *data["unlabelled"]}
    assert model.documents["method"]["target"]["config"]["scaling"] == "range-5"
    result = runner.invoke(app, ["evaluate", "--model", "small-s4aqa", *workspace])
    assert (result.exit_code, "Spearman" in result.output) == (0, True), result.output
    everything = runner.invoke(app, ["finetune", "--method", "vat", "--protocol", "2-fold", *sizes, *workspace])
    assert isinstance(everything.exception, UsageError)
    assert "There are no unlabelled clips for vat to learn from." in str(everything.exception)


def test_command__clips_without_scores_are_unlabelled(tmp_path: Path) -> None:
    write_feature_set(tmp_path / "features/small/net")
    place = tmp_path / "features/small/net/manifest.csv"
    rows = list(csv.DictReader(place.open(encoding="utf-8")))
    with place.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "score": "" if row["subject"] in ("s0", "s3") else row["score"]} for row in rows)
    sizes = ["--set", "settings.channels=[8,4]", "--epochs", "1", "--select", "last", "--workspace", str(tmp_path)]
    result = CliRunner().invoke(app, ["finetune", "--method", "vat", "--protocol", "3-fold", *sizes])
    assert result.exit_code == 0, result.output
    assert "6 clip(s) have no score and are learned from without one" in result.stderr
    unscored = {row["clip"] for row in rows if row["subject"] in ("s0", "s3")}
    for path in (tmp_path / "models").rglob("0.h5"):
        data = store.read(path, "model").documents["data"]
        assert not unscored & {*data["train"], *data["test"]}
        assert {clip.partition("/")[0] for clip in data["unlabelled"]}.isdisjoint(clip.partition("/")[0] for clip in data["test"])
    plain = CliRunner().invoke(app, ["finetune", "--method", "features-ridge", "--protocol", "3-fold", "--workspace", str(tmp_path)])
    assert "6 clip(s) have no score and are left out" in plain.stderr
