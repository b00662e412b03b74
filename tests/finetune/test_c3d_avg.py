"""C3D-AVG: score, attributes and commentary; what is missing, what padding does, and the command."""

from __future__ import annotations

import csv
import json
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
from stages.configuration import Layer
from stages.engine import loop
from stages.engine.annotations import END, MISSING
from stages.engine.batch import Clips, Features
from stages.engine.method import Context, Phase
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.evaluate.read import predictions
from stages.finetune.config import resolve_finetune
from stages.finetune.methods.c3d_avg import C3DAVG, Settings, class_loss
from stages.finetune.methods.captions import CaptionDecoder, caption_loss
from tests.small import write_feature_set

SEGMENTS, SIZE = 4, 12
NAMES = {"position": ("free", "pike", "tuck"), "armstand": ("no", "yes"), "caption": ("armstand", "free", "pike", "tuck")}
ATTRIBUTES = ("position", "armstand")
SMALL: dict[str, Any] = {"hidden": 24, "caption_units": 12, "caption_dropout": 0.0}
MULTITASK: dict[str, Any] = {**SMALL, "attributes": ATTRIBUTES, "caption": "caption", "caption_words": 6}


def clips(count: int = 40, seed: int = 0) -> Clips:
    """Clips whose features show the score and both attributes, and whose commentary names these; every third has two real segments."""
    generator = torch.Generator().manual_seed(seed)
    score = torch.randn(count, generator=generator)
    position, armstand = torch.randint(0, 3, (count,), generator=generator), torch.randint(0, 2, (count,), generator=generator)
    values = 0.1 * torch.randn(count, 1, SEGMENTS, SIZE, generator=generator)
    values[..., :3] += score[:, None, None, None]
    values[..., 3:6] += F.one_hot(position, 3)[:, None, None]
    values[..., 6] += armstand[:, None, None]
    real = torch.arange(SEGMENTS) < torch.where(torch.arange(count) % 3 == 0, 2, SEGMENTS)[:, None]
    name = position + 2
    ends = torch.stack([name, torch.full_like(name, END), torch.full_like(name, MISSING)], dim=1)
    sentence = torch.where(armstand[:, None] > 0, torch.stack([torch.ones_like(name), name, torch.full_like(name, END)], dim=1), ends)
    return Clips(
        tuple(map(str, range(count))),
        torch.zeros(count, 0, 0, 0, 0),
        torch.zeros(count, 0, dtype=torch.bool),
        5 + score,
        torch.zeros(count, dtype=torch.long),
        {"features": Features(values * real[:, None, :, None], real)},
        annotations={"position": position, "armstand": armstand, "caption": sentence},
    )


def build(**changed: Any) -> C3DAVG:
    context = Context(features={"features": (SEGMENTS, SIZE)}, annotations=NAMES)
    return loop.initialise(lambda: C3DAVG(Settings(**{**SMALL, **changed}), context), 0)  # type: ignore[return-value]


def trained(data: Clips, epochs: int, **changed: Any) -> tuple[C3DAVG, loop.History]:
    method = build(**changed)
    method.measure(data)
    training = TrainingConfig(epochs=epochs, batch_size=13, lr=1e-2)
    return method, loop.train(method, {"train": data}, training, loop.Setting())


def left(method: C3DAVG, test: Clips) -> float:
    """The squared error as a share of what predicting the mean would leave."""
    batch = test.take(range(len(test)))
    assert batch.target is not None
    return float(((method.predict(batch)["value"] - batch.target) ** 2).mean() / batch.target.var())


def test_train__the_score_alone_and_a_last_batch_of_one_clip() -> None:
    method, history = trained(clips(79), 60)  # six batches of 13 and one of 1
    assert left(method, clips(60, seed=1)) < 0.3
    assert set(history.rows[0]) == {"main", "score", "epoch", "phase", "lr"}
    assert method.annotate(clips().take([0])) == {}


def test_train__attributes_and_commentary_are_learned_with_it() -> None:
    data = clips(78)
    method, history = trained(data, 45, **MULTITASK, caption_weight=0.3)
    test = clips(60, seed=1).take(range(60))
    assert left(method, clips(60, seed=1)) < 0.3
    said = method.annotate(test)
    for name in ATTRIBUTES:
        assert float((said[name] == test.annotations[name]).float().mean()) > 0.85
    assert said["caption"].shape == (60, 6)
    wanted = test.annotations["caption"].clamp(min=END)
    assert float((said["caption"][:, :3] == wanted).all(dim=1).float().mean()) > 0.7
    assert bool((said["caption"][:, 3:] == END).all()), "nothing is said behind the end"
    assert {"score", "attribute.position", "attribute.armstand", "caption"} < set(history.rows[0])


