"""The list of backbones, their weights, and that those of other packages answer as their own packages do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stages import openmmlab
from stages.artifacts import store
from stages.artifacts.tree import weights_to_arrays
from stages.engine.progress import Silent
from stages.engine.registry import load
from stages.errors import ArtifactError, MissingDependencyError, UsageError
from stages.extract_features import frames as prepare
from stages.extract_features.backbones import registry
from stages.extract_features.backbones.mmaction import look_of
from stages.extract_features.running import Runner
from stages.video import reader
from stages.video.frame import Source
from tests.extract_features import tiny

SMALL = """
model = dict(
    type='Recognizer3D',
    backbone=dict(type='ResNet3dSlowOnly', depth=18, pretrained=None, lateral=False, conv1_kernel=(1, 7, 7), conv1_stride_t=1,
                  pool1_stride_t=1, base_channels=8, inflate=(0, 0, 1, 1), norm_eval=False),
    cls_head=dict(type='I3DHead', in_channels=64, num_classes=5, spatial_type='avg', dropout_ratio=0.5),
    data_preprocessor=dict(type='ActionDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],
                           format_shape='NCTHW'))
val_pipeline = [
    dict(type='DecordInit'),
    dict(type='SampleFrames', clip_len=8, frame_interval=2, num_clips=1, test_mode=True),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(-1, 72)),
    dict(type='CenterCrop', crop_size=64),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs')]
