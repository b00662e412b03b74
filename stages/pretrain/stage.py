"""Turn unlabelled motion into an encoder: one, or one per fold of a protocol that sees only that fold's training clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stages.artifacts import store, tree
from stages.artifacts.fingerprint import of_value
from stages.artifacts.provenance import provenance
from stages.artifacts.store import Artifact, Header
from stages.configuration import Layer, resolve
from stages.datasets import protocols, splits
from stages.datasets.manifest import Manifest
from stages.datasets.splits import Fold
from stages.encoders.spec import EncoderSpec, PretrainedEncoder, fresh_spec
from stages.engine import device as devices
from stages.engine import loop, plan, ranks
from stages.engine.annotations import annotated, names_in
from stages.engine.batch import Clips, joined
from stages.engine.checkpoint import Checkpoint
from stages.engine.inputs import to_clips
from stages.engine.launcher import is_writer
from stages.engine.method import Pretext, wanted
from stages.engine.opening import Places, open_clips, with_feature_names
from stages.engine.options import RunOptions
from stages.engine.records import ClipSet, Record
from stages.engine.seeding import seed_of
from stages.errors import ArtifactError, UsageError
from stages.pretrain.config import STAGE, VERSION, PretrainConfig
from stages.pretrain.methods.registry import method_class

VALIDATION_BATCH = 64


@dataclass(frozen=True)
class Part:
    """One encoder to train: its fold (outside a protocol, its own name) and the clips it sees, by pose set."""

    name: str
    output: Path
    clips: dict[str, tuple[str, ...]]


def run(
    config: PretrainConfig,
    options: RunOptions,
    *,
    name: str | None = None,
    init: Path | None = None,
    places: Sequence[Places] = (),
    output: Path | None = None,
) -> tuple[Path, plan.Summary]:
    """Train every encoder that is not there yet; return where they lie and what was done.

    Args:
        config: the pretraining.
        options: where and how to run.
        name: of the encoder; the method's name by default.
        init: an encoder artifact to start from.
        places: folders or merged files of poses or features, one for each data set, instead of the workspace's sets.
        output: the artifact (or, inside a protocol, the folder) to write, instead of the workspace's.
    """
    work = _Pretraining(config, options, name, init, places, output)
    items = [work.item(part) for part in work.parts]
    by_id = dict(zip((item.id for item in items), work.parts, strict=True))
    log = work.target if config.protocol else work.target.parent
    with ranks.team():
        summary = plan.run(items, lambda item: work.train(by_id[item.id], item), options, log=log, tolerant=False)
    if config.protocol and not options.dry_run:
        plan.write_worklist(work.target, list(by_id))
    return work.target, summary


class _Pretraining:
    """Everything that the encoders of one pretraining share."""

    def __init__(
        self,
        config: PretrainConfig,
        options: RunOptions,
        name: str | None,
        init: Path | None,
        places: Sequence[Places],
        output: Path | None,
    ) -> None:
        self.options = options
        self.cls = method_class(config.method)
        self.settings = resolve(self.cls.SETTINGS, [Layer("settings", config.settings)]).config
        self.annotations = self.cls.annotations(self.settings)
        self.sets = _open_sets(config, wanted(self.cls, self.settings), options, places)
        settings = with_feature_names(config.settings, list(self.sets.values()))
        self.config = config.model_copy(update={"dataset": tuple(self.sets), "settings": settings})
        self.init = PretrainedEncoder.read(init) if init else None
        if self.init is not None and init is not None:
            self.init.check_sees(self.cls.uses_encoder, init, config.method)
        self.name = name or config.method
        default = options.workspace.encoders / (self.name if config.protocol else f"{self.name}.h5")
        self.target = output or default
        self.parts = self._parts()

    def item(self, part: Part) -> plan.Item:
        """Return the plan's view of one encoder."""
        document = self.config.model_dump(mode="json") | {"fold": part.name if self.config.protocol else None}
        document["training"] = self.config.training.document()
        inputs = {f"{self.cls.uses_encoder} {name}": self.sets[name].fingerprint(clips) for name, clips in part.clips.items()}
        inputs["clips"] = of_value({name: list(clips) for name, clips in part.clips.items()})
        if self.init:
            inputs["encoder"] = self.init.fingerprint
        return plan.Item(part.name, part.output, STAGE, VERSION, document, inputs)

    def train(self, part: Part, item: plan.Item) -> None:
        """Train one encoder and write it."""
        train, held_out = self._records(part)
        everything = [record for records in train.values() for record in records]
        spec = self._spec(everything)

        def build() -> Pretext:
            method: Pretext = self.cls(self.settings, spec)
            if self.init is not None:
                self.init.load_into(method)
            return method

        method = loop.initialise(build, self.config.seed)
        assert isinstance(method, Pretext)
        device = devices.choose(self.options.device)
        names = names_in([record.row for record in everything], self.annotations)
        sets = {name: self._prepared(records, method, names) for name, records in train.items()}
        sets["train"] = self._prepared(everything, method, names) if len(sets) > 1 else next(iter(sets.values()))
        method.measure(sets["train"])
        validation = self._held_out(held_out, method) if held_out else None
        setting = loop.Setting(
            seed=self.config.seed,
            device=device,
            validate=(lambda: _pretext_figures(method, validation, device)) if validation is not None else None,
            checkpoint=Checkpoint(part.output.with_suffix(".checkpoint"), item.fingerprint),
            resume=self.options.resume,
            progress=self.options.progress,
            label=f"{self.name}/{part.name}",
            curves=self.options.workspace.curves(part.output),
        )
        history = loop.train(method, sets, self.config.training, setting)
        training = {
            "history": history.rows,
            "clips": sorted({record.clip for record in everything} | (self.init.seen if self.init else frozenset())),
            "held_out": sorted(record.clip for record in held_out),
        }
        if is_writer():
            self._write(part, item, method, spec, training)
            assert setting.checkpoint is not None
            setting.checkpoint.remove()

    def _prepared(self, records: list[Record], method: Pretext, names: Mapping[str, Sequence[str]]) -> Clips:
        rows = [record.row for record in records]
        copies = [to_clips(records, inputs) for inputs in method.inputs.with_copies()]
        return joined([annotated(clips, rows, self.annotations, names) for clips in copies])

    def _held_out(self, records: list[Record], method: Pretext) -> Clips:
        rows = [record.row for record in records]
        return annotated(to_clips(records, method.inputs), rows, self.annotations, names_in(rows, self.annotations))

    def _spec(self, records: list[Record]) -> EncoderSpec:
        if self.init is None:
            return fresh_spec(self.cls.uses_encoder, self.settings, records)
        self.init.spec.check(records)
        return self.init.spec

    def _write(self, part: Part, item: plan.Item, method: Pretext, spec: EncoderSpec, training: dict[str, Any]) -> None:
        inputs = [entry for name, clips in part.clips.items() for entry in self.sets[name].lineage(clips)]
        if self.init:
            made_by = [{"count": 1, "provenance": self.init.provenance}]
            inputs.append({"role": "encoder", "fingerprint": self.init.fingerprint, "made_by": made_by})
        documents = {
            "encoder": spec.to_json(),
            "training": training,
            "config": dict(item.config),
            "provenance": provenance(STAGE, VERSION, item.config, inputs, seed=self.config.seed, torch=torch.__version__),
        }
        header = Header("encoder", STAGE, VERSION, item.fingerprint)
        arrays = tree.weights_to_arrays(method.encoder.state_dict())
        if method.continues:
            rest = {name: value for name, value in method.state_dict().items() if not name.startswith("encoder.")}
            arrays |= tree.weights_to_arrays(rest, "pretext")
        store.write(part.output, Artifact(header, arrays, documents))

    def _parts(self) -> list[Part]:
        usable = {name: _usable(data, self.config, self.options) for name, data in self.sets.items()}
        if self.config.protocol is None:
            if not self.config.labelled:
                raise UsageError("Which clips are labelled is for a protocol to say.", hint="--protocol … with labelled=false")
            return [Part(self.target.stem, self.target, {name: tuple(manifest.clips) for name, manifest in usable.items()})]
        if len(usable) != 1:
            raise UsageError("A pretraining inside a protocol takes one data set.", hint="--dataset NAME once")
        (name, manifest), data = next(iter(usable.items())), next(iter(self.sets.values()))
        found = protocols.folds(data.manifest, self.config.protocol, self.config.split_seed, manifest.clips)
        if not self.config.labelled and not all(fold.unlabelled for fold in found):
            hint = f"a share of the labels, such as --protocol {self.config.protocol}/40-percent-labels/seed-0"
            raise UsageError("There are no unlabelled clips to learn from.", hint=hint)
        return [Part(fold.name, self.target / f"{fold.name}.h5", {name: self._clips(fold)}) for fold in found]

    def _clips(self, fold: Fold) -> tuple[str, ...]:
        return (*fold.train, *fold.unlabelled) if self.config.labelled else fold.unlabelled

    def _records(self, part: Part) -> tuple[dict[str, list[Record]], list[Record]]:
        train: dict[str, list[Record]] = {}
        held_out: list[Record] = []
        for name, clips in part.clips.items():
            kept, aside = clips, tuple[str, ...]()
            if self.config.validation:
                kept, aside = splits.carve(clips, self.sets[name].manifest, self.config.validation, seed_of(self.config.split_seed, name))
            train[name] = self.sets[name].load(kept)
            held_out += self.sets[name].load(aside)
        return train, held_out


