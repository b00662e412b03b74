"""Train the models of one experiment: protocol × fold × seed, each an item that can be skipped, sharded and resumed."""

from __future__ import annotations

import json
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from stages.artifacts import store
from stages.artifacts.fingerprint import of_value
from stages.artifacts.provenance import provenance
from stages.artifacts.store import Artifact, Header
from stages.configuration import Layer, resolve
from stages.datasets import protocols, splits
from stages.datasets.manifest import Manifest
from stages.datasets.splits import Fold
from stages.encoders.spec import PretrainedEncoder
from stages.engine import device as devices
from stages.engine import loop, plan, ranks
from stages.engine.batch import Clips
from stages.engine.checkpoint import Checkpoint
from stages.engine.inputs import Inputs, to_clips
from stages.engine.launcher import is_writer
from stages.engine.method import Assessor, wanted
from stages.engine.opening import Places, open_clips, with_feature_names
from stages.engine.options import RunOptions
from stages.engine.records import Records
from stages.engine.seeding import seed_of
from stages.engine.targets import with_target
from stages.errors import ArtifactError, UsageError, some
from stages.finetune.config import STAGE, VERSION, FinetuneConfig
from stages.finetune.fit import Job, fit
from stages.finetune.index import INDEX
from stages.finetune.methods.registry import method_class
from stages.finetune.starting import Start, find_encoder, find_starts


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
    start: str | None = None,
    places: Places | None = None,
) -> tuple[Path, plan.Summary]:
    """Train every model of the experiment that is not there yet; return its folder and what was done.

    Args:
        config: the experiment.
        options: where and how to run.
        name: of the experiment; ``<data set>-<method>`` by default.
        init: an encoder's name or path; ``none`` for fresh weights; by default the only compatible one in the workspace.
        start: an experiment whose models to start from, each fold from that of its own name; None for none.
        places: paths to use instead of the workspace's sets of the data set's name.
    """
    experiment = _Experiment(config, options, name, init, places, start)
    items = experiment.items()
    by_id = dict(zip((item.id for item in items), experiment.parts, strict=True))
    with ranks.team():
        summary = plan.run(items, lambda item: experiment.train(by_id[item.id], item), options, log=experiment.folder, tolerant=False)
        if not options.dry_run and is_writer():
            experiment.write_index()
    return experiment.folder, summary


def planned(
    config: FinetuneConfig,
    options: RunOptions,
    *,
    name: str | None = None,
    init: str | None = None,
    places: Places | None = None,
) -> list[plan.Item]:
    """Return what :func:`run` would make, every shard's: one item per model.  Nothing is trained or written."""
    return _Experiment(config, options, name, init, places).items()