def test_train__missing_annotations_are_left_out() -> None:
    data = clips(78)
    gone = torch.arange(78) % 2 == 0
    some: dict[str, Tensor] = {name: torch.where(gone, MISSING, data.annotations[name]) for name in ATTRIBUTES}
    some["caption"] = torch.where(gone[:, None], MISSING, data.annotations["caption"])
    method, _ = trained(replace(data, annotations=some), 25, **MULTITASK)
    test = clips(60, seed=1).take(range(60))
    assert float((method.annotate(test)["position"] == test.annotations["position"]).float().mean()) > 0.8
    nothing = {name: torch.full_like(values, MISSING) for name, values in data.annotations.items()}
    terms = method.step({"train": replace(data, annotations=nothing).take(range(5))}, Phase()).terms
    assert [terms[name].item() for name in ("attribute.position", "attribute.armstand", "caption")] == [0, 0, 0]


def test_step__is_the_authors_loss() -> None:
    method, batch = build(**MULTITASK), clips().take(range(8))
    representation = method.represent(batch)
    error = method.score(representation)[:, 0] - batch.target
    wanted = (error**2).mean() + error.abs().mean()
    for head, name in zip(method.attributes, ATTRIBUTES, strict=True):
        chosen = head(representation).log_softmax(dim=1).gather(1, batch.annotations[name][:, None])
        wanted = wanted - chosen.mean()
    assert method.decoder is not None
    sentences = batch.annotations["caption"]
    logits = method.decoder(*method.segments(batch), sentences)
    words = [
        -logits[clip, place].log_softmax(dim=0)[word]
        for clip, sentence in enumerate(sentences.tolist())
        for place, word in enumerate(sentence)
        if word != MISSING
    ]
    wanted = wanted + 0.01 * torch.stack(words).sum() / 8
    loss = method.step({"train": batch}, Phase()).losses["main"]
    torch.testing.assert_close(loss, wanted)
    loss.backward()
    assert [name for name, value in method.named_parameters() if value.grad is None] == []


def test_losses__by_hand() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.5], [0.2, 0.8], [0.9, 0.1]]))
    assert float(class_loss(logits, torch.tensor([0, MISSING, 1]))) == pytest.approx(-(np.log(0.5) + np.log(0.1)) / 2)
    sentences = torch.tensor([[1, END], [END, MISSING], [MISSING, MISSING]])
    both = torch.log(torch.tensor([0.25, 0.75])).expand(3, 2, 2)
    assert float(caption_loss(both, sentences)) == pytest.approx(-(np.log(0.75) + 2 * np.log(0.25)) / 2)


def test_predict__padding_and_company_change_nothing() -> None:
    method, data = build(**MULTITASK).eval(), clips().take(range(9))
    method.measure(clips())
    old = data.features["features"]
    values = F.pad(old.values + 7 * ~old.mask[:, None, :, None], (0, 0, 0, 3), value=-3.0)
    longer = replace(data, features={"features": Features(values, F.pad(old.mask, (0, 3)))})
    torch.testing.assert_close(method.predict(longer)["value"], method.predict(data)["value"])
    said, again = method.annotate(data), method.annotate(longer)
    assert all(torch.equal(said[name], again[name]) for name in said)
    alone = clips().take([3])
    torch.testing.assert_close(method.predict(alone)["value"], method.predict(data)["value"][3:4])
    assert torch.equal(method.annotate(alone)["caption"], said["caption"][3:4])


def test_decoder__goes_on_from_the_last_real_segment_word_by_word() -> None:
    """The published loop, one clip at a time: all segments beside no words, then no segments beside the words before."""
    torch.manual_seed(0)
    decoder = CaptionDecoder(SIZE, 4, units=7, layers=2, dropout=0.0)
    values, mask = torch.randn(2, SEGMENTS, SIZE), torch.arange(SEGMENTS) < torch.tensor([[SEGMENTS], [2]])
    sentences = torch.tensor([[3, 1, 4, END], [2, END, MISSING, MISSING]])
    logits = decoder(values, mask, sentences)
    for clip in range(2):
        segments = values[clip : clip + 1, mask[clip]]
        seen, first = decoder.video(segments)
        _, second = decoder.language(torch.cat([seen, torch.zeros_like(seen)], dim=2))
        before = decoder.start
        for place, word in enumerate(sentences[clip].tolist()):
            if word == MISSING:
                break
            seen, first = decoder.video(torch.zeros(1, 1, SIZE), first)
            output, second = decoder.language(torch.cat([seen, decoder.words(torch.tensor([[before]]))], dim=2), second)
            torch.testing.assert_close(decoder.out(output)[0, 0], logits[clip, place])
            before = word


def test_standardise__only_where_it_is_asked_for() -> None:
    data = clips()
    own = data.features["features"].values[:, 0][data.features["features"].mask]
    plain, standardised = build(), build(standardise=True)
    for method in (plain, standardised):
        method.measure(data)
    segments, mask = plain.segments(data.take(range(40)))
    torch.testing.assert_close(segments[mask], own)
    segments, mask = standardised.segments(data.take(range(40)))
    torch.testing.assert_close(segments[mask], (own - own.mean(dim=0)) / own.std(dim=0, unbiased=False))


