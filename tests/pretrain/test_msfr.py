"""Masked segment recovery alone: it learns how segments depend on each other, and finetuning goes on from its encoder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from aqa_cli.main import app
from stages.artifacts import store
from stages.encoders.segments import SegmentsConfig
from stages.encoders.spec import PretrainedEncoder, SegmentSpec
from stages.engine import loop
from stages.engine.batch import Clips, Features
from stages.engine.inputs import FeatureInput
from stages.engine.method import Phase
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.model import Model
from stages.pretrain.methods.msfr import MSFR, Settings
from tests.small import write_feature_set

SEGMENTS, SIZE = 6, 5
HALF = "2-fold/50-percent-labels/seed-0"
SMALL = ["--set", "settings.channels=[8,4]", "--set", "settings.hidden=8", "--set", "settings.dropout=0", "--epochs", "2"]


def clips(count: int = 80, *, views: int = 1, related: bool = True) -> Clips:
    """Clips whose segments are all alike (``related``), or have nothing to do with each other; padded ones among them."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(count, views, 1 if related else SEGMENTS, SIZE, generator=generator).expand(count, views, SEGMENTS, SIZE)
    real = torch.arange(SEGMENTS) < torch.where(torch.arange(count) % 3 == 0, 4, SEGMENTS)[:, None]
    features = {"features": Features(values * real[:, None, :, None], real)}
    poses, mask = torch.zeros(count, 0, 0, 0, 0), torch.zeros(count, 0, dtype=torch.bool)
    return Clips(tuple(map(str, range(count))), poses, mask, None, torch.zeros(count, dtype=torch.long), features)


def method(**changed: object) -> MSFR:
    settings = Settings(channels=(16, 8), hidden=16, dropout=0.0, **changed)  # type: ignore[arg-type]
    spec = SegmentSpec(settings.model_dump(include=set(SegmentsConfig.model_fields)), {"features": (SEGMENTS, SIZE)})
    return loop.initialise(lambda: MSFR(settings, spec), 0)  # type: ignore[return-value]


@pytest.mark.parametrize(("related", "strategy"), [(True, "mask"), (True, "keep-first-frame"), (False, "mask")])
def test_train__recovers_what_other_segments_tell(related: bool, strategy: str) -> None:
    views = ("original", "still") if strategy == "keep-first-frame" else ("original",)
    made, data = method(strategy=strategy, features=FeatureInput(views=views)), clips(views=len(views), related=related)
    if len(views) == 2:
        values = data.features["features"].values
        values[:, 1] = 2 * values[:, 0]
    made.measure(data)
    train, held_out = data.chosen(range(60)), data.take(range(60, 80))
    loop.train(made, {"train": train}, TrainingConfig(epochs=80, batch_size=20, lr=5e-3), loop.Setting())
    made.eval()
    error, trivial = float(made.validate(held_out).losses["main"]), float(made.encoder.values(held_out)["features"].abs().mean())
    assert error < 0.6 * trivial if related else error > 0.9 * trivial


def test_step__every_weight_learns() -> None:
    made = method()
    made.step({"train": clips().take(range(20))}, Phase()).losses["main"].backward()
    assert all(parameter.grad is not None for parameter in made.parameters())


def _run(arguments: list[str], workspace: Path) -> None:
    result = CliRunner().invoke(app, [*arguments, "--workspace", str(workspace)])
    assert result.exit_code == 0, (result.output, result.exception)


def test_command__learns_from_clips_without_labels_and_finetune_goes_on(tmp_path: Path) -> None:
    write_feature_set(tmp_path / "features/small/net")
    _run(["pretrain", "--method", "msfr", "--dataset", "small", "--protocol", HALF, "--set", "labelled=false", *SMALL], tmp_path)
    vanilla = ["--set", "settings.recovery_weight=0", "--set", "settings.alignment=none", "--set", "training.lr=1e-12", "--select", "last"]
    _run(["finetune", "--method", "s4aqa", "--init", "msfr", "--protocol", HALF, *vanilla, *SMALL[-2:]], tmp_path)
    for path in (tmp_path / "models/small-s4aqa").rglob("0.h5"):
        encoder = PretrainedEncoder.read(tmp_path / f"encoders/msfr/{path.parent.name}.h5")
        model, data = Model.read(path), store.read(path, "model").documents["data"]
        assert encoder.seen == set(data["unlabelled"])
        found = model.method.encoder.state_dict()  # type: ignore[union-attr]
        same = [name for name in encoder.weights if "standardise" in name or name.endswith(("weight", "bias"))]
        assert len(same) >= 6
        for name in same:
            torch.testing.assert_close(found[name], encoder.weights[name])
    provenance = store.read(path, "model").documents["provenance"]
    assert [each["role"] for each in provenance["inputs"]].count("encoder") == 1


def test_command__which_clips_are_unlabelled_is_for_a_protocol_to_say(tmp_path: Path) -> None:
    write_feature_set(tmp_path / "features/small/net")
    arguments = ["pretrain", "--method", "msfr", "--set", "labelled=false", *SMALL, "--workspace", str(tmp_path)]
    alone = CliRunner().invoke(app, arguments)
    assert isinstance(alone.exception, UsageError)
    assert "Which clips are labelled is for a protocol to say" in str(alone.exception)
    whole = CliRunner().invoke(app, [*arguments, "--protocol", "2-fold"])
    assert isinstance(whole.exception, UsageError)
    assert "There are no unlabelled clips to learn from." in str(whole.exception)
    assert "--protocol 2-fold/40-percent-labels/seed-0" in str(whole.exception)


def test_command__a_features_folder_and_two_sets_of_other_features(tmp_path: Path) -> None:
    for place in ("one/net", "two/other"):
        write_feature_set(tmp_path / f"features/{place}")
    _run(["pretrain", "--method", "msfr", "--features", str(tmp_path / "features/two/other"), "--name", "given", *SMALL], tmp_path)
    assert PretrainedEncoder.read(tmp_path / "encoders/given.h5").spec.sees == "features"
    both = ["pretrain", "--method", "msfr", "--dataset", "one", "--dataset", "two", *SMALL, "--workspace", str(tmp_path)]
    result = CliRunner().invoke(app, both)
    assert isinstance(result.exception, UsageError)
    assert "The sets have features by different backbones: one of net, two of other." in str(result.exception)
