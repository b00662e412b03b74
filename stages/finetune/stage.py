"""Train the models of one experiment: protocol × fold × seed, each an item that can be skipped, sharded and resumed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stages.artifacts import store, tree
from stages.artifacts.fingerprint import of_value
from stages.artifacts.provenance import provenance
from stages.artifacts.store import Artifact, Header
from stages.configuration import Layer, resolve
from stages.datasets import protocols, splits
from stages.datasets.manifest import Manifest
from stages.datasets.splits import Fold
from stages.encoders.spec import EncoderSpec, PretrainedEncoder, spec_for
from stages.engine import device as devices
from stages.engine import loop, plan
from stages.engine.batch import Batch, Clips
from stages.engine.checkpoint import Checkpoint
from stages.engine.method import Assessor, Context, Estimator
from stages.engine.options import RunOptions
from stages.engine.records import Record, open_poses, to_clips
from stages.engine.seeding import seed_of
from stages.engine.targets import Target, with_target
from stages.errors import ArtifactError, UsageError
from stages.finetune.config import STAGE, VERSION, FinetuneConfig
from stages.finetune.methods.registry import method_class
from stages.finetune.model import choose_reference, predict_clips, reference_arrays

INDEX = "index.json"


@dataclass(frozen=True)
class Part:
    """One model to train."""

    fold: Fold
    seed: int
    output: Path

    @property
    def id(self) -> str:
        """``<fold>/<seed>``."""
        return f"{self.fold.name}/{self.seed}"


def run(
    config: FinetuneConfig,
    options: RunOptions,
    *,
    name: str | None = None,
    init: str | None = None,
    poses: Path | None = None,
    manifest: Path | None = None,
) -> tuple[Path, plan.Summary]:
    """Train every model of the experiment that is not there yet; return its folder and what was done.

    Args:
        config: the experiment.
        options: where and how to run.
        name: of the experiment; ``<data set>-<method>`` by default.
        init: an encoder's name or path; ``none`` for fresh weights; by default the only compatible one in the workspace.
        poses: a folder or merged file of pose artifacts; by default the workspace's set of the data set's name.
        manifest: a manifest to use instead of the one beside the poses.
    """
    experiment = _Experiment(config, options, name, init, poses, manifest)
    items = [experiment.item(part) for part in experiment.parts]
    by_id = dict(zip((item.id for item in items), experiment.parts, strict=True))
    summary = plan.run(items, lambda item: experiment.train(by_id[item.id], item), options, log=experiment.folder, tolerant=False)
    if not options.dry_run:
        experiment.write_index()
    return experiment.folder, summary


class _Experiment:
    """Everything that the models of one experiment share."""

    def __init__(
        self,
        config: FinetuneConfig,
        options: RunOptions,
        name: str | None,
        init: str | None,
        poses: Path | None,
        manifest: Path | None,
    ) -> None:
        self.options = options
        self.data, dataset = open_poses(config.dataset, options, poses, manifest)
        self.config = config = config.model_copy(update={"dataset": dataset})
        self.name = name or default_name(config)
        self.folder = options.workspace.models / self.name
        self.manifest = self._usable(self.data.manifest.where(config.where))
        self.parts = self._parts()
        self.cls = method_class(config.method)
        self.settings = resolve(self.cls.SETTINGS, [Layer("settings", config.settings)]).config
        self.encoders = self._encoders(init) if self.cls.uses_encoder else {}
        self._tensors: dict[str, tuple[Clips, dict[str, int]]] = {}

    def item(self, part: Part) -> plan.Item:
        """Return the plan's view of one model."""
        document = self.config.model_dump(mode="json", exclude={"seeds"}) | {"seed": part.seed, "fold": part.fold.name}
        document["training"].pop("checkpoint_seconds")
        inputs = {
            "train": self.data.fingerprint(part.fold.train),
            "test": self.data.fingerprint(part.fold.test),
            "split": of_value([part.fold.name, part.fold.train, part.fold.test]),
        }
        if encoder := self.encoders.get(part.fold.protocol_fold):
            inputs["encoder"] = encoder.fingerprint
        return plan.Item(part.id, part.output, STAGE, VERSION, document, inputs)

    def train(self, part: Part, item: plan.Item) -> None:
        """Train one model and write it."""
        fold, config = part.fold, self.config
        train: tuple[str, ...] = fold.train
        validation: tuple[str, ...] = ()
        neural = issubclass(self.cls, Assessor)
        if neural and config.select == "val":
            train, validation = splits.carve(fold.train, self.manifest, config.validation, seed_of(config.split_seed, fold.name))
        elif neural and config.select == "test":
            validation = fold.test
        records = self.data.load(train)
        target = Target.fit([record.row for record in records], config.target)
        if neural:
            written = self._train_network(part, item, records, self.data.load(validation), target)
        else:
            written = self._fit_estimator(part, records, target)
        arrays, documents = written
        documents["data"] = {
            "dataset": config.dataset,
            "where": list(config.where),
            "protocol": config.protocol,
            "fold": fold.name,
            "seed": part.seed,
            "train": list(train),
            "validation": list(validation),
            "test": list(fold.test),
        }
        inputs = [self.data.lineage(fold.train)]
        if encoder := self.encoders.get(fold.protocol_fold):
            inputs.append(
                {"role": "encoder", "fingerprint": encoder.fingerprint, "made_by": [{"count": 1, "provenance": encoder.provenance}]}
            )
        documents["config"] = dict(item.config)
        documents["provenance"] = provenance(STAGE, VERSION, item.config, inputs, seed=part.seed, torch=torch.__version__)
        store.write(part.output, Artifact(Header("model", STAGE, VERSION, item.fingerprint), arrays, documents))

    def write_index(self) -> None:
        """Write the list of the experiment's models, for ``aqa evaluate`` and ``aqa status``; the same from every shard."""
        document = {
            "name": self.name,
            "dataset": self.config.dataset,
            "method": self.config.method,
            "protocol": self.config.protocol,
            "select": self.config.select,
            "models": [{"id": part.id, "fold": part.fold.name, "seed": part.seed, "file": f"{part.id}.h5"} for part in self.parts],
        }
        with store.replacing_path(self.folder / INDEX) as temporary:
            temporary.write_text(json.dumps(document, indent=1), encoding="utf-8")
        plan.write_worklist(self.folder, [part.id for part in self.parts])

    def _usable(self, manifest: Manifest) -> Manifest:
        missing = set(self.data.without_poses())
        manifest = manifest.keep(lambda row: row.clip not in missing)
        if not len(manifest):
            raise ArtifactError(f"No clip of {manifest.name} has a pose artifact in {self.data.collection.path}.")
        kept, without = with_target(manifest, self.config.target)
        progress = self.options.progress
        if missing:
            progress.note(f"{len(missing)} clip(s) of the manifest have no poses and are left out: {_some(sorted(missing))}")
        if without:
            progress.note(f"{len(without)} clip(s) have no {self.config.target.resolved_column} and are left out: {_some(without)}")
        return kept

    def _parts(self) -> list[Part]:
        config = self.config
        protocol = config.protocol or protocols.default_protocol(self.data.manifest)
        self.config = config = config.model_copy(update={"protocol": protocol})
        found = protocols.folds(self.data.manifest, protocol, config.split_seed, self.manifest.clips)
        found = protocols.per_value(self.manifest, found, config.per)
        return [Part(fold, seed, self.folder / fold.name / f"{seed}.h5") for fold in found for seed in config.seeds]

    def _encoders(self, init: str | None) -> dict[str, PretrainedEncoder]:
        """Return the encoder that each fold starts from."""
        folds = {part.fold.protocol_fold for part in self.parts}
        chosen = find_encoder(init, self.options, self.settings.encoder, folds)
        return {fold: PretrainedEncoder.read(path) for fold, path in chosen.items()}

    def _spec(self, fold: Fold, records: Sequence[Record]) -> EncoderSpec:
        channels = records[0].poses.positions.shape[3]
        if encoder := self.encoders.get(fold.protocol_fold):
            if encoder.spec.channels != channels:
                raise UsageError(f"The encoder sees {encoder.spec.channels}-D poses, these clips are {channels}-D.", hint="--init none")
            return encoder.spec
        settings = self.settings
        return spec_for(settings.encoder, settings.encoder_settings, settings.input, records)

    def _train_network(
        self, part: Part, item: plan.Item, train: list[Record], validation: list[Record], target: Target
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        spec = self._spec(part.fold, train)
        context = Context(spec.skeleton, spec.channels, spec.input.people, len(target.classes), len(target.groups))
        encoder = self.encoders.get(part.fold.protocol_fold)

        def build() -> Assessor:
            method: Assessor = self.cls(self.settings, context, spec)
            if encoder is not None:
                method.encoder.load_state_dict(dict(encoder.weights))  # type: ignore[union-attr]
            return method

        method = loop.initialise(build, part.seed)
        assert isinstance(method, Assessor)
        device = devices.choose(self.options.device)
        clips = self._clips(train, method, target)
        held_out = self._clips(validation, method, target) if validation else None
        reference = choose_reference(clips, method.reference_size)
        setting = loop.Setting(
            seed=part.seed,
            device=device,
            validate=(lambda: _validation_figure(method, held_out, device, reference)) if held_out is not None else None,
            keep="last" if self.config.select == "last" else "best",
            checkpoint=Checkpoint(part.output.with_suffix(".checkpoint"), item.fingerprint),
            resume=self.options.resume,
            progress=self.options.progress,
            label=f"{self.name}/{part.id}",
            curves=self.options.workspace.curves(part.output),
        )
        history = loop.train(method, {"train": clips}, self.config.training, setting)
        documents = self._documents(target, context) | {"encoder": spec.to_json()}
        documents["method"]["reference"] = list(reference.ids) if reference else []
        documents["training"] = {
            "history": history.rows,
            "best_epoch": history.best_epoch,
            "select": self.config.select,
            "seen_in_pretraining": sorted(encoder.seen & set(part.fold.test)) if encoder else [],
            "clips": sorted({record.clip for record in train} | (encoder.seen if encoder else frozenset())),
        }
        assert setting.checkpoint is not None
        setting.checkpoint.remove()
        return tree.weights_to_arrays(method.state_dict()) | reference_arrays(reference), documents

    def _fit_estimator(self, part: Part, train: list[Record], target: Target) -> tuple[dict[str, Any], dict[str, Any]]:
        first = train[0].poses
        context = Context(first.layout.name, first.positions.shape[3], 1, len(target.classes), len(target.groups))
        documents = self._documents(target, context)
        seen: frozenset[str] = frozenset()
        if self.cls.uses_encoder:
            spec, encoder = self._spec(part.fold, train), self.encoders.get(part.fold.protocol_fold)
            torch.manual_seed(seed_of(part.seed, "initial weights"))
            estimator: Estimator = self.cls(self.settings, context, spec)
            documents["encoder"] = spec.to_json()
            if encoder is not None:
                estimator.encoder.load_state_dict(dict(encoder.weights))  # type: ignore[attr-defined]
                seen = encoder.seen
        else:
            estimator = self.cls(self.settings)
        rows = [record.row for record in train]
        groups = np.array([splits.group_of(row) for row in rows])
        estimator.fit(train, target.encode(rows), groups, len(target.classes), seed_of(part.seed))
        documents["training"] = {
            "select": "last",
            "clips": sorted({record.clip for record in train} | seen),
            "seen_in_pretraining": sorted(seen & set(part.fold.test)),
        }
        return {f"arrays/{key}": np.atleast_1d(value) for key, value in estimator.arrays().items()}, documents

    def _documents(self, target: Target, context: Context) -> dict[str, Any]:
        method = {"name": self.config.method, "settings": self.config.settings, "context": vars(context), "target": target.to_json()}
        return {"method": method}

    def _clips(self, records: Sequence[Record], method: Assessor, target: Target) -> Clips:
        """Return the records' tensors; the whole data set is prepared once and shared by all folds and seeds."""
        settings = method.inputs.poses
        assert settings is not None
        key = settings.model_dump_json()
        if key not in self._tensors:
            clips = to_clips(self.data.load(self.manifest.clips), settings)
            self._tensors[key] = clips, {clip: number for number, clip in enumerate(clips.ids)}
        whole, where = self._tensors[key]
        index = torch.tensor([where[record.clip] for record in records])
        rows = [record.row for record in records]
        return Clips(
            tuple(record.clip for record in records),
            whole.poses[index],
            whole.mask[index],
            torch.from_numpy(target.encode(rows)),
            torch.from_numpy(target.group_index(rows)),
            whole.layout,
        )


def default_name(config: FinetuneConfig) -> str:
    """Return ``<data set>[-<selected values>]-<method>``."""
    values = [condition.partition("=")[2].replace(",", "+").lower() for condition in config.where]
    return "-".join([str(config.dataset), *values, config.method]).replace("/", "_")


def find_encoder(init: str | None, options: RunOptions, architecture: str, folds: set[str]) -> dict[str, Path]:
    """Return fold → the encoder artifact to start from; empty for fresh weights.

    A name may stand for one artifact, or for a folder with one per fold (a pretraining inside the protocol).
    """
    workspace = options.workspace
    if init is None:
        names = (
            sorted({path.stem for path in workspace.encoders.iterdir() if not path.name.startswith(".")})
            if workspace.encoders.is_dir()
            else []
        )
        names = [name for name in names if _architecture(workspace.encoders / name) == architecture]
        if len(names) > 1:
            raise UsageError(f"Several encoders are possible: {', '.join(names)}.", hint="choose one with --init NAME, or --init none")
        if not names:
            options.progress.note("No encoder in the workspace: training from scratch.")
            return {}
        init = names[0]
        options.progress.note(f"Starting from the only encoder in the workspace, '{init}' (--init none starts from scratch).")
    if init == "none":
        return {}
    base = workspace.encoders / init
    candidates = [Path(init), base.with_name(base.name + ".h5"), base]
    found = next((path for path in candidates if path.exists()), None)
    if found is None:
        raise UsageError(f"There is no encoder '{init}' in {workspace.encoders}, nor a file of that name.", hint="aqa pretrain --help")
    if found.is_file():
        return dict.fromkeys(folds, found)
    missing = sorted(fold for fold in folds if not (found / f"{fold}.h5").is_file())
    if missing:
        raise ArtifactError(f"{found} has no encoder for the fold(s) {', '.join(missing)}.", hint="pretrain with the same --protocol")
    return {fold: found / f"{fold}.h5" for fold in folds}


def _architecture(path: Path) -> str:
    files = [path.with_name(path.name + ".h5")] if not path.is_dir() else sorted(path.glob("*.h5"))[:1]
    return str(store.read_document(files[0], "encoder")["name"]) if files and files[0].is_file() else ""


def _validation_figure(method: Assessor, clips: Clips | None, device: torch.device, reference: Batch | None) -> float:
    """Return the mean squared error in transformed units, or the cross-entropy."""
    assert clips is not None
    assert clips.target is not None
    output = predict_clips(method, clips, device, reference)
    truth = clips.target.numpy()
    if "scores" in output:
        scores = torch.from_numpy(output["scores"])
        return float(torch.nn.functional.cross_entropy(scores, clips.target))
    return float(np.mean((output["value"] - truth) ** 2))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" … ({len(names)})" if len(names) > 5 else "")
