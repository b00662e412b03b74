"""The list of pose estimators, and the one place that builds one from its name.

A name is an alias of :data:`ESTIMATORS`, a config of mmpose (a name of its index or a ``.py`` file, which is a Python program and is run),
or an exported network (``.onnx``).
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeGuard

from stages import weights
from stages.engine.device import choose
from stages.engine.progress import Progress
from stages.errors import UsageError, nearest
from stages.extract_pose.estimators.contract import Estimator
from stages.skeletons.layouts import LAYOUTS

Kind = Literal["top-down", "one-stage"]
Precision = Literal["fp32", "bf16"]
_PACKAGED = "packaged:"


@dataclass(frozen=True)
class Entry:
    """One estimator of the list.

    Attributes:
        summary: what it is, in one line.
        kind: whether it finds joints in given boxes, or people and joints in whole frames.
        reference: the paper, or "" where there is none.
        config: a name of mmpose's index, which leads to its weights too; or ``packaged:MODULE``, a module of this package with a
            function ``config()`` that returns an mmpose config and ``WEIGHTS``, the path of its weights.
        layout: the name of its joint layout.
    """

    summary: str
    kind: Kind
    reference: str
    config: str
    layout: str = "coco-17"


_RTMO, _HRNET, _RTMPOSE = "Lu et al., CVPR 2024", "Sun et al., CVPR 2019", "Jiang et al., arXiv:2303.07399"
ESTIMATORS: Mapping[str, Entry] = {
    "rtmo-s": Entry("RTMO small, 640 px, seven data sets", "one-stage", _RTMO, "rtmo-s_8xb32-600e_body7-640x640"),
    "rtmo-m": Entry("RTMO medium, 640 px, seven data sets", "one-stage", _RTMO, "rtmo-m_16xb16-600e_body7-640x640"),
    "rtmo-l": Entry("RTMO large, 640 px, seven data sets", "one-stage", _RTMO, "rtmo-l_16xb16-600e_body7-640x640"),
    "hrnet-w32": Entry("HRNet-W32, 256 × 192, COCO", "top-down", _HRNET, "td-hm_hrnet-w32_8xb64-210e_coco-256x192"),
    "hrnet-w48": Entry("HRNet-W48, 256 × 192, COCO", "top-down", _HRNET, "td-hm_hrnet-w48_8xb32-210e_coco-256x192"),
    "rtmpose-t": Entry("RTMPose tiny, 256 × 192, eight data sets", "top-down", _RTMPOSE, "rtmpose-t_8xb256-420e_body8-256x192"),
    "rtmpose-s": Entry("RTMPose small, 256 × 192, eight data sets", "top-down", _RTMPOSE, "rtmpose-s_8xb256-420e_body8-256x192"),
    "rtmpose-m": Entry("RTMPose medium, 256 × 192, eight data sets", "top-down", _RTMPOSE, "rtmpose-m_8xb256-420e_body8-256x192"),
    "rtmpose-l": Entry("RTMPose large, 256 × 192, eight data sets", "top-down", _RTMPOSE, "rtmpose-l_8xb256-420e_body8-256x192"),
    "tiny": Entry("ResNet-18 of few channels, 128 × 96, rendered people only: for the demo and for tests", "top-down", "", "packaged:tiny"),
}


def build(
    name: str,
    *,
    checkpoint: str | None = None,
    weights_dir: Path | None = None,
    device: str = "auto",
    precision: Precision = "fp32",
    flip_test: bool = False,
    progress: Progress,
) -> Estimator:
    """Return the estimator called ``name``, with its weights, ready to run.

    Args:
        name: see the module.
        checkpoint: a file of weights, in the place of those that the name stands for.
        weights_dir: where published weights lie or are put; see :func:`stages.weights.locate`.
        device: ``auto``, ``cpu``, ``cuda[:i]`` or ``mps``.
        precision: ``bf16`` runs all but the head in bfloat16.
        flip_test: average with the outputs for the mirrored crop (top-down networks only).
        progress: where a download is reported.

    Raises:
        UsageError: no such name, or options that do not go together.
        ArtifactError: the config or the weights are damaged or do not belong together.
        MissingDependencyError: a package or the weights are missing.
    """
    _check(name, checkpoint, precision, flip_test=flip_test)
    where = choose(device)
    if _is_exported(name):
        from stages.extract_pose.estimators import onnx

        graph = onnx.load(Path(name), where)
        if graph.kind == "RTMO":
            _no_flip(name, flip_test=flip_test)
            return onnx.OnnxRTMO(graph)
        return onnx.OnnxTopDown(graph, flip=flip_test)
    from stages import openmmlab
    from stages.extract_pose.estimators.mmpose_rtmo import MMPoseRTMO
    from stages.extract_pose.estimators.mmpose_topdown import MMPoseTopDown

    config = _config(name)
    one_stage = str(config.model.get("type", "")).endswith("BottomupPoseEstimator")
    if one_stage:
        _no_flip(name, flip_test=flip_test)
    file = _weights(name, checkpoint, weights_dir, progress)
    network = openmmlab.build_pose(config)
    weights.load_into(network, weights.read_state(file), str(file))
    layout = LAYOUTS[ESTIMATORS[name].layout] if name in ESTIMATORS else None
    if one_stage:
        return MMPoseRTMO(network, config, device=where, precision=precision, layout=layout)
    return MMPoseTopDown(network, config, device=where, precision=precision, flip=flip_test, layout=layout)


def fingerprint_of(
    name: str,
    *,
    checkpoint: str | None = None,
    weights_dir: Path | None = None,
    precision: Precision = "fp32",
    flip_test: bool = False,
    progress: Progress,
) -> dict[str, Any]:
    """Return what decides the results of an estimator: its config, the hash of its weights, precision and flip test.

    Takes what :func:`build` takes, and raises what it raises about names and weights; weights that are not here yet are downloaded.
    """
    _check(name, checkpoint, precision, flip_test=flip_test)
    file = Path(name) if _is_exported(name) else _weights(name, checkpoint, weights_dir, progress)
    if _is_exported(name) and not file.is_file():
        raise UsageError(f"The network {file} does not exist.")
    return {
        "config": "onnx" if _is_exported(name) else _digest(_config(name)),
        "weights": weights.sha256(file),
        "precision": precision,
        "flip_test": flip_test,
    }


def _check(name: str, checkpoint: str | None, precision: str, *, flip_test: bool) -> None:
    if _is_exported(name):
        if checkpoint is not None:
            raise UsageError(f"{name} holds its own weights, found --checkpoint {checkpoint} beside it.", hint="leave out --checkpoint")
        if precision != "fp32":
            raise UsageError(f"{name} has the precision it was exported with, found --precision {precision}.", hint="leave out --precision")
    elif name in ESTIMATORS:
        if ESTIMATORS[name].kind == "one-stage":
            _no_flip(name, flip_test=flip_test)
    elif Path(name).suffix == ".py" and not Path(name).is_file() and "/" in name:
        raise UsageError(f"The config {name} does not exist.")


def _no_flip(name: str, *, flip_test: bool) -> None:
    if flip_test:
        raise UsageError(f"{name} finds people in whole frames and has no flip test.", hint="leave out --flip-test, or choose hrnet-w32")


def _is_exported(name: str) -> bool:
    return name.endswith(".onnx")


def _config(name: str) -> Any:
    from stages import openmmlab

    entry = ESTIMATORS.get(name)
    if _is_packaged(entry):
        openmmlab.prepare()
        return _module(entry).config()
    try:
        return openmmlab.pose_config(entry.config if entry else name)
    except UsageError:
        guess = nearest(name, ESTIMATORS)
        question = f" Did you mean '{guess}'?" if guess else ""
        raise UsageError(
            f"Unknown estimator '{name}'.{question}",
            hint=f"known: {', '.join(ESTIMATORS)}; or a file.onnx, a config.py with --checkpoint, or a name of mmpose's index",
        ) from None


def _weights(name: str, checkpoint: str | None, weights_dir: Path | None, progress: Progress) -> Path:
    from stages import openmmlab

    entry = ESTIMATORS.get(name)
    if checkpoint is not None:
        return weights.locate(checkpoint, None, weights_dir, progress)
    if _is_packaged(entry):
        return Path(_module(entry).WEIGHTS)
    address = "" if entry is None and Path(name).is_file() else openmmlab.published("mmpose", entry.config if entry else name).weights
    if not address:
        raise UsageError(f"No weights were published for '{name}'.", hint="give them with --checkpoint FILE")
    return weights.locate(name, address, weights_dir, progress)


def _is_packaged(entry: Entry | None) -> TypeGuard[Entry]:
    return entry is not None and entry.config.startswith(_PACKAGED)


def _module(entry: Entry) -> Any:
    return importlib.import_module(f"{__package__}.{entry.config.removeprefix(_PACKAGED)}")


def _digest(config: Any) -> str:
    """Return the SHA-256 of what a config says about running the network: itself, its normalisation, and its test pipeline."""
    model = {key: value for key, value in config.model.to_dict().items() if key not in ("train_cfg", "init_cfg")}
    content = {"model": model, "pipeline": [dict(step) for step in config.test_dataloader.dataset.pipeline]}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
