"""A clip from video to features: against the network on frames read by hand, and what neither batches nor order may change."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stages.errors import ArtifactError, UsageError
from stages.extract_features import clip as clips
from stages.extract_features import frames as prepare
from stages.extract_features.backbones.contract import Backbone, Look
from stages.extract_features.clip import Tools, check, extract
from stages.extract_features.config import ExtractFeaturesConfig
from stages.extract_features.running import Runner
from stages.skeletons.layouts import layout_named
from stages.skeletons.poses import sequence
from stages.video import reader
from stages.video.errors import VideoError
from stages.video.frame import Source
from stages.video.sampling import Sampling, views
from tests.extract_features import tiny
from tests.video.make import make_frames, make_video


def _moving(frames: int, size: tuple[int, int] = (64, 48)):
    """Pictures of a bright square that goes to the right over a texture."""
    rng = np.random.default_rng(3)
    ground = np.repeat(np.repeat(rng.integers(0, 120, (size[1] // 8, size[0] // 8, 3), np.uint8), 8, 0), 8, 1)
    for number in range(frames):
        image = ground.copy()
        image[16:32, (2 * number) % 48 : (2 * number) % 48 + 12] = 230
        yield image


def _tools(config: ExtractFeaturesConfig, modality: str = "rgb", batch: int = 4) -> Tools:
    convolution = tiny.network(tiny.LOOKS[modality].channels).eval()
    backbone = Backbone(
        "tiny", tiny.LOOKS[modality], tiny.DIMENSIONS, convolution, lambda x: convolution(x).relu().mean((2, 3, 4)), convolution
    )
    runner = Runner(backbone, torch.device("cpu"), maps=config.pool == "none")
    return Tools(config, views(config.views), backbone.look, runner, batch, lambda _: None)


def _config(names: str = "original", pool: str = "mean", **values) -> ExtractFeaturesConfig:
    sampling = Sampling(**{"segments": 3, "length": 4, **values})
    return ExtractFeaturesConfig(sampling=sampling, views=tuple(names.split(",")), pool=pool)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return Source(make_video(tmp_path_factory.mktemp("video") / "a.mp4", _moving(20)))


def test_extract__is_the_network_on_the_frames_that_the_rule_names(video) -> None:
    config = _config("original,flip,rotate-90")
    found = extract(video, _tools(config))
    assert found.features.shape == (3, 3, tiny.DIMENSIONS)
    assert found.features.dtype == np.float32
    assert found.clip == {"frames": 20, "fps": 30.0, "width": 64, "height": 48}
    assert [row[0] for row in found.sampling["views"][0]["frames"]] == [0, 8, 16]
    images = [prepare.rgb(prepare.centre(prepare.resized(frame.image, 36), 32)) for frame in reader.read(video)]
    run = _tools(config).run
    for view, turn in enumerate((lambda x: x, lambda x: x[:, :, ::-1], lambda x: np.rot90(x, 1, (1, 2)))):
        for segment, start in enumerate((0, 8, 16)):
            stack = np.ascontiguousarray(turn(np.stack(images[start : start + 4])))
            np.testing.assert_array_equal(found.features[view, segment], run([stack])[0])


def test_normalised__red_green_blue_first_and_between_minus_one_and_one() -> None:
    seen: list[torch.Tensor] = []
    look = Look("rgb", 4, 4, (0.0, 127.5, 255.0), (1.0, 127.5, 255.0))

    def features(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return x.mean((2, 3, 4))

    runner = Runner(Backbone("seen", look, 3, torch.nn.Identity(), features), torch.device("cpu"))
    segment = np.zeros((2, 4, 4, 3), np.uint8)
    segment[..., 0], segment[..., 2] = 7, 255  # red, blue
    found = runner([segment])
    assert seen[0].shape == (1, 3, 2, 4, 4)
    assert found.tolist() == [[7.0, -1.0, 0.0]]


def test_runner__every_pass_has_one_shape_whatever_the_batch(video, monkeypatch) -> None:
    from stages.extract_features import running

    monkeypatch.setattr(running, "UNIT", {"cpu": 4})
    shapes: set[tuple[int, ...]] = set()
    results = []
    for batch in (1, 2, 5, 64):
        tools = _tools(_config("original,flip", segments=5), batch=batch)
        function = tools.run.function
        tools.run.function = lambda x, function=function: (shapes.add(tuple(x.shape)), function(x))[1]
        results.append(extract(video, tools).features)
    assert shapes == {(4, 3, 4, 32, 32)}
    assert all(result.tobytes() == results[0].tobytes() for result in results)


def test_frames__are_read_once_and_only_those_that_segments_need(video, monkeypatch) -> None:
    asked: list[list[int]] = []
    original = reader.read

    def read(source, indices=None, **options):
        asked.append(list(indices))
        return original(source, indices, **options)

    monkeypatch.setattr(clips.reader, "read", read)
    extract(video, _tools(_config("original,flip,still", segments=2, length=6, starts=(2, 4))))
    assert asked == [list(range(2, 10))]


def test_maps__before_pooling_in_half_precision(video) -> None:
    found = extract(video, _tools(_config(pool="none")))
    assert (found.features.shape, found.features.dtype) == ((1, 3, tiny.DIMENSIONS, 4, 8, 8), np.float16)
    pooled = np.maximum(found.features.astype(np.float32), 0).mean((3, 4, 5))
    np.testing.assert_allclose(pooled, extract(video, _tools(_config())).features, rtol=1e-2, atol=1e-3)


def test_frame_folder__gives_what_the_rule_names(tmp_path) -> None:
    folder = make_frames(tmp_path / "frames", 7)
    found = extract(Source(folder), _tools(_config(segments=2, length=4, starts="dense", pad="back", frames=8)))
    assert found.sampling["views"][0]["frames"] == [[0, 1, 2, 3], [4, 5, 6, -1]]
    assert found.sampling["views"][0]["times"][1][3] is None


def test_flow__streamed_and_cached_are_the_same_bytes(video, tmp_path) -> None:
    config = _config("original,flip,still", segments=2, length=3)
    streamed = extract(video, _tools(config, "flow"))
    first = extract(video, _tools(config, "flow"), flow_folder=(tmp_path / "flow", "digest"))
    again = extract(video, _tools(config, "flow"), flow_folder=(tmp_path / "flow", "digest"))
    assert streamed.features.tobytes() == first.features.tobytes() == again.features.tobytes()
    assert not (streamed.features[0] == streamed.features[1]).all()
    bias = np.maximum(tiny.network(2).bias.detach().numpy(), 0)
    np.testing.assert_allclose(streamed.features[2, 0], bias, rtol=1e-5, atol=1e-6)  # what stands still has no flow
    assert [path.name for path in (tmp_path / "flow").iterdir()] == ["000000.h5"]


def test_patches__a_square_around_each_joint_and_nan_where_it_was_never_seen(video) -> None:
    layout = layout_named("coco-17")
    positions = np.full((1, 20, 17, 2), np.nan, np.float32)
    positions[0, :, 0] = (32, 24)
    positions[0, :, 1] = (6, 6)
    poses = sequence(positions, layout, units="px")
    config = _config(segments=2).model_copy(update={"patches": True, "patch_size": 0.5})
    found = extract(video, _tools(config), poses)
    assert found.features.shape == (1, 2, tiny.DIMENSIONS, 17)
    assert np.isfinite(found.features[..., :2]).all()
    assert np.isnan(found.features[..., 2:]).all()
    assert found.clip["joints"] == list(layout.joints)
    images = [frame.image for frame in reader.read(video, range(4))]
    stack = np.stack([prepare.rgb(prepare.squares(image, np.array([[32.0, 24.0]]), 24, 32))[0] for image in images])
    np.testing.assert_array_equal(found.features[0, 0, :, 0], _tools(config).run([stack])[0])
    flow = extract(video, _tools(config, "flow"), poses)
    assert np.isfinite(flow.features[..., :2]).all()


def test_cut_off_video__is_an_error_with_its_reason(tmp_path) -> None:
    path = make_video(tmp_path / "a.avi", _moving(40), codec="MJPG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(VideoError):
        extract(Source(path), _tools(_config()))


def test_check__networks_of_a_fixed_length() -> None:
    look = Look("rgb", 128, 112, (0.0,) * 3, (1.0,) * 3, length=16)
    with pytest.raises(UsageError, match=r"c3d takes segments of 16 frames, found sampling.length 8"):
        check(look, Sampling(length=8), "c3d")
    check(look, Sampling(length=16), "c3d")


def test_too_short__names_the_way_out(video) -> None:
    with pytest.raises(ArtifactError, match="The clip has 20 frames, but its segments need 32"):
        extract(video, _tools(_config(length=32, pad="none")))
