"""What is exported: the models of an experiment, one of them, or a pretrained encoder, by name or by file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stages.artifacts import store
from stages.encoders.spec import PretrainedEncoder
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError, unknown_name
from stages.finetune.index import INDEX
from stages.finetune.model import Model
from stages.score import ensemble
from stages.workspace import only_one

ALONE = "model"
"""What the files of a single model are called."""


@dataclass(frozen=True)
class Member:
    """One model or encoder.

    Attributes:
        id: ``<fold>/<seed>`` of a model of an experiment; the fold of an encoder; else the file's name.
        what: the model or the encoder.
        documents: what its artifact says of itself.
        fingerprint: of its artifact.
    """

    id: str
    what: Model | PretrainedEncoder
    documents: dict[str, Any]
    fingerprint: str


@dataclass(frozen=True)
class Subject:
    """What is exported.

    Attributes:
        name: of the experiment, the encoder or the file.
        members: its models, or encoders.
        whole: whether these are all that there are of that name.
    """

    name: str
    members: tuple[Member, ...]
    whole: bool = True

    @property
    def is_encoder(self) -> bool:
        """Whether encoders are exported, not models."""
        return isinstance(self.members[0].what, PretrainedEncoder)

    def only(self, member: str | None) -> Subject:
        """Return the subject with a single member; None leaves it as it is.

        Raises:
            UsageError: there is no such member.
        """
        if member is None:
            return self
        found = tuple(each for each in self.members if each.id == member)
        if not found:
            raise unknown_name(f"member of '{self.name}'", member, [each.id for each in self.members])
        return replace(self, members=found, whole=len(self.members) == 1)

    def file(self, member: Member) -> str:
        """Return what the files of a member are called, without their endings."""
        return ALONE if len(self.members) == 1 else member.id


def find(name: str | None, options: RunOptions) -> Subject:
    """Open what a user names.

    Args:
        name: an experiment or an encoder of the workspace, its folder or file; None takes the only one.
        options: the workspace.

    Raises:
        UsageError: there is none of that name, or there are several.
        ArtifactError: a file is missing, damaged, or neither a model nor an encoder.
    """
    workspace = options.workspace
    experiments, encoders = workspace.experiments(), _encoders(workspace.encoders)
    if name is None:
        name = only_one("model or encoder", sorted({*experiments, *encoders}), "its name: aqa export NAME", "aqa finetune, or aqa pretrain")
    if name in experiments and name in encoders:
        raise UsageError(f"'{name}' is an experiment and an encoder.", hint=f"name the one: {workspace.models / name}, or {encoders[name]}")
    if name in experiments:
        return _experiment(name, workspace.models / name, options)
    path = encoders.get(name, Path(name))
    if not path.exists():
        raise unknown_name("model or encoder", name, {*experiments, *encoders})
    if path.is_dir():
        return _experiment(path.name, path, options) if (path / INDEX).is_file() else _folder(path)
    return Subject(path.stem, (_opened(path, path.stem),))


def _encoders(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    there = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    return {path.stem: path for path in there if path.is_dir() or path.suffix == ".h5"}


def _experiment(name: str, folder: Path, options: RunOptions) -> Subject:
    judges = ensemble.read(str(folder), options)
    ids = [file.relative_to(folder).with_suffix("").as_posix() for file in judges.files]
    return Subject(name, tuple(_member(each, model) for each, model in zip(ids, judges.models, strict=True)))


def _folder(folder: Path) -> Subject:
    files = sorted(folder.glob("*.h5"))
    if not files:
        raise ArtifactError(f"{folder} holds neither a list of models nor encoders.", hint="aqa export EXPERIMENT, ENCODER or FILE")
    return Subject(folder.name, tuple(_opened(file, file.stem) for file in files))


def _opened(path: Path, name: str) -> Member:
    kind = store.read_header(path).kind
    if kind == "model":
        return _member(name, Model.read(path))
    if kind != "encoder":
        raise ArtifactError(f"{path} is of kind '{kind}'; models and encoders are exported.", hint=f"aqa inspect {path}")
    artifact = store.read(path, "encoder")
    return Member(name, PretrainedEncoder.read(path), dict(artifact.documents), artifact.header.fingerprint)


def _member(name: str, model: Model) -> Member:
    return Member(name, model, dict(model.documents), model.fingerprint)


def folds_of(members: Sequence[Member]) -> list[str]:
    """Return the fold of each member: models of one fold speak as one."""
    return [str(member.documents.get("data", {}).get("fold", member.id)) for member in members]
