"""Feature sets as methods read them."""

from __future__ import annotations

import numpy as np
import pytest

from stages.artifacts import store
from stages.artifacts.collection import merge_folder
from stages.engine.feature_records import open_features
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError
from stages.workspace import Workspace


def _write(path, shape=(2, 3, 4), value: float = 1.0, views=("original", "flip")) -> None:
    documents = {
        "clip": {},
        "sampling": {"views": [{"name": name, "frames": None} for name in views]},
        "config": {},
        "provenance": {"stage": "import-features"},
    }
    header = store.Header("features", "import-features", 1, f"{int(value):064d}")
    store.write(path, store.Artifact(header, {"features": np.full(shape, value, np.float16)}, documents))


@pytest.fixture
def options(tmp_path):
    workspace = Workspace(tmp_path / "workspace")
    _write(workspace.features / "dives/i3d/a.h5", value=1)
    _write(workspace.features / "dives/i3d/b.h5", value=2)
    (workspace.features / "dives/i3d/manifest.csv").write_text("clip,score\na,10\nb,20\nc,30\n")
    return RunOptions(workspace=workspace)


def test_the_only_set__is_taken_with_its_manifest(options) -> None:
    features = open_features(None, None, options)
    assert (features.name, features.without_features()) == ("dives/i3d", ["c"])
    first, second = features.load(["a", "b"])
    assert (first.features.dtype, first.features.shape, first.views) == (np.float32, (2, 3, 4), ("original", "flip"))
    assert (second.row.number("score"), float(second.view("flip").max())) == (20, 2.0)
    assert features.fingerprint(["a"]) != features.fingerprint(["b"])
    assert features.lineage(["a", "b"])["count"] == 2
    with pytest.raises(ArtifactError, match=r"a has no view 'still'; it has original, flip[\s\S]*--views original,flip,still"):
        first.view("still")


def test_several_sets__are_listed_and_chosen_by_name(options) -> None:
    _write(options.workspace.features / "dives/c3d/a.h5")
    with pytest.raises(UsageError, match=r"Several feature sets are possible: dives/c3d, dives/i3d"):
        open_features(None, None, options)
    assert open_features("dives", "c3d", options).name == "dives/c3d"
    with pytest.raises(UsageError, match=r"There are no features of 'vaults' by 'i3d' in .* \(there: dives/c3d, dives/i3d\)"):
        open_features("vaults", "i3d", options)


def test_nothing__says_what_makes_features(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"There is no feature set in the workspace[\s\S]*aqa extract-features VIDEOS"):
        open_features(None, None, RunOptions(workspace=Workspace(tmp_path)))
    (tmp_path / "features/a/b").mkdir(parents=True)
    with pytest.raises(ArtifactError, match="holds no feature artifacts"):
        open_features(None, None, RunOptions(workspace=Workspace(tmp_path)))


def test_merged_file__reads_alike(options) -> None:
    folder = options.workspace.features / "dives/i3d"
    alone = open_features(None, None, options)
    merge_folder(folder, folder.with_name("i3d-merged.h5"))
    merged = open_features("dives", "i3d-merged", options)
    assert merged.fingerprint(["a", "b"]) == alone.fingerprint(["a", "b"])
    assert (merged.load(["a"])[0].features == alone.load(["a"])[0].features).all()
    assert open_features(None, None, options, features=folder).name == "i3d"


def test_other_dimensions__are_refused(options) -> None:
    _write(options.workspace.features / "dives/i3d/b.h5", shape=(1, 3, 5))
    with pytest.raises(ArtifactError, match="different dimensions: a has 4, b has 5"):
        open_features(None, None, options).load(["a", "b"])
