"""What a model needs to know of a new video, made as its training clips' was: by the stages and settings that its lineage names.

Everything lies in the workspace under ``scored/<stage>-<digest of the settings>/``, so that a video is looked at once, whatever model
asks, and clips are told apart by the content of their videos.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages.artifacts import store
from stages.artifacts.fingerprint import of_value
from stages.configuration import differing_keys
from stages.datasets import manifest as manifests
from stages.datasets.manifest import Manifest
from stages.engine.options import RunOptions
from stages.engine.plan import Summary
from stages.errors import ArtifactError, UsageError
from stages.video.footage import Footage, Request

_DIGITS = 10
_KEPT = "scored"


@dataclass(frozen=True)
class Networks:
    """Where weights lie that a name does not find.

    Attributes:
        checkpoints: name of an estimator or backbone → its weights.
        weights_dir: where downloaded weights lie.
    """

    checkpoints: Mapping[str, str] = field(default_factory=dict)
    weights_dir: Path | None = None


@dataclass(frozen=True)
class Making:
    """What every step works on.

    Attributes:
        request: the videos.
        footage: the clips that were found in them.
        options: where and how to run.
        networks: where weights lie.
    """

    request: Request
    footage: Footage
    options: RunOptions
    networks: Networks


def recipe_of(provenance: Mapping[str, Any], role: str) -> Mapping[str, Any]:
    """Return how most training clips' artifacts of a role were made, as their lineage says.

    Raises:
        ArtifactError: a model's lineage does not say.
    """
    for entry in provenance.get("inputs", []):
        if entry.get("role") == role and entry.get("made_by"):
            return dict(max(entry["made_by"], key=lambda each: each["count"])["provenance"])
    raise ArtifactError(f"The model does not say how the {role} of its training clips were made.", hint="train it again")


def make(recipe: Mapping[str, Any], making: Making) -> tuple[Path, dict[str, str]]:
    """Make one kind of artifact of every clip; return their folder, and why some clips have none.

    Raises:
        UsageError: what training had is not made of videos.
        ArtifactError: the networks here are not those of training.
        MissingDependencyError: a package or weights are not there.
    """
    stage = str(recipe.get("stage", "nobody knows what"))
    if stage not in _STEPS:
        raise UsageError(
            f"What this model learned from was made by {stage}, not from videos, so a video does not tell it.",
            hint="aqa score --dataset NAME, for clips of the workspace that were made alike",
        )
    folder = making.options.workspace.root / _KEPT / f"{stage.removeprefix('extract-')}-{of_value(_identity(recipe))[:_DIGITS]}"
    summary, failed = _STEPS[stage](recipe, making, folder)
    _check_alike(recipe, folder, [*summary.done, *summary.skipped])
    return folder, failed | {failure.id: failure.message for failure in summary.failed}


def _identity(recipe: Mapping[str, Any]) -> list[Any]:
    """Return what decides the folder: the settings of the step and of those before it."""
    before = [_identity(recipe_of(recipe, str(entry["role"]))) for entry in recipe.get("inputs", [])]
    return [recipe["stage"], recipe.get("stage_version"), recipe["config"], recipe.get("named"), before]


def _check_alike(recipe: Mapping[str, Any], folder: Path, clips: Sequence[str]) -> None:
    """Refuse artifacts that other networks made than those of training."""
    if not clips:
        return
    made = store.read_document(folder / f"{clips[0]}.h5", "config")
    if keys := differing_keys(dict(recipe["config"]), dict(made)):
        raise ArtifactError(
            f"The networks here are not those that the model's training clips were seen by: {'; '.join(keys)}.",
            hint="--checkpoint NAME=FILE with the weights of training, or the version of the toolkit that the model was made with",
        )


def _poses(recipe: Mapping[str, Any], making: Making, folder: Path) -> tuple[Summary, dict[str, str]]:
    from stages.extract_pose import stage
    from stages.extract_pose.config import ExtractPoseConfig

    said, named = dict(recipe["config"]), recipe.get("named", {})
    if "estimator" not in named:
        raise ArtifactError(
            "The model does not say which estimator found the joints of its training clips.", hint="extract and train again"
        )
    if said.get("boxes") == "file":
        raise UsageError(
            "The joints of the training clips were found in boxes of a file, which a new video has not.", hint="--dataset NAME"
        )
    network = said.pop("estimator")
    said.pop("boxes", None)
    config = ExtractPoseConfig(
        **said,
        estimator=_place(named["estimator"], making),
        checkpoint=_checkpoint(named["estimator"], making),
        precision=network["precision"],
        flip_test=network["flip_test"],
        boxes=named.get("boxes"),
        boxes_checkpoint=_checkpoint(named["boxes"], making) if "boxes" in named else None,
    )
    execution = stage.Execution(weights_dir=making.networks.weights_dir)
    return stage.run(config, making.options, folder, request=making.request, execution=execution)[1], {}


def _features(recipe: Mapping[str, Any], making: Making, folder: Path) -> tuple[Summary, dict[str, str]]:
    from stages.extract_features import stage
    from stages.extract_features.backbones.registry import HEATMAPS
    from stages.extract_features.config import ExtractFeaturesConfig

    said = dict(recipe["config"])
    name = said.pop("backbone")["name"]
    checkpoint = _checkpoint(name, making)
    config = ExtractFeaturesConfig(**said, backbone=_place(name, making), checkpoint=checkpoint)
    before, failed = _before(recipe, making) if recipe.get("inputs") else (None, {})
    request = Request(set_name=_KEPT, where=_chosen(making, failed)) if name == HEATMAPS else making.request
    execution = stage.Execution(weights_dir=making.networks.weights_dir)
    poses = None if before is None else str(before)
    return stage.run(config, making.options, folder, request=request, poses=poses, execution=execution)[1], failed


def _kinematics(recipe: Mapping[str, Any], making: Making, folder: Path) -> tuple[Summary, dict[str, str]]:
    from stages.extract_kinematics import stage
    from stages.extract_kinematics.config import ExtractKinematicsConfig

    before, failed = _before(recipe, making)
    config = ExtractKinematicsConfig(**recipe["config"])
    return stage.run(config, making.options, folder, poses=str(before), where=_chosen(making, failed), set_name=_KEPT)[1], failed


def _maps(recipe: Mapping[str, Any], making: Making, folder: Path) -> tuple[Summary, dict[str, str]]:
    from stages.extract_maps import stage
    from stages.extract_maps.config import ExtractMapsConfig

    config = ExtractMapsConfig(**recipe["config"])
    if config.source != "poses":
        return stage.run(config, making.options, folder, request=making.request)[1], {}
    before, failed = _before(recipe, making)
    request = Request(set_name=_KEPT, where=_chosen(making, failed))
    return stage.run(config, making.options, folder, request=request, poses=str(before))[1], failed


_STEPS: Mapping[str, Callable[[Mapping[str, Any], Making, Path], tuple[Summary, dict[str, str]]]] = {
    "extract-pose": _poses,
    "extract-features": _features,
    "extract-kinematics": _kinematics,
    "extract-maps": _maps,
}


def _before(recipe: Mapping[str, Any], making: Making) -> tuple[Path, dict[str, str]]:
    """Make the poses that a step is made of."""
    return make(recipe_of(recipe, "poses"), making)


def _chosen(making: Making, failed: Mapping[str, str]) -> list[str]:
    """Return the condition that selects the clips of this run that have poses: the folder holds those of earlier runs, too."""
    return ["clip=" + ",".join(clip for clip in making.footage.found.sources if clip not in failed)]


def _checkpoint(name: str, making: Making) -> str | None:
    given = making.networks.checkpoints.get(name)
    return None if given is None or given.endswith(".onnx") else given


def _place(name: str, making: Making) -> str:
    """Return the name of a network, or where the file lies that is one (``net.onnx``, ``config.py``)."""
    given = making.networks.checkpoints.get(name)
    if Path(name).suffix == ".onnx" and given is None:
        raise UsageError(f"The joints of the training clips were found by {name}.", hint=f"--checkpoint {name}=FILE says where it lies")
    return given if given is not None and given.endswith(".onnx") else name


def rows_of(footage: Footage, known: Mapping[str, Any]) -> Manifest:
    """Return what is known of every clip: the manifest's row, and what was said of all."""
    return manifests.from_rows([(row.clip, {**row.values, **known}) for row in footage.labels.rows], _KEPT)
