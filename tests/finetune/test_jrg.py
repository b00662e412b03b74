"""JRG: both modules against loops, what masks and unseen joints do, the losses, that it learns from squares, and the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from stages.artifacts import store
from stages.configuration import Layer
from stages.engine import loop
from stages.engine.batch import Batch, Clips, Features
from stages.engine.inputs import FeatureInput
from stages.engine.method import Context, Phase
from stages.engine.training import TrainingConfig
from stages.errors import ArtifactError, UsageError
from stages.evaluate.read import predictions
from stages.finetune.config import resolve_finetune
from stages.finetune.methods.jrg import JRG, KINDS, JointRelations, Settings, alikeness, differences, neighbours
from stages.skeletons.layouts import layout_named
from stages.skeletons.poses import sequence, to_artifact
from tests.extract_features import tiny
from tests.small import write_feature_set
from tests.video.make import make_video

COCO = layout_named("coco-17")
SEGMENTS, SCENE, SIZE, JOINTS = 5, 4, 6, 17
ELBOW, WRIST = COCO.index["left_elbow"], COCO.index["left_wrist"]
SMALL: dict[str, Any] = {"embedding": 32, "hidden": 32}
SIZES = {"features": (SEGMENTS, SCENE), "patches": (SEGMENTS, SIZE, JOINTS)}
CONTEXT = Context(skeleton="coco-17", features=SIZES)


def clips(count: int = 60, seed: int = 0, *, lengths: bool = True) -> Clips:
    """Clips whose score is how far a wrist is from its elbow, in the squares around both; the scene is noise, every third clip is short."""
    generator = torch.Generator().manual_seed(seed)
    score = torch.randn(count, generator=generator)
    scene = torch.randn(count, 1, SEGMENTS, SCENE, generator=generator)
    squares = 0.5 * torch.randn(count, 1, SEGMENTS, SIZE, JOINTS, generator=generator)
    squares[..., 0, WRIST] = squares[..., 0, ELBOW] + score[:, None, None]
    short = (torch.arange(count) % 3 == 0) & lengths
    real = torch.arange(SEGMENTS) < torch.where(short, 3, SEGMENTS)[:, None]
    features = {
        "features": Features(scene * real[:, None, :, None], real),
        "patches": Features(squares * real[:, None, :, None, None], real),
    }
    poses, mask = torch.zeros(count, 0, 0, 0, 0), torch.zeros(count, 0, dtype=torch.bool)
    return Clips(tuple(map(str, range(count))), poses, mask, score, torch.zeros(count, dtype=torch.long), features)


def build(context: Context = CONTEXT, **changed: Any) -> JRG:
    return loop.initialise(lambda: JRG(Settings(**{**SMALL, **changed}), context), 0)  # type: ignore[return-value]


def changed(batch: Batch, role: str, values: torch.Tensor) -> Batch:
    return replace(batch, features={**batch.features, role: replace(batch.features[role], values=values)})


def correlation(method: JRG, batch: Batch) -> float:
    assert batch.target is not None
    return float(torch.corrcoef(torch.stack([method.eval().predict(batch)["value"], batch.target]))[0, 1])


# The modules ------------------------------------------------------------------------------------------------------------------------


def test_neighbours__edges_of_the_skeleton_both_ways_and_every_joint_itself() -> None:
    found = neighbours(COCO)
    assert (found == found.T).all()
    assert (found.diagonal() == 1).all()
    assert int(found.sum()) == JOINTS + 2 * len(COCO.edges)
    assert found[WRIST].nonzero()[:, 0].tolist() == [ELBOW, WRIST]


def test_graphs__are_never_negative_and_have_no_edge_that_the_skeleton_lacks() -> None:
    relations = JointRelations(COCO)
    assert all(bool(((graph >= 0) & (graph < 1)).all()) for graph in (relations.spatial, relations.temporal)), "as the paper begins"
    with torch.no_grad():
        relations.spatial.sub_(0.5)
    for graph in relations.graphs():
        assert (graph >= 0).all()
        assert (graph[neighbours(COCO) == 0] == 0).all()
    spatial, temporal = relations.graphs()
    edges = JOINTS + 2 * len(COCO.edges)
    expected = (spatial.square().sum() + temporal.square().sum()) / (2 * edges)
    torch.testing.assert_close(relations.size(), expected)


def test_relations__by_loops_over_joints_and_segments() -> None:
    torch.manual_seed(1)
    relations, squares = JointRelations(COCO).double(), torch.randn(2, 3, JOINTS, 2, dtype=torch.float64)
    known = torch.ones(2, JOINTS, dtype=torch.float64)
    known[1, [0, WRIST]] = 0
    squares[1, :, [0, WRIST]] = 0
    found = relations(squares, known)
    spatial, temporal = relations.graphs()
    for clip in range(2):
        there = [joint for joint in range(JOINTS) if known[clip, joint]]
        for t in range(3):
            now, before = squares[clip, t], squares[clip, max(t - 1, 0)]
            common = sum(now[i] for i in there) / len(there)
            convolved = sum(spatial[i, j] * now[j] for i in there for j in there) / len(there)
            within = sum(relations.spatial_weights[j] * spatial[i, j] * (now[i] - now[j]) for i in there for j in there) / len(there)
            since = sum(relations.temporal_weights[j] * temporal[i, j] * (now[i] - before[j]) for i in there for j in there) / len(there)
            for one, other in zip(found, (common, convolved, within, since), strict=True):
                torch.testing.assert_close(one[clip, t], other)


def test_differences__by_hand() -> None:
    own = torch.tensor([[[[1.0], [4.0]]]])
    weights = torch.tensor([[0.0, 0.5], [2.0, 0.0]])
    assert differences(own, own, weights, torch.ones(1, 2)).flatten().tolist() == [0.5 * (1 - 4), 2 * (4 - 1)]
    alone = own * torch.tensor([1.0, 0.0])[None, None, :, None]
    assert differences(alone, alone, weights, torch.tensor([[1.0, 0.0]])).flatten().tolist()[0] == 0, (
        "there is no neighbour to compare with"
    )


def test_relations__of_a_graph_one_weight_per_joint_is_left() -> None:
    relations, squares = JointRelations(COCO), torch.randn(2, 3, JOINTS, 4)
    _, convolved, within, since = relations(squares, torch.ones(2, JOINTS))
    spatial, temporal = relations.graphs()
    of_space, of_time = spatial * relations.spatial_weights, temporal * relations.temporal_weights
    before = torch.cat([squares[:, :1], squares[:, :-1]], dim=1)

    def mean(weights: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        return torch.einsum("j,nsjd->nsd", weights, values) / JOINTS

    torch.testing.assert_close(convolved, mean(spatial.sum(dim=0), squares))
    torch.testing.assert_close(within, mean(of_space.sum(dim=1) - of_space.sum(dim=0), squares))
    torch.testing.assert_close(since, mean(of_time.sum(dim=1), squares) - mean(of_time.sum(dim=0), before))


def test_alikeness__of_features_at_right_angles_is_none() -> None:
    encoded = torch.tensor([[[[2.0, 0.0], [0.0, 3.0]], [[1.0, 1.0], [-5.0, -5.0]], [[1.0, 0.0], [1.0, 0.0]]]])
    assert float(alikeness(encoded, torch.tensor([[True, False, False]]))) == 0
    assert float(alikeness(encoded, torch.tensor([[True, True, False]]))) == pytest.approx(0.5)


# The method -------------------------------------------------------------------------------------------------------------------------


def test_train__learns_what_only_the_squares_show_and_which_joint_is_which() -> None:
    data, test = clips(160), clips(90, seed=1).take(range(90))
    method = build()
    method.measure(data)
    history = loop.train(method, {"train": data}, TrainingConfig(epochs=40, batch_size=32, lr=2e-3), loop.Setting())
    assert {"score", "orthogonal", "graphs"} < set(history.rows[0])
    assert correlation(method, test) > 0.85
    squares = test.features["patches"].values
    order = torch.arange(JOINTS)
    order[[WRIST, ELBOW]] = torch.tensor([ELBOW, WRIST])
    assert correlation(method, changed(test, "patches", squares[..., order])) < 0.4, "with wrist and elbow exchanged it is lost"
    assert abs(correlation(method, changed(test, "patches", torch.zeros_like(squares) + squares.mean()))) < 0.3, "the scene tells nothing"


def test_predict__is_the_mean_of_what_the_segments_say() -> None:
    method, batch = build().eval(), clips().take(range(4))
    found = method.predict(batch)
    alone = torch.stack([found[f"value.segment-{number}"] for number in range(1, SEGMENTS + 1)], dim=1)
    assert alone.isnan().sum(dim=1).tolist() == [2, 0, 0, 2]
    torch.testing.assert_close(alone.nanmean(dim=1), found["value"])
    encoded = method.encoded(batch)
    pooled = sum(method.kind_weights[number] * encoded[:, :, number] for number in range(len(KINDS))) + method.bias
    torch.testing.assert_close(method.regressor(pooled)[1, :, 0], alone[1])
    assert method.represent(batch).shape == (4, SMALL["embedding"])


@pytest.mark.parametrize("training", [False, True])
def test_encoded__padding_changes_nothing(training: bool) -> None:
    method, batch = build(dropout=0.0).train(training), clips().take(range(9))
    mask = F.pad(batch.features["features"].mask, (0, 2))
    garbage = {}
    for role, features in batch.features.items():
        values = torch.full((9, 1, SEGMENTS + 2, *features.values.shape[3:]), 7.0)
        real = features.mask.view(9, 1, SEGMENTS, *[1] * (features.values.ndim - 3))
        values[:, :, :SEGMENTS] = torch.where(real, features.values, torch.tensor(-3.0))
        garbage[role] = Features(values, mask)
    other = replace(batch, features=garbage)
    torch.testing.assert_close(method.represent(batch), method.represent(other))
    torch.testing.assert_close(method.predict(batch)["value"], method.predict(other)["value"])
    losses = [method.step({"train": each}, Phase()).losses["main"] for each in (batch, other)]
    torch.testing.assert_close(losses[0], losses[1])


@pytest.mark.parametrize("standardise", [False, True])
def test_encoded__a_joint_that_was_never_seen_counts_nowhere(standardise: bool) -> None:
    data = clips()
    data.features["patches"].values[0, ..., WRIST] = torch.nan
    method = build(standardise=standardise).eval()
    method.measure(data)
    batch = data.take([0, 1])
    found = method.encoded(batch)
    assert found.isfinite().all()
    torch.testing.assert_close(found[1:], method.encoded(data.take([1])))
    squares = method.standardise["patches"](batch.features["patches"].values[:1, 0].transpose(2, 3)).nan_to_num()
    known = torch.ones(1, JOINTS)
    known[0, WRIST] = 0
    seen = method.relations(squares, known)
    torch.testing.assert_close(found[0, :, 1], method.encoders["features"][1](seen[0])[0])  # type: ignore[index]
    assert all(bool(values.isfinite().all()) for values in method.standardise.state_dict().values())


def test_step__is_the_error_and_both_regularisers_and_reaches_every_weight() -> None:
    method, batch = build(dropout=0.0, orthogonal_weight=0.5, graph_weight=2.0), clips().take(range(8))
    assert batch.target is not None
    step = method.step({"train": batch}, Phase())
    wanted = F.mse_loss(method.predict(batch)["value"], batch.target)
    wanted = wanted + 0.5 * alikeness(method.encoded(batch), batch.features["features"].mask) + 2 * method.relations.size()
    torch.testing.assert_close(step.losses["main"], wanted)
    step.losses["main"].backward()
    assert [name for name, value in method.named_parameters() if value.grad is None] == []


def test_optimisers__graphs_learn_faster_and_decay_in_the_loss_alone() -> None:
    method = build()
    graphs, rest = method.optimisers(Phase())["main"]
    assert (len(graphs["params"]), graphs["lr_factor"], graphs["weight_decay"]) == (2, 10.0, 0.0)
    assert len(graphs["params"]) + len(rest["params"]) == len(list(method.parameters()))


def test_flow__is_a_modality_with_encoders_of_its_own_on_the_same_graphs() -> None:
    data = clips(lengths=False)
    both = {**data.features, "flow": data.features["features"], "flow_patches": data.features["patches"]}
    data = replace(data, features=both)
    context = replace(CONTEXT, features={**SIZES, "flow": SIZES["features"], "flow_patches": SIZES["patches"]})
    method = build(context, flow=FeatureInput(backbone="i3d-flow")).eval()
    assert tuple(method.inputs.features) == ("features", "patches", "flow", "flow_patches")
    encoded = method.encoded(data.take([0, 1]))
    assert encoded.shape == (2, SEGMENTS, len(KINDS), SMALL["embedding"])
    assert not torch.allclose(encoded[..., :16], encoded[..., 16:]), "16 numbers of each, from weights of their own"
    assert [name for name, _ in method.named_parameters() if "spatial" in name] == ["relations.spatial", "relations.spatial_weights"]


def test_settings__squares_are_called_like_the_scene() -> None:
    def named(values: dict[str, Any]) -> list[str | None]:
        config = resolve_finetune([Layer("--set", {"method": "jrg", "settings": values})]).config
        return [(config.settings[role] or {}).get("backbone") for role in ("features", "patches", "flow", "flow_patches")]

    assert named({}) == [None, None, None, None]
    assert named({"features": {"backbone": "c3d"}}) == ["c3d", "c3d-patches", None, None]
    assert named({"features": {"backbone": "c3d"}, "patches": {"backbone": "mine"}}) == ["c3d", "mine", None, None]
    assert named({"flow": {"backbone": "i3d-flow"}}) == [None, None, "i3d-flow", "i3d-flow-patches"]
    assert Settings(features=FeatureInput(backbone="i3d")).patches.backbone == "i3d-patches"
    with pytest.raises(UsageError, match="flow and flow_patches are given together or not at all"):
        named({"flow": {"views": ["original"]}})
    with pytest.raises(UsageError, match="embedding is shared by two modalities: an even number"):
        named({"flow": {"backbone": "i3d-flow"}, "embedding": 33})


def test_presets__are_those_that_the_documentation_names() -> None:
    config = resolve_finetune([Layer("--set", {"method": "jrg"})]).config
    training, settings = config.training, config.settings
    assert (training.optimiser, training.lr, training.weight_decay, training.batch_size, training.epochs) == ("adam", 1e-3, 1e-5, 32, 400)
    assert (settings["orthogonal_weight"], settings["graph_weight"], settings["dropout"], settings["embedding"]) == (0.8, 0.1, 0.1, 256)


def test_method__what_cannot_be() -> None:
    with pytest.raises(UsageError, match=r"JRG predicts scores only\.\n  hint: --task score"):
        build(replace(CONTEXT, classes=3))
    other = {"features": (SEGMENTS, SCENE), "patches": (SEGMENTS + 1, SIZE, JOINTS)}
    with pytest.raises(
        ArtifactError, match=r"in the same segments, and there are 5 of features, 6 of patches\.\n  hint: aqa extract-features"
    ):
        build(replace(CONTEXT, features=other))
    with pytest.raises(ArtifactError, match=r"JRG takes features of the whole scene, a vector per segment; these have 6 × 17 numbers\."):
        build(replace(CONTEXT, features={"features": SIZES["patches"], "patches": SIZES["patches"]}))


# The command ------------------------------------------------------------------------------------------------------------------------

COUNT, FRAMES = 18, 8


def _films(folder: Path, workspace: Path) -> Path:
    """Film a spot at a wrist, the brighter the better, where the middle of the frame does not show it; write the poses, too."""
    rng, rows = np.random.default_rng(0), ["clip,subject,score"]
    for number in range(COUNT):
        quality = rng.uniform(0, 1)
        positions = rng.uniform((28, 15), (36, 33), (FRAMES, JOINTS, 2))
        positions[:, WRIST] = (5, 24)
        images = [rng.integers(90, 110, (48, 64, 3), np.uint8) for _ in range(FRAMES)]
        for image in images:
            image[19:29, 1:9] = int(50 + 200 * quality)
        make_video(folder / f"{number}.mp4", images)
        poses = sequence(positions[None], COCO, units="px")
        header = store.Header("poses", "extract-pose", 1, f"{number:064d}")
        store.write(workspace / f"poses/films/{number}.h5", to_artifact(poses, header, {}, {"stage": "extract-pose"}))
        rows.append(f"{number},s{number},{100 * quality:.3f}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_command__from_video_to_scores_that_only_squares_show(
    aqa: Callable[..., tuple[int, str, str]], workspace: Path, tmp_path, monkeypatch
) -> None:
    tiny.install(monkeypatch, tmp_path / "weights")
    films = _films(tmp_path / "films", workspace)
    seen = (
        "extract-features",
        films,
        "--manifest",
        films / "manifest.csv",
        "--backbone",
        "tiny",
        "--segments",
        2,
        "--set",
        "sampling.length=4",
    )
    learn = ("finetune", "--backbone", "tiny", "--protocol", "3-fold", "--select", "last", "--set", "settings.standardise=true")
    assert aqa(*seen)[0] == 0
    code, _, err = aqa(*learn, "--method", "jrg")
    assert (code, "There are no features of 'films' by 'tiny-patches'" in err) == (2, True), err
    assert "hint: aqa extract-features VIDEOS --backbone tiny --patches" in err
    code, _, err = aqa(*seen, "--patches")
    assert code == 0, err
    code, out, err = aqa(*learn, "--method", "jrg", "--epochs", 60, "--set", "training.lr=3e-3", "--set", "settings.embedding=32")
    assert (code, out.split(";")[0]) == (0, "3 done, 0 skipped, 0 failed"), err
    assert aqa(*learn[:-2], "--method", "features-ridge")[0] == 0
    found = {}
    for name in ("films-jrg", "films-features-ridge"):
        assert aqa("evaluate", "--model", name)[0] == 0
        found[name] = json.loads((workspace / f"evaluations/{name}/metrics.json").read_text())["overall"]["spearman"]["value"]
    assert found["films-jrg"] > 0.9
    assert found["films-features-ridge"] < 0.5
    table = predictions(workspace / "evaluations/films-jrg/predictions.h5").table
    parts = (table.extra["predicted.segment-1"] + table.extra["predicted.segment-2"]) / 2
    np.testing.assert_allclose(parts, table.predicted, rtol=1e-4)
    said = store.read_document(workspace / "models/films-jrg/fold-1/0.h5", "method")
    assert (said["context"]["skeleton"], said["settings"]["patches"]["backbone"]) == ("coco-17", "tiny-patches")


def test_command__features_that_are_no_squares(aqa: Callable[..., tuple[int, str, str]], workspace: Path) -> None:
    write_feature_set(workspace / "features/dives/net")
    write_feature_set(workspace / "features/dives/net-patches")
    code, _, err = aqa("finetune", "--method", "jrg", "--backbone", "net", "--protocol", "3-fold", "--epochs", 1)
    assert (code, "expected features of squares around joints (dimensions × joints), found 12 without joints that are known" in err) == (
        3,
        True,
    )
    assert "hint: aqa extract-pose VIDEOS, then aqa extract-features VIDEOS --patches" in err


def test_command__is_profiled(aqa: Callable[..., tuple[int, str, str]], workspace: Path) -> None:
    code, out, err = aqa("profile", "--method", "jrg", "--set", "settings.embedding=8")
    assert (code, "jrg" in out) == (0, True), err