def _open_sets(
    config: PretrainConfig, roles: Mapping[str, str | None], options: RunOptions, places: Sequence[Places]
) -> dict[str, ClipSet]:
    if places:
        opened = [open_clips(None, roles, options, each) for each in places]
    else:
        opened = [open_clips(name, roles, options) for name in config.dataset or (None,)]
    return {data.name: data for data in opened}


def _usable(data: ClipSet, config: PretrainConfig, options: RunOptions) -> Manifest:
    """Return the clips that may be pretrained on: selected, with every artifact, and not set aside for testing."""
    manifest = data.usable(data.manifest.where(config.where))
    if not config.test_clips and config.protocol is None and "split" in manifest.columns:
        kept = manifest.keep(lambda row: row.text("split") != "test")
        if len(kept) < len(manifest):
            options.progress.note(f"{data.name}: {len(manifest) - len(kept)} test clip(s) are left out (--set test_clips=true uses them)")
        manifest = kept
    if not len(manifest):
        raise ArtifactError(f"No clip of {data.name} can be pretrained on.", hint="check --where, and the manifest's split column")
    return manifest


def _pretext_figures(method: Pretext, clips: Clips | None, device: torch.device) -> dict[str, float]:
    """Return the mean pretext loss and terms on held-out clips; whatever is random in them is the same each time."""
    assert clips is not None
    totals: dict[str, float] = {}
    seen = 0
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for batch in method.held_out(clips, VALIDATION_BATCH):
            step = method.validate(batch.to(device))
            seen += len(batch)
            figures = {"validation": sum(map(float, step.losses.values()))}
            figures |= {f"validation.{name}": float(value) for name, value in step.terms.items()}
            for name, value in figures.items():
                totals[name] = totals.get(name, 0.0) + value * len(batch)
    return {name: total / seen for name, total in totals.items()}
