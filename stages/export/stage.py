"""Write models or encoders as ONNX and safetensors files, with an example, how inputs are prepared, and a card."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.artifacts import store
from stages.artifacts.fingerprint import combine
from stages.encoders.spec import PretrainedEncoder
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError, some
from stages.evaluate.write import METRICS, PREDICTIONS
from stages.export import card, graph, onnx_file, preparation, safetensors_file, subjects
from stages.export.config import ONNX, SAFETENSORS, ExportConfig
from stages.export.subjects import Member, Subject
from stages.finetune.model import Model, reference_arrays
from stages.version import __version__

_ENDINGS = {ONNX: ".onnx", SAFETENSORS: ".safetensors", "example": ".npz"}


@dataclass(frozen=True)
class Outcome:
    """What was written.

    Attributes:
        name: of the experiment, the encoder or the file.
        folder: where.
        digests: file → its SHA-256; of a dry run nothing is known but the names.
        differences: member → the largest difference between its graph and torch, in the units of its outputs.
        batches: member → how many clips its graph takes at once.
    """

    name: str
    folder: Path
    digests: Mapping[str, str]
    differences: Mapping[str, float]
    batches: Mapping[str, str | int]

    def to_json(self) -> dict[str, Any]:
        """Return what ``aqa export --json`` prints."""
        return {
            "name": self.name,
            "folder": str(self.folder),
            "files": dict(self.digests),
            "differences": dict(self.differences),
            "clips_at_once": {name: "any number" if batch == "N" else batch for name, batch in self.batches.items()},
        }


def run(
    config: ExportConfig, options: RunOptions, *, name: str | None = None, member: str | None = None, output: Path | None = None
) -> Outcome:
    """Export an experiment's models, one of them, or an encoder.

    Args:
        config: what is written.
        options: where and how to run.
        name: an experiment or an encoder of the workspace, its folder or file; None takes the only one.
        member: ``<fold>/<seed>`` of the one model that is wanted; None takes all.
        output: the folder to write, instead of the workspace's.

    Raises:
        UsageError: there is nothing of that name, files exist already, or the method cannot be exported.
        ArtifactError: a file is missing or damaged.
        MissingDependencyError: onnxruntime is not installed.
    """
    subject = subjects.find(name, options).only(member)
    folder = output or options.workspace.exports / subject.name
    files = _files(subject, config)
    stale = _stale(folder, files, overwrite=options.overwrite)
    if options.dry_run:
        return Outcome(subject.name, folder, dict.fromkeys(files, ""), {}, {})
    digests: dict[str, str] = {}
    members, found = [], {}
    with options.progress.task(f"exporting {subject.name}", len(subject.members)) as task:
        for each in subject.members:
            exported = onnx_file.export(_graph(each, config), _method(each)) if config.format != SAFETENSORS else None
            said = _said(subject, each, config, exported)
            for file, content in _contents(subject, each, config, exported, said):
                digests[file] = _write(folder / file, content)
            members.append(said)
            if exported is not None:
                found[each.id] = exported
            task.advance(1)
    document = {"name": subject.name, "created_by": f"aqa-toolkit {__version__}", "members": members}
    digests[card.PREPARATION] = _write(folder / card.PREPARATION, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())
    evaluation, unmeasured = _evaluation(subject, options)
    told = card.Told(members, evaluation, unmeasured, dict(digests), onnx=bool(found))
    digests[card.CARD] = _write(folder / card.CARD, card.write(subject, told).encode())
    for path in stale:
        path.unlink()
    return Outcome(
        subject.name,
        folder,
        digests,
        {key: each.difference for key, each in found.items()},
        {key: each.batch for key, each in found.items()},
    )


def _files(subject: Subject, config: ExportConfig) -> list[str]:
    """Return the names of all files that an export writes."""
    kinds = [kind for kind in _ENDINGS if config.format in (kind, "both") or (kind == "example" and config.format == ONNX)]
    own = [f"{subject.file(member)}{_ENDINGS[kind]}" for member in subject.members for kind in kinds]
    return [*own, card.PREPARATION, card.CARD]


def _stale(folder: Path, files: Iterable[str], *, overwrite: bool) -> list[Path]:
    """Return the files of an earlier export that this one does not write again.

    Raises:
        UsageError: there are files that would be replaced, and nobody said that they may be.
    """
    there = [file for file in files if (folder / file).exists()]
    if there and not overwrite:
        raise UsageError(f"{folder} holds an export already: {some(there)}.", hint="--overwrite, or another folder with -o")
    try:
        earlier = json.loads((folder / card.PREPARATION).read_text(encoding="utf-8"))
        named = [str(name) for member in earlier["members"] for name in member["files"].values()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    inside = folder.resolve()
    old = [folder / name for name in named if name not in set(files) and Path(name).suffix in _ENDINGS.values()]
    return [path for path in old if path.is_file() and path.resolve().is_relative_to(inside)]


def _graph(member: Member, config: ExportConfig) -> graph.Graph:
    return graph.of_model(member.what, config.frames) if isinstance(member.what, Model) else graph.of_encoder(member.what)


def _method(member: Member) -> str:
    return str(member.documents["method"]["name"]) if isinstance(member.what, Model) else f"the encoder {member.what.spec.name}"


def _said(subject: Subject, member: Member, config: ExportConfig, exported: onnx_file.Exported | None) -> dict[str, Any]:
    """Return what ``preparation.json`` says of a member."""
    kinds = [kind for kind in _ENDINGS if kind != SAFETENSORS] if exported is not None else []
    kinds += [SAFETENSORS] if config.format != ONNX else []
    data = member.documents.get("data", {})
    groups = {"groups": list(member.what.target.groups)} if isinstance(member.what, Model) else {}
    return {
        "id": member.id,
        "fold": data.get("fold"),
        "seed": data.get("seed"),
        "fingerprint": member.fingerprint,
        **groups,
        "files": {kind: f"{subject.file(member)}{_ENDINGS[kind]}" for kind in kinds},
        **preparation.of_member(member, exported),
    }


def _contents(
    subject: Subject, member: Member, config: ExportConfig, exported: onnx_file.Exported | None, said: Mapping[str, Any]
) -> Iterable[tuple[str, bytes]]:
    """Yield the name and the content of each of a member's files."""
    texts = {
        "aqa.name": subject.name,
        "aqa.member": member.id,
        "aqa.fingerprint": member.fingerprint,
        "aqa.created_by": f"aqa-toolkit {__version__}",
        "aqa.preparation": json.dumps(said, ensure_ascii=False, sort_keys=True),
    }
    name = subject.file(member)
    if exported is not None:
        yield f"{name}{_ENDINGS[ONNX]}", onnx_file.with_metadata(exported.content, texts)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **exported.example)  # type: ignore[arg-type]  # its stub takes a flag by keyword
        yield f"{name}{_ENDINGS['example']}", buffer.getvalue()
    if config.format != ONNX:
        texts |= {"format": "pt", **_network(member)}
        yield f"{name}{_ENDINGS[SAFETENSORS]}", safetensors_file.encode(_numbers(member), texts)