"""


def _weights(name: str, folder, seed: int = 0):
    """Save random weights of an mmaction2 recogniser as its training saves them; return them and the recogniser."""
    torch.manual_seed(seed)
    recogniser = openmmlab.build_action(openmmlab.action_config(name))
    file = folder / "epoch_1.pth"
    torch.save({"meta": {"epoch": 1}, "state_dict": recogniser.state_dict()}, file)
    return file, recogniser


def _theirs(recogniser, config, images) -> torch.Tensor:
    """Prepare frames (red-green-blue) by the config's own pipeline, and return what the recogniser's backbone makes of them."""
    from mmengine.dataset import Compose, pseudo_collate
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope("mmaction"):
        import mmaction.datasets  # noqa: F401  (registers the transforms)

        kept = [step for step in config.val_pipeline if step["type"] in ("Resize", "CenterCrop", "FormatShape", "PackActionInputs")]
        shape = images[0].shape[:2]
        results = {"imgs": list(images), "num_clips": 1, "clip_len": len(images), "modality": "RGB", "original_shape": shape}
        packed = Compose(kept)({**results, "img_shape": shape, "start_index": 0, "label": 0})
        data = recogniser.data_preprocessor(pseudo_collate([packed]), False)
    with torch.inference_mode():
        found, _ = recogniser.extract_feat(data["inputs"], stage="backbone")
    return found


def _segment(shared, length: int):
    return [frame.image for frame in reader.read(Source(shared / "data/videos/pose_squats.mp4"), range(30, 30 + length))]


def _ours(backbone, images) -> np.ndarray:
    return Runner(backbone, torch.device("cpu"))([np.stack(_cut(backbone, images))])[0]


def test_mmaction__a_users_config_agrees_with_mmactions_own_inference(shared, tmp_path) -> None:
    config = tmp_path / "small.py"
    config.write_text(SMALL)
    file, recogniser = _weights(str(config), tmp_path)
    backbone = registry.build(str(config), file, "fp32")
    assert (backbone.look.resize, backbone.look.crop, backbone.dimensions) == (72, 64, 64)
    images = _segment(shared, 8)
    theirs = _theirs(recogniser, openmmlab.action_config(config), [image[..., ::-1] for image in images])
    expected = theirs.mean((2, 3, 4))[0].numpy()
    found = _ours(backbone, images)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_allclose(
        Runner(backbone, torch.device("cpu"), maps=True)([np.stack(_cut(backbone, images))])[0], theirs[0], rtol=1e-3, atol=1e-4
    )
    half = _ours(registry.build(str(config), file, "bf16"), images)
    assert np.dot(half, expected) / np.linalg.norm(half) / np.linalg.norm(expected) >= 0.999


def _cut(backbone, images):
    return [prepare.rgb(prepare.centre(prepare.resized(image, backbone.look.resize), backbone.look.crop)) for image in images]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "length"), [("i3d-r50", 32), ("slowonly-r50", 8), ("r2plus1d-r34", 8), ("c3d", 16)])
def test_mmaction__the_listed_networks_agree_with_mmactions_own_inference(shared, tmp_path, name, length) -> None:
    entry = registry.entry_of(name)
    file, recogniser = _weights(entry.config, tmp_path)
    images = _segment(shared, length)
    layers: list[torch.Tensor] = []
    if name == "c3d":
        recogniser.backbone.fc6.register_forward_hook(lambda module, given, output: layers.append(output.relu()))
    theirs = _theirs(recogniser, openmmlab.action_config(entry.config), [image[..., ::-1] for image in images])
    expected = (layers[0] if name == "c3d" else theirs.mean((2, 3, 4)))[0].numpy()
    backbone = registry.build(name, file, "fp32")
    found = _ours(backbone, images)
    assert found.shape == (entry.dimensions,)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_resnet50__agrees_with_torchvision(shared, tmp_path) -> None:
    from torchvision.models import resnet50

    torch.manual_seed(0)
    theirs = resnet50().eval()
    file = tmp_path / "resnet50-0676ba61.pth"
    torch.save(theirs.state_dict(), file)
    theirs.fc = torch.nn.Identity()
    images = _segment(shared, 2)
    backbone = registry.build("resnet50", file, "fp32")
    pixels = torch.from_numpy(np.stack(_cut(backbone, images))).permute(0, 3, 1, 2).float() / 255
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.inference_mode():
        expected = theirs((pixels - mean) / deviation).mean(0).numpy()
    np.testing.assert_allclose(_ours(backbone, images), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", registry.BACKBONES)
def test_entries__can_be_imported(name) -> None:
    entry = registry.BACKBONES[name]
    assert entry.summary
    if name != registry.HEATMAPS:
        assert callable(load(entry.build))
        assert entry.url or entry.config or entry.packaged
        assert entry.dimensions > 0


@pytest.mark.parametrize("name", [name for name, entry in registry.BACKBONES.items() if entry.config])
def test_entries__configs_are_in_mmaction_with_weights(name) -> None:
    assert openmmlab.published("mmaction", registry.BACKBONES[name].config).weights.endswith(".pth")


def test_weights__missing__exit_5_says_which_file_goes_where(tmp_path, monkeypatch) -> None:
    tiny.install(monkeypatch, tmp_path / "weights")
    (tmp_path / "weights/tiny.pt").unlink()
    with pytest.raises(MissingDependencyError) as caught:
        registry.weights_of("tiny", None, None, Silent())
    assert caught.value.exit_code == 5
    assert "The weights tiny.pt are not in" in str(caught.value)
    assert "download https://localhost:1/tiny.pt" in str(caught.value)


def test_weights__packaged__are_read_from_beside_the_list(tmp_path, monkeypatch) -> None:
    tiny.install(monkeypatch, tmp_path / "weights")
    entry = registry.Entry(f"{tiny.__name__}:build", "rgb", tiny.DIMENSIONS, "comes along", "", packaged="packaged.h5")
    monkeypatch.setitem(registry.BACKBONES, "packaged", entry)
    monkeypatch.setattr(registry, "HERE", tmp_path)
    documents = {name: {} for name in ("encoder", "training", "config", "provenance")}
    arrays = weights_to_arrays(tiny.network(3).state_dict())
    store.write(tmp_path / "packaged.h5", store.Artifact(store.Header("encoder", "pretrain", 1, "0" * 64), arrays, documents))
    file = registry.weights_of("packaged", None, None, Silent())
    assert file == tmp_path / "packaged.h5"
    with torch.inference_mode():
        assert registry.build("packaged", file, "fp32").features(torch.zeros(1, 3, 2, 32, 32)).shape == (1, tiny.DIMENSIONS)


def test_identity__name_and_content_never_places(tmp_path) -> None:
    config, weights = tmp_path / "net.py", tmp_path / "w.pt"
    config.write_text("model = 1")
    weights.write_bytes(b"w")
    found = registry.identity(str(config), weights)
    assert found["name"] == "net"
    assert len(found["config"]) == len(found["weights"]) == 64
    assert set(registry.identity("i3d", weights)) == {"name", "weights"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("i3b", "Unknown backbone 'i3b'. Did you mean 'i3d'?"),
        ("slowonly_r50_8xb16-8x8x1-256e_kinetics400", "Did you mean 'slowonly_r50_8xb16-8x8x1-256e_kinetics400-rgb'?"),
    ],
)
def test_unknown_names__the_nearest_is_named(name, message) -> None:
    with pytest.raises(UsageError) as caught:
        registry.weights_of(name, None, None, Silent())
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (("'Recognizer3D'", "'RecognizerGCN'"), UsageError, "is no recogniser of video, but a RecognizerGCN"),
        (("mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],", "mean=[128, 128], std=[1, 1],"), UsageError, "sees 2 channels"),
        (("CenterCrop", "ThreeCrop"), ArtifactError, "expected Resize and CenterCrop among them"),
        (("scale=(-1, 72)", "scale=(100, 72)"), ArtifactError, "resizes into a box of (100, 72)"),
        (("val_pipeline", "no_pipeline"), ArtifactError, "does not say how frames are prepared"),
    ],
    ids=["skeletons", "flow", "crops", "box", "no pipeline"],
)
def test_look_of__configs_that_cannot_be_followed(tmp_path, change, error, message) -> None:
    config = tmp_path / "net.py"
    config.write_text(SMALL.replace(*change))
    with pytest.raises(error) as caught:
        look_of(openmmlab.action_config(config), "net.py")
    assert message in str(caught.value)


def test_wrong_weights__are_named_not_loaded(tmp_path) -> None:
    file = tmp_path / "other.pt"
    torch.save({"conv.weight": torch.zeros(1)}, file)
    with pytest.raises(ArtifactError, match="do not fit the network"):
        registry.build("i3d", file, "fp32")
