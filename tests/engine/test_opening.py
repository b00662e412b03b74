"""Clips with the artifacts that methods take: where they are found, what is read, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from stages.artifacts import store
from stages.artifacts.collection import merge_folder
from stages.engine.inputs import FeatureInput, Inputs, to_clips
from stages.engine.opening import Places, backbone_of, open_clips
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import layout_named
from stages.workspace import Workspace
from tests.small import write_pose_set

ANY = {"features": None}


def _write(path, shape=(2, 3, 4), value: float = 1.0, views=("original", "flip"), **clip: object) -> None:
    documents = {
        "clip": clip,
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
    clips = open_clips(None, ANY, options)
    assert (clips.name, backbone_of(clips.collections["features"]), clips.absent()) == ("dives", "i3d", {"features": ["c"]})
    assert clips.usable(clips.manifest).clips == ["a", "b"]
    first, second = clips.load(["a", "b"])
    features = first.features()
    assert (features.values.dtype, features.values.shape, features.views) == (np.float32, (2, 3, 4), ("original", "flip"))
    assert (second.row.number("score"), float(second.features().view("flip").max())) == (20, 2.0)
    assert clips.fingerprint(["a"]) != clips.fingerprint(["b"])
    assert [entry["count"] for entry in clips.lineage(["a", "b"])] == [2]
    with pytest.raises(ArtifactError, match=r"a has no view 'still'; it has original, flip[\s\S]*--views original,flip,still"):
        features.view("still")


def test_a_set__is_found_by_any_spelling(options) -> None:
    write_pose_set(options.workspace.poses / "aqa-7")
    assert open_clips("AQA7", {"poses": None}, options).name == "aqa-7"
    assert open_clips("Dives", ANY, options).name == "dives"


def test_several_sets__are_listed_and_chosen_by_name(options) -> None:
    _write(options.workspace.features / "dives/c3d/a.h5")
    with pytest.raises(UsageError, match=r"Several feature sets are possible: dives/c3d, dives/i3d"):
        open_clips(None, ANY, options)
    assert backbone_of(open_clips("dives", {"features": "c3d"}, options).collections["features"]) == "c3d"
    with pytest.raises(UsageError, match=r"There are no features of 'vaults' by 'i3d' in .* \(there: dives/c3d, dives/i3d\)"):
        open_clips("vaults", {"features": "i3d"}, options)


def test_nothing__says_what_makes_features(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"There is no feature set in the workspace[\s\S]*aqa extract-features VIDEOS"):
        open_clips(None, ANY, RunOptions(workspace=Workspace(tmp_path)))
    (tmp_path / "features/a/b").mkdir(parents=True)
    with pytest.raises(ArtifactError, match="holds no artifacts of features"):
        open_clips(None, ANY, RunOptions(workspace=Workspace(tmp_path)))


def test_merged_file__reads_alike(options) -> None:
    folder = options.workspace.features / "dives/i3d"
    alone = open_clips(None, ANY, options)
    merge_folder(folder, folder.with_name("i3d-merged.h5"))
    merged = open_clips("dives", {"features": "i3d-merged"}, options)
    assert merged.fingerprint(["a", "b"]) == alone.fingerprint(["a", "b"])
    assert (merged.load(["a"])[0].features().values == alone.load(["a"])[0].features().values).all()
    assert open_clips(None, ANY, options, Places(features=folder)).name == "i3d"


def test_other_dimensions__are_refused(options) -> None:
    _write(options.workspace.features / "dives/i3d/b.h5", shape=(1, 3, 5))
    with pytest.raises(ArtifactError, match="different dimensions: a has 4, b has 5"):
        open_clips(None, ANY, options).load(["a", "b"])


def test_poses_and_features__belong_to_one_set(options) -> None:
    write_pose_set(options.workspace.poses / "arms")
    clip = open_clips("arms", {"poses": None}, options).manifest.clips[0]
    _write(options.workspace.features / f"arms/i3d/{clip}.h5")
    both = open_clips("arms", {"poses": None, "features": "i3d"}, options)
    assert both.usable(both.manifest).clips == [clip]
    [record] = both.load([clip])
    assert record.poses.frames > 0
    assert record.features().values.shape == (2, 3, 4)
    assert [entry["role"] for entry in both.lineage([clip])] == ["poses", "features"]
    assert both.fingerprint([clip]) != open_clips("arms", {"poses": None}, options).fingerprint([clip])
    clips = to_clips([record], Inputs(PoseInput(frames=8), {"features": FeatureInput(segments=3)}))
    assert (clips.poses.shape[2], clips.features["features"].values.shape) == (8, (1, 1, 3, 4))


def test_two_kinds_of_features__are_never_the_same_unasked(options) -> None:
    with pytest.raises(UsageError) as caught:
        open_clips("dives", {"features": None, "static": None}, options)
    assert str(caught.value) == (
        "The method takes two kinds of features, features and static, and i3d was found for both.\n"
        "  hint: --backbone NAME --set settings.static.backbone=NAME"
    )
    assert set(open_clips("dives", {"features": "i3d", "static": "i3d"}, options).collections) == {"features", "static"}
    _write(options.workspace.features / "dives/frames/a.h5")
    with pytest.raises(UsageError, match=r"hint: choose one with --dataset and --set settings\.static\.backbone"):
        open_clips("dives", {"features": "i3d", "static": None}, options)


@pytest.mark.parametrize(("frames", "fps", "fits"), [(250, 25.0, True), (49, 5.0, True), (103, 25.0, False)])
def test_two_kinds_of_features__must_be_of_one_video(options, frames: int, fps: float, fits: bool) -> None:
    root = options.workspace.features
    _write(root / "dives/i3d/a.h5", frames=300, fps=30.0)
    _write(root / "dives/frames/a.h5", value=3, frames=frames, fps=fps)
    clips = open_clips("dives", {"features": "i3d", "static": "frames"}, options)
    if fits:
        assert [record.features(role).seconds for role in ("features", "static") for record in clips.load(["a"])] == [10, frames / fps]
        return
    with pytest.raises(ArtifactError) as caught:
        clips.load(["a"])
    assert str(caught.value) == (
        "The features of a were made of videos of different length: features of 10.0 s and static of 4.1 s.\n"
        "  hint: extract all kinds from the same videos: aqa extract-features"
    )


def test_manifests_that_contradict__are_refused(options) -> None:
    write_pose_set(options.workspace.poses / "arms")
    clip = open_clips("arms", {"poses": None}, options).manifest.clips[0]
    _write(options.workspace.features / f"arms/i3d/{clip}.h5")
    (options.workspace.features / "arms/i3d/manifest.csv").write_text(f"clip,score\n{clip},-77\n")
    with pytest.raises(UsageError, match=r"manifests beside the poses and the features differ: of .*, in score[\s\S]*--manifest FILE"):
        open_clips("arms", {"poses": None, "features": None}, options)
    other = options.workspace.root / "own.csv"
    other.write_text(f"clip,score\n{clip},5\n")
    chosen = open_clips("arms", {"poses": None, "features": None}, options, Places(manifest=other))
    assert chosen.manifest.by_clip()[clip].number("score") == 5


def test_segments__are_padded_with_a_mask_or_thinned(options) -> None:
    _write(options.workspace.features / "dives/i3d/b.h5", shape=(2, 5, 4), value=2)
    records = open_clips(None, ANY, options).load(["a", "b"])
    four = to_clips(records, Inputs(features={"features": FeatureInput(segments=4, views=("original", "flip"))})).features["features"]
    assert four.values.shape == (2, 2, 4, 4)
    assert four.mask.tolist() == [[True, True, True, False], [True] * 4]
    assert four.values[0, :, 3].abs().max() == 0
    assert four.mean().tolist() == [[1.0] * 4, [2.0] * 4]


def test_squares__know_the_skeleton_of_their_joints(options) -> None:
    joints = list(layout_named("coco-17").joints)
    folder = options.workspace.features / "dives/net-patches"
    _write(folder / "a.h5", shape=(1, 3, 2, 17), views=("original",), joints=joints)
    _write(folder / "b.h5", shape=(1, 3, 2, 17), views=("original",), joints=joints[::-1])
    _write(folder / "c.h5", shape=(1, 3, 2, 17), views=("original",))
    found = open_clips("dives", {"patches": "net-patches"}, options).load(["a", "b", "c"])
    assert [record.features("patches").skeleton for record in found] == ["coco-17", "", ""]
    _write(options.workspace.features / "dives/maps/a.h5", shape=(1, 3, 17, 4, 4), views=("original",), joints=joints)
    [record] = open_clips("dives", {"maps": "maps"}, options).load(["a"])
    assert record.features("maps").skeleton == "", "joints that are no last dimension are no squares"
    message = r"There are no features of 'dives' by 'i3d-patches'[\s\S]*hint: aqa extract-features VIDEOS --backbone i3d --patches"
    with pytest.raises(UsageError, match=message):
        open_clips("dives", {"patches": "i3d-patches"}, options)