def test_decoder__long_sentences_are_cut() -> None:
    method, batch = build(**{**MULTITASK, "caption_words": 2}), clips().take(range(8))
    cut = replace(batch, annotations={**batch.annotations, "caption": batch.annotations["caption"][:, :2]})
    torch.testing.assert_close(
        method.step({"train": batch}, Phase()).terms["caption"], method.step({"train": cut}, Phase()).terms["caption"]
    )
    assert method.annotate(batch)["caption"].shape == (8, 2)


def test_presets__are_the_authors() -> None:
    config = resolve_finetune([Layer("--set", {"method": "c3d-avg"})]).config
    assert (config.training.lr, config.training.batch_size, config.training.epochs) == (1e-4, 3, 100)
    assert config.target.scaling == "class-std"
    settings = config.settings
    assert (settings["hidden"], settings["attribute_weight"], settings["caption_weight"]) == (4096, 1.0, 0.01)
    assert (settings["caption_units"], settings["caption_layers"], settings["caption_dropout"]) == (512, 2, 0.5)


def test_method__what_cannot_be_learned() -> None:
    context = Context(features={"features": (SEGMENTS, SIZE)}, annotations=NAMES)
    with pytest.raises(UsageError, match=r"C3D-AVG predicts scores\.\n  hint: --task score; classes beside it are"):
        C3DAVG(Settings(), replace(context, classes=3))
    with pytest.raises(UsageError, match=r"C3D-AVG is to learn position twice\.\n  hint: name each column once"):
        C3DAVG(Settings(attributes=("position", "armstand"), caption="position"), context)


@pytest.fixture
def dives(workspace: Path) -> Path:
    """A feature set in whose manifest attributes and a commentary are, some of them missing."""
    folder = workspace / "features/dives/net"
    write_feature_set(folder)
    rows = list(csv.DictReader((folder / "manifest.csv").open(encoding="utf-8")))
    for number, row in enumerate(rows):
        row["level"] = "" if number == 4 else row["action"]
        row["caption"] = "" if number == 5 else f"that was {row['action']}"
        row["nothing"] = "" if row["subject"] != "s0" else "x"
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


COMMAND = ("finetune", "--method", "c3d-avg", "--protocol", "2-fold", "--epochs", "3", "--select", "last")
SIZES = ("--set", "settings.hidden=32", "--set", "settings.caption_units=8", "--set", "training.lr=0.01")
SAY = ("--set", 'settings.attributes=["level"]', "--set", "settings.caption=caption", "--set", "settings.caption_words=5")
Aqa = Callable[..., tuple[int, str, str]]


def test_command__evaluates_what_it_says_beside_the_score(aqa: Aqa, dives: Path, workspace: Path) -> None:
    code, _, err = aqa(*COMMAND, *SIZES, *SAY, "--seeds", "0-1")
    assert code == 0, err
    model = store.read(workspace / "models/dives-c3d-avg/fold-1/0.h5", "model")
    assert model.documents["method"]["context"]["annotations"] == {"level": ["high", "low"], "caption": ["high", "low", "that", "was"]}
    code, out, err = aqa("evaluate")
    assert code == 0, err
    assert "level is named rightly of" in out
    assert "of 17 clips; always naming the commonest would be" in out
    metrics = json.loads((workspace / "evaluations/dives-c3d-avg/metrics.json").read_text())
    assert len(metrics["named"]["level"]["accuracy"]["seeds"]) == 2
    table = predictions(workspace / "evaluations/dives-c3d-avg/predictions.h5").table
    assert table.said["level"].shape == table.said["caption"].shape == (2, 18)
    assert sorted(table.known) == ["level"]
    right = (table.said["level"] == table.known["level"])[:, table.known["level"] != ""].mean()
    assert right == pytest.approx(metrics["named"]["level"]["accuracy"]["value"])
    words = {word for text in table.said["caption"].ravel() for word in text.split()}
    assert words
    assert words <= {"that", "was", "high", "low"}


def test_command__columns_that_cannot_be_learned(aqa: Aqa, dives: Path) -> None:
    code, _, err = aqa(*COMMAND, "--set", 'settings.attributes=["levle"]')
    assert (code, "has no column 'levle'. Did you mean 'level'?" in err) == (2, True), err
    code, _, err = aqa(*COMMAND, "--set", 'settings.attributes=["nothing"]')
    assert code == 2, err
    assert "'nothing' has a single value in training: x." in err


def test_command__is_profiled_with_its_heads(aqa: Aqa) -> None:
    code, out, err = aqa("profile", "--method", "c3d-avg", *SIZES[:4], *SAY)
    assert (code, "c3d-avg" in out) == (0, True), err
