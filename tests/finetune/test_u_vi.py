"""U-VI's downstream network: which frames it sees, what it averages, and its commands from pictures to a figure."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from aqa_cli.main import app
from stages.artifacts import store
from stages.encoders.spec import ImageSpec, PretrainedEncoder
from stages.engine import loop
from stages.engine.batch import Clips, Images
from stages.engine.method import Context
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.methods.u_vi import Settings, UVIAssessor, in_a_row, one_of_each_segment, random_start
from tests.small import write_image_set

SIZE = 16
SMALL = ["--set", "settings.encoder_settings={width: 2, features: 4}"]


def clips(count: int = 24, *, frames: int = 20, seed: int = 0) -> Clips:
    """Clips of a spot that lies higher for a higher score."""
    generator = torch.Generator().manual_seed(seed)
    score = torch.rand(count, generator=generator)
    rows = torch.arange(SIZE, dtype=torch.float32)
    spot = torch.exp(-(rows - (2 + 11 * score[:, None])).square() / 4)
    picture = (255 * spot[:, :, None] * spot.mean()).expand(count, SIZE, SIZE)
    values = picture[:, None, None, None].expand(count, frames, 1, 3, SIZE, SIZE).reshape(-1, 1, 3, SIZE, SIZE).to(torch.uint8)
    lengths = torch.full((count,), frames)
    poses, mask = torch.zeros(count, 0, 0, 0, 0), torch.zeros(count, 0, dtype=torch.bool)
    images = Images(values, lengths.cumsum(0) - lengths, lengths)
    return Clips(tuple(map(str, range(count))), poses, mask, score, torch.zeros(count, dtype=torch.long), images=images)


def method(classes: int = 0, **settings: object) -> UVIAssessor:
    spec = ImageSpec("posture", {"width": 2, "features": 4}, 3, (SIZE, SIZE))
    chosen = Settings(frames=8, units=8, **settings)  # type: ignore[arg-type]
    made = loop.initialise(lambda: UVIAssessor(chosen, Context(classes=classes), spec), 0)
    assert isinstance(made, UVIAssessor)
    return made


def test_one_of_each_segment__lies_in_its_segment_and_in_its_middle_at_test() -> None:
    count = torch.tensor([16, 160, 3])
    middle = one_of_each_segment(count, 16, anywhere=False)
    assert middle[0].tolist() == list(range(16))
    assert middle[1].tolist() == list(range(5, 160, 10))
    assert middle[2].tolist() == [0] * 5 + [1] * 6 + [2] * 5
    drawn = torch.stack([one_of_each_segment(count, 16, anywhere=True)[1] for _ in range(200)])
    assert torch.equal(drawn // 10, torch.arange(16).expand(200, 16))
    assert len(set(drawn[:, 3].tolist())) == 10


def test_in_a_row__stays_at_the_last_frame() -> None:
    assert in_a_row(torch.tensor([9, 3]), 4, torch.tensor([5, 0])).tolist() == [[5, 6, 7, 8], [0, 1, 2, 2]]
    starts = torch.stack([random_start(torch.tensor([9, 3]), 4) for _ in range(300)])
    assert (sorted(set(starts[:, 0].tolist())), set(starts[:, 1].tolist())) == ([0, 1, 2, 3, 4, 5], {0})


def test_predict__is_the_mean_over_the_clips_of_frames_that_follow_each_other() -> None:
    made = method().eval()
    data = clips(3)
    assert data.images is not None
    data.images.values.random_(0, 255, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([20, 7, 16])
    batch = Clips(
        data.ids, data.poses, data.mask, data.target, data.group, images=Images(data.images.values, data.images.first, lengths)
    ).take(range(3))
    assert batch.images is not None
    with torch.no_grad():
        heads = [made.head(made._look(batch.images, in_a_row(lengths, 8, torch.full((3,), start))))[:, 0] for start in (0, 8)]
    expected = torch.stack([(heads[0][0] + heads[1][0]) / 2, heads[0][1], (heads[0][2] + heads[1][2]) / 2])
    torch.testing.assert_close(made.predict(batch)["value"], expected)


@pytest.mark.parametrize("settings", [{}, {"sampling": "segments"}, {"recurrent": "lstm", "layers": 1}, {"flip": True}])
def test_train__learns(settings: dict[str, object]) -> None:
    made, data = method(**settings), clips()
    loop.train(made, {"train": data}, TrainingConfig(epochs=30, batch_size=8, lr=5e-3), loop.Setting())
    test = clips(20, seed=1).take(range(20))
    assert test.target is not None
    assert float((made.predict(test)["value"] - test.target).square().mean()) < 0.5 * float(test.target.var())


def test_train__a_frozen_encoder_stays() -> None:
    made, data = method(freeze=True), clips()
    before = {name: value.clone() for name, value in made.encoder.state_dict().items()}
    loop.train(made, {"train": data}, TrainingConfig(epochs=2, batch_size=8, lr=5e-3), loop.Setting())
    assert all(torch.equal(value, before[name]) for name, value in made.encoder.state_dict().items())


def _run(arguments: list[str], workspace: Path) -> str:
    result = CliRunner().invoke(app, [*arguments, "--workspace", str(workspace)])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def test_commands__pretrain_then_finetune_then_evaluate(tmp_path: Path) -> None:
    write_image_set(tmp_path / "images/spots")
    pairs = ["--epochs", "1", "--set", "settings.pairs_per_clip=1", *SMALL]
    _run(["pretrain", "--method", "u-vi", "--protocol", "2-fold", *pairs], tmp_path)
    encoder = PretrainedEncoder.read(tmp_path / "encoders/u-vi/fold-1.h5")
    assert (encoder.spec.sees, len(encoder.pretext) > 0) == ("images", True)
    small = ["--epochs", "1", "--select", "last", "--set", "settings.frames=4", "--set", "settings.units=8"]
    _run(["finetune", "--method", "u-vi", "--init", "u-vi", "--protocol", "2-fold", "--set", "settings.freeze=true", *small], tmp_path)
    model = store.read(tmp_path / "models/spots-u-vi/fold-1/0.h5", "model")
    for name, value in encoder.weights.items():
        torch.testing.assert_close(torch.from_numpy(model.arrays[f"weights/encoder.{name}"]).reshape(value.shape), value)
    assert "Spearman" in _run(["evaluate", "--model", "spots-u-vi"], tmp_path)
    levels = ["--task", "level", "--init", "none", "--name", "levels", *SMALL]
    _run(["finetune", "--method", "u-vi", "--protocol", "2-fold", *levels, *small], tmp_path)
    assert "micro-F1" in _run(["evaluate", "--model", "levels"], tmp_path)


def test_commands__pairs_of_clips_and_pictures_of_another_size(tmp_path: Path) -> None:
    write_image_set(tmp_path / "images/spots", cameras=1)
    table = tmp_path / "images/spots/manifest.csv"
    table.write_text(table.read_text().replace(",m1", ",m0"))
    pairs = ["--epochs", "1", "--set", "settings.pairs=clips", "--set", "settings.pairs_per_clip=1", *SMALL]
    _run(["pretrain", "--method", "u-vi", *pairs], tmp_path)
    write_image_set(tmp_path / "images/large", size=24)
    result = CliRunner().invoke(
        app, ["finetune", "--method", "u-vi", "--dataset", "large", "--init", "u-vi", "--protocol", "2-fold", "--workspace", str(tmp_path)]
    )
    assert isinstance(result.exception, UsageError)
    assert "The encoder sees pictures of 3 × 16 × 16, those of s" in str(result.exception)
    assert "are 3 × 24 × 24" in str(result.exception)


def test_commands__no_pictures(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["pretrain", "--method", "u-vi", "--workspace", str(tmp_path)])
    assert isinstance(result.exception, UsageError)
    assert "There is no set of pictures in the workspace." in str(result.exception)
    write_image_set(tmp_path / "images/spots")
    result = CliRunner().invoke(app, ["pretrain", "--method", "u-vi", "--dataset", "others", "--workspace", str(tmp_path)])
    assert "There are no pictures of 'others'" in str(result.exception)
    assert "(there: spots)" in str(result.exception)
