"""What a model carries besides its weights."""

from __future__ import annotations

import numpy as np
import pytest

from stages.artifacts import store
from stages.engine.inputs import to_clips
from stages.errors import ArtifactError
from stages.finetune.carried import PLACES, facts_of, places_of, ranges, standardisation
from stages.finetune.model import Model
from tests.small import write_feature_set, write_pose_set

NETWORK = ("--init", "none", "--epochs", "2", "--set", "settings.encoder_settings.width=8", "--set", "settings.encoder_settings.blocks=2")


def records_of(workspace, kind: str = "poses"):
    from stages.artifacts.collection import Collection
    from stages.engine.records import ClipSet

    place = workspace / ("poses/arms" if kind == "poses" else "features/arms/tiny")
    data = ClipSet("arms", {kind: Collection(place, kind)})
    return {record.clip: record for record in data.load(data.manifest.clips)}


@pytest.mark.parametrize("method", [("sme-gcn", *NETWORK), ("kinematics-ridge",)], ids=lambda method: method[0])
def test_model__keeps_what_it_says_of_clips_that_it_did_not_learn_from(aqa, workspace, method) -> None:
    write_pose_set(workspace / "poses/arms")
    tune = ("--dataset", "arms", "--method", *method, "--protocol", "3-fold", "--name", "m")
    assert aqa("finetune", *tune)[0] == 0
    records = records_of(workspace)
    for fold in range(3):
        model = Model.read(workspace / f"models/m/fold-{fold}/0.h5")
        data, carried = model.documents["data"], model.carried
        assert carried is not None
        assert (carried.of, carried.clips) == ("test", data["test"])
        held = [records[clip] for clip in carried.clips]
        np.testing.assert_allclose(carried.values, model.say(held)["value"], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(carried.truth, model.target.encode([record.row for record in held]), rtol=1e-6)
        np.testing.assert_allclose(carried.errors, np.abs(carried.values - carried.truth))
        assert sorted(carried.scores) == sorted(records[clip].row.number("score") for clip in data["train"])
        assert carried.places.shape[0] == len(data["train"])
        assert len(carried.distances) == len(held)
        assert carried.facts["poses"]["skeleton"] == ["kinect-20"]
        assert [each.group for each in carried.best] == ["high"] * sum(each.group == "high" for each in carried.best) + ["low"] * sum(
            each.group == "low" for each in carried.best
        )
        best = max(data["train"], key=lambda clip: records[clip].row.number("score"))
        assert carried.best[0].clip == best
        np.testing.assert_array_equal(carried.best[0].poses.positions, records[best].poses.positions[:1])


def test_model__of_a_single_fold_calibrates_on_its_validation_clips(aqa, workspace) -> None:
    write_pose_set(workspace / "poses/arms")
    tune = ("--dataset", "arms", "--method", "sme-gcn", *NETWORK, "--protocol", "70-30", "--name", "m")
    assert aqa("finetune", *tune)[0] == 0
    (file,) = (workspace / "models/m").glob("*/0.h5")
    carried, data = Model.read(file).carried, store.read_document(file, "data")
    assert (carried.of, carried.clips) == ("validation", data["validation"])
    assert aqa("finetune", *tune[:-2], "--select", "last", "--name", "n")[0] == 0
    (file,) = (workspace / "models/n").glob("*/0.h5")
    assert Model.read(file).carried.of == "test"


def test_model__keeps_features_of_its_best_clips(aqa, workspace) -> None:
    write_feature_set(workspace / "features/arms/tiny")
    tune = ("--dataset", "arms", "--method", "features-mlp", "--epochs", "2", "--protocol", "3-fold", "--name", "m")
    assert aqa("finetune", *tune)[0] == 0
    records, carried = records_of(workspace, "features"), Model.read(workspace / "models/m/fold-0/0.h5").carried
    best = carried.best[0]
    np.testing.assert_array_equal(best.features["features"], records[best.clip].features().values)
    assert best.poses is None
    assert carried.facts == {"features": {"segments": [2.0, 4.0]}}


def test_distance__is_that_from_the_nearest_training_clips(aqa, workspace) -> None:
    write_pose_set(workspace / "poses/arms")
    tune = ("--dataset", "arms", "--method", "sme-gcn", *NETWORK, "--protocol", "3-fold", "--select", "last", "--name", "m")
    assert aqa("finetune", *tune)[0] == 0
    model, records = Model.read(workspace / "models/m/fold-0/0.h5"), records_of(workspace)
    carried = model.carried
    own = (model.represent([records[clip] for clip in carried.clips]) - carried.mean) / carried.scale
    train = (model.represent([records[clip] for clip in model.documents["data"]["train"]]) - carried.mean) / carried.scale
    far = np.sort(np.sqrt(((own[:, None] - train[None]) ** 2).mean(axis=2)), axis=1)[:, :5].mean(axis=1)
    np.testing.assert_allclose(carried.distances, far, rtol=1e-4)
    assert to_clips(list(records.values())[:1], model.method.inputs).poses.isfinite().all()


def test_places__are_spread_over_the_scores() -> None:
    scores = np.random.default_rng(0).permutation(1000).astype(float)
    kept = scores[places_of(scores)]
    assert len(kept) == PLACES
    assert (kept.min(), kept.max()) == (0, 999)
    assert np.diff(np.sort(kept)).max() <= 5
    assert len(places_of(np.arange(7.0))) == 7


def test_standardisation__of_a_constant_is_one() -> None:
    mean, scale = standardisation(np.array([[1.0, 5.0], [3.0, 5.0]]))
    assert (mean.tolist(), scale.tolist()) == ([2.0, 5.0], [1.0, 1.0])


def test_ranges__of_numbers_and_names(workspace) -> None:
    write_pose_set(workspace / "poses/arms")
    records = list(records_of(workspace).values())
    found = ranges([facts_of(record) for record in records])["poses"]
    assert found["skeleton"] == ["kinect-20"]
    assert found["seconds"] == pytest.approx([23 / 30, 31 / 30])
    assert found["fps"] == pytest.approx([30, 30])
    assert found["unseen"] == [0.0, 0.0]


@pytest.mark.parametrize("change", [{"held_out": {}}, {"best": [{"clip": "a", "group": "all", "skeleton": {"layout": "octopus"}}]}])
def test_model__whose_carried_clips_do_not_fit_is_damaged(aqa, workspace, change) -> None:
    write_pose_set(workspace / "poses/arms")
    assert aqa("finetune", "--dataset", "arms", "--method", "kinematics-ridge", "--protocol", "3-fold", "--name", "m")[0] == 0
    file = workspace / "models/m/fold-0/0.h5"
    artifact = store.read(file, "model")
    carried = {**artifact.documents["carried"], **change}
    store.write(file, store.Artifact(artifact.header, artifact.arrays, {**artifact.documents, "carried": carried}))
    with pytest.raises(ArtifactError, match="what the model carries of its clips does not fit together"):
        Model.read(file)