def _network(member: Member) -> dict[str, str]:
    """Return what a network is built again from, without the names of clips."""
    said = {key: member.documents[key] for key in ("method", "encoder") if key in member.documents}
    if "method" in said:
        said["method"] = {key: value for key, value in said["method"].items() if key != "reference"}
    return {f"aqa.{key}": json.dumps(value, ensure_ascii=False, sort_keys=True) for key, value in said.items()}


def _numbers(member: Member) -> dict[str, Array]:
    """Return everything that a model or an encoder has learned, by the names that torch gives it, or its estimator."""
    what = member.what
    if isinstance(what, PretrainedEncoder):
        return {name: np.asarray(values) for name, values in what.weights.items()}
    if not hasattr(what.method, "state_dict"):
        return {name: np.asarray(values) for name, values in what.method.arrays().items()}
    found = {name: values.numpy() for name, values in what.method.state_dict().items()}
    return found | reference_arrays(what.reference)


def _write(path: Path, content: bytes) -> str:
    with store.replacing_path(path) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _evaluation(subject: Subject, options: RunOptions) -> tuple[Mapping[str, Any] | None, str]:
    """Return the evaluation of these very models, or why there is none."""
    folder = options.workspace.evaluations / subject.name
    if subject.is_encoder or not (folder / METRICS).is_file():
        return None, "there is no evaluation of it"
    if not subject.whole:
        return None, "the evaluation of its experiment is of all its models together"
    try:
        lineage = store.read_document(folder / PREDICTIONS, "provenance")["inputs"]
        own = combine([(member.id, member.fingerprint) for member in subject.members])
        if own not in [entry.get("fingerprint") for entry in lineage]:
            return None, "the evaluation of that name is of other models"
        return json.loads((folder / METRICS).read_text(encoding="utf-8")), ""
    except (ArtifactError, OSError, ValueError, KeyError, TypeError):
        return None, "the evaluation of that name cannot be read"