class _Experiment:
    """Everything that the models of one experiment share."""

    def __init__(
        self,
        config: FinetuneConfig,
        options: RunOptions,
        name: str | None,
        init: str | None,
        places: Places | None,
        start: str | None = None,
    ) -> None:
        self.options = options
        self.cls = method_class(config.method)
        self.settings = resolve(self.cls.SETTINGS, [Layer("settings", config.settings)]).config
        self.data = open_clips(config.dataset, wanted(self.cls, self.settings), options, places)
        settings = with_feature_names(config.settings, [self.data])
        self.config = config = config.model_copy(update={"dataset": self.data.name, "settings": settings})
        self.name = name or default_name(config)
        self.folder = options.workspace.models / self.name
        self.manifest = self._usable(self.data.manifest.where(config.where))
        self.parts = self._parts()
        self.starts = self._starts(start, init) if start is not None else {}
        self.encoders = self._encoders(init) if self.cls.uses_encoder and start is None else {}
        self._tensors: dict[str, tuple[Clips, dict[str, int]]] = {}

    def items(self) -> list[plan.Item]:
        """Return the plan's view of all models."""
        return [self.item(part) for part in self.parts]

    def item(self, part: Part) -> plan.Item:
        """Return the plan's view of one model."""
        document = self.config.model_dump(mode="json", exclude={"seeds"}) | {"seed": part.seed, "fold": part.fold.name}
        document["training"] = self.config.training.document()
        inputs = {
            "train": self.data.fingerprint(part.fold.train),
            "test": self.data.fingerprint(part.fold.test),
            "split": of_value([part.fold.name, part.fold.train, part.fold.test]),
        }
        if part.fold.unlabelled:
            inputs["unlabelled"] = self.data.fingerprint(part.fold.unlabelled)
        if encoder := self.encoders.get(part.fold.protocol_fold):
            inputs["encoder"] = encoder.fingerprint
        if start := self.starts.get(part.id):
            inputs["model"] = start.fingerprint
        return plan.Item(part.id, part.output, STAGE, VERSION, document, inputs)

    def train(self, part: Part, item: plan.Item) -> None:
        """Train one model and write it."""
        fold, config = part.fold, self.config
        job = self._job(part, item)
        arrays, documents = fit(job)
        documents["data"] = {
            "dataset": config.dataset,
            "where": list(config.where),
            "protocol": config.protocol,
            "fold": fold.name,
            "seed": part.seed,
            "train": [record.clip for record in job.train],
            "validation": [record.clip for record in job.validation],
            "test": list(fold.test),
            **({"unlabelled": list(fold.unlabelled)} if fold.unlabelled else {}),
        }
        inputs = self.data.lineage([*fold.train, *fold.unlabelled])
        if encoder := job.encoder:
            inputs.append(
                {"role": "encoder", "fingerprint": encoder.fingerprint, "made_by": [{"count": 1, "provenance": encoder.provenance}]}
            )
        if job.start:
            made = {"count": 1, "provenance": job.start.documents["provenance"]}
            inputs.append({"role": "model", "fingerprint": job.start.fingerprint, "made_by": [made]})
        if not is_writer():
            return
        documents["config"] = dict(item.config)
        documents["provenance"] = provenance(STAGE, VERSION, item.config, inputs, seed=part.seed, torch=torch.__version__)
        store.write(part.output, Artifact(Header("model", STAGE, VERSION, item.fingerprint), arrays, documents))
        if job.setting.checkpoint is not None:
            job.setting.checkpoint.remove()

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
        progress = self.options.progress
        columns = list(self.cls.annotations(self.settings))
        if len(lacking := [column for column in columns if column not in manifest.columns]) > 1:
            raise UsageError(
                f"{self.config.method} learns from columns that {manifest.name} lacks: {', '.join(lacking)}.",
                hint=f"columns: {', '.join(manifest.columns)}; aqa config show finetune --set method={self.config.method}",
            )
        for column in columns:
            manifest.require(column)
        kept = self.data.usable(manifest)
        if not len(kept):
            kinds = " and ".join(self.data.collections)
            places = ", ".join(str(collection.path) for collection in self.data.collections.values())
            raise ArtifactError(f"No clip of {manifest.name} has {kinds} in {places}.")
        for role, clips in self.data.absent().items():
            if lacking := sorted(set(clips) & set(manifest.clips)):
                progress.note(f"{len(lacking)} clip(s) of the manifest have no {role} and are left out: {some(lacking)}")
        labelled, without = with_target(kept, self.config.target)
        self.unlabelled = frozenset(without if self.cls.uses_unlabelled else ())
        if without:
            fate = "are learned from without one" if self.unlabelled else "are left out"
            progress.note(f"{len(without)} clip(s) have no {self.config.target.resolved_column} and {fate}: {some(without)}")
        return kept if self.unlabelled else labelled

    def _parts(self) -> list[Part]:
        config = self.config
        protocol = config.protocol or protocols.default_protocol(self.data.manifest)
        self.config = config = config.model_copy(update={"protocol": protocol})
        found = protocols.folds(self.data.manifest, protocol, config.split_seed, self.manifest.clips)
        found = protocols.per_value(self.manifest, found, config.per)
        found = [fold for fold in (_without_labels(fold, self.unlabelled) for fold in found) if fold.train and fold.test]
        if self.cls.uses_unlabelled and not all(fold.unlabelled for fold in found):
            raise UsageError(
                f"There are no unlabelled clips for {config.method} to learn from.",
                hint=f"a share of the labels, such as --protocol {protocol}/40-percent-labels/seed-0, or clips without a score",
            )
        return [Part(fold, seed, self.folder / fold.name / f"{seed}.h5") for fold in found for seed in config.seeds]

    def _encoders(self, init: str | None) -> dict[str, PretrainedEncoder]:
        """Return the encoder that each fold starts from."""
        folds = {part.fold.protocol_fold for part in self.parts}
        chosen = find_encoder(init, self.options, getattr(self.settings, "encoder", None), folds)
        found = {fold: PretrainedEncoder.read(path) for fold, path in chosen.items()}
        for fold, path in chosen.items():
            found[fold].check_sees(self.cls.uses_encoder, path, self.config.method)
        return found

    def _starts(self, experiment: str, init: str | None) -> dict[str, Start]:
        """Return the model that each part starts from."""
        if not issubclass(self.cls, Assessor):
            raise UsageError(
                f"{self.config.method} is fitted in one call: there is nothing that it could start from.", hint="leave out --from"
            )
        if init not in (None, "none"):
            raise UsageError("--from brings a whole model, --init an encoder: give one of them.", hint="leave out --init")
        starts = find_starts(experiment, self.config.method, [(part.fold, part.seed) for part in self.parts], self.options)
        return {part.id: start for part, start in zip(self.parts, starts, strict=True)}

    def _job(self, part: Part, item: plan.Item) -> Job:
        """Return what the training of one model takes."""
        fold, config = part.fold, self.config
        train: tuple[str, ...] = fold.train
        validation: tuple[str, ...] = ()
        neural = issubclass(self.cls, Assessor)
        if neural and config.select == "val":
            train, validation = splits.carve(fold.train, self.manifest, config.validation, seed_of(config.split_seed, fold.name))
        elif neural and config.select == "test":
            validation = fold.test
        several = len({each.fold.protocol_fold for each in self.parts}) > 1
        held = "validation" if validation and not several and config.select == "val" else "test"
        return Job(
            cls=self.cls,
            settings=self.settings,
            config=config,
            seed=part.seed,
            fold=fold,
            train=self.data.load(train),
            validation=self.data.load(validation),
            unlabelled=self.data.load(fold.unlabelled),
            held=self.data.load(validation if held == "validation" else fold.test),
            held_of=held,
            encoder=self.encoders.get(fold.protocol_fold),
            start=self.starts.get(part.id),
            setting=loop.Setting(
                seed=part.seed,
                device=devices.choose(self.options.device),
                keep="last" if config.select == "last" else "best",
                checkpoint=Checkpoint(part.output.with_suffix(".checkpoint"), item.fingerprint),
                resume=self.options.resume,
                progress=self.options.progress,
                label=f"{self.name}/{part.id}",
                curves=self.options.workspace.curves(part.output),
            ),
            prepared=self._prepared,
        )

    def _prepared(self, records: Records, inputs: Inputs) -> Clips:
        """Return the records' tensors; the whole data set is prepared once and shared by all folds and seeds."""
        key = inputs.key()
        if key not in self._tensors:
            clips = to_clips(self.data.load(self.manifest.clips), inputs)
            self._tensors[key] = clips, {clip: number for number, clip in enumerate(clips.ids)}
        whole, where = self._tensors[key]
        return whole.chosen([where[record.clip] for record in records])


def _without_labels(fold: Fold, unlabelled: Set[str]) -> Fold:
    """Return the fold with the clips that have no target among its unlabelled ones, and none of them among those that test."""
    train = tuple(clip for clip in fold.train if clip not in unlabelled)
    more = tuple(clip for clip in fold.train if clip in unlabelled)
    return replace(
        fold, train=train, test=tuple(clip for clip in fold.test if clip not in unlabelled), unlabelled=(*fold.unlabelled, *more)
    )


def default_name(config: FinetuneConfig) -> str:
    """Return ``<data set>[-<selected values>]-<method>``."""
    return f"{selection_name(str(config.dataset), config.where)}-{config.method}".replace("/", "_")


def selection_name(dataset: str, where: Sequence[str]) -> str:
    """Return ``<data set>[-<selected values>]``."""
    values = [condition.partition("=")[2].replace(",", "+").lower() for condition in where]
    return "-".join([dataset, *values]).replace("/", "_")
