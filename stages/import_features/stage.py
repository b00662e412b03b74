"""Bring other people's features into feature artifacts, with the manifest beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from stages.arrays import Array
from stages.artifacts import store
from stages.artifacts.fingerprint import of_file, of_value
from stages.artifacts.provenance import provenance
from stages.datasets import labels
from stages.datasets import manifest as manifests
from stages.datasets.manifest import Manifest, Value
from stages.datasets.opened import Opened, note_problems, note_strange, open_dataset, require_one
from stages.datasets.registry import adapter_for, inputs_of, resolve_name
from stages.engine import plan
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError, unknown_name
from stages.import_features.config import STAGE, VERSION, ImportFeaturesConfig
from stages.import_features.readers import FORMATS, Clip, shaped
from stages.import_poses.sources import check_id
from stages.workspace import name_after, plain_name

DEFAULT_NAME = "imported"
_KNOWN = f"--format {', '.join(FORMATS)} says what it is"


@dataclass(frozen=True)
class Entry:
    """One clip to import: its file, its name there, what the file knows of it; ``load`` raises why a file is not readable."""

    clip: str
    file: Path
    member: str
    load: Callable[[], Array]
    values: dict[str, Value]
    readable: bool = True


def run(
    config: ImportFeaturesConfig,
    options: RunOptions,
    output: Path | None = None,
    *,
    paths: Sequence[Path] = (),
    dataset: str | None = None,
    set_name: str | None = None,
    name: str | None = None,
    manifest: Path | None = None,
) -> tuple[Path, plan.Summary]:
    """Import every clip that is not there yet; return the folder and what was done.

    Args:
        config: how the files are read.
        options: where and how to run.
        output: the folder to write, instead of the workspace's.
        paths: files and folders of features.
        dataset: a data set whose published features are imported, in place of paths.
        set_name: the name of the set; by default that of the data set, the folder or the file.
        name: of these features in the set, such as the network's they come from; of a data set's features, which of them.
        manifest: a user's CSV of labels, merged into the manifest beside the features.

    Raises:
        UsageError: neither or both of paths and data set are given, a name or path does not exist, or two files give the same clip.
        ArtifactError: there is nothing to import, or outputs exist that were made differently.
    """
    hint = "aqa import-features PATH [PATH …], or aqa import-features --dataset NAME --data-root DIR"
    require_one(dataset, paths, "No file of features was given.", hint)
    for given, flag in ((set_name, "--set-name"), (name, "--name")):
        if given is not None:
            plain_name(given, flag)
    rows = manifests.read(manifest) if manifest else None
    if dataset:
        opened = _open(dataset, config, options)
        chosen = _published(opened, name)
        folder = output or options.workspace.features / (set_name or opened.name) / chosen
        return folder, _import_dataset(opened, chosen, config, options, folder, rows)
    folder = output or options.workspace.features / (set_name or name_after(paths)) / (name or DEFAULT_NAME)
    skip = {path.resolve() for path in (options.workspace.root, folder, *([manifest] if manifest else []))}
    return folder, _import_files(entries(paths, config, skip), config, options, folder, rows)


def _open(dataset: str, config: ImportFeaturesConfig, options: RunOptions) -> Opened:
    given = [key for key in ("format", "key") if getattr(config, key) != ImportFeaturesConfig.model_fields[key].default]
    if given:
        raise UsageError(f"{', '.join(given)}: only for files; a data set says these itself.", hint="leave them out with --dataset")
    name = resolve_name(dataset)
    if adapter_for(name).load_features is None:
        hint = "aqa extract-features makes some of videos; aqa import-features PATH takes files that somebody else made"
        raise UsageError(f"{name} is published without features.", hint=hint)
    return open_dataset(name, options)


def _published(opened: Opened, name: str | None) -> str:
    """Return which of the published features are meant."""
    there = opened.scan.features
    if not there:
        raise ArtifactError(
            f"{opened.folder} holds none of the features that are published of {opened.name}.",
            hint=f"expected {opened.adapter.layout_help}",
        )
    if name is None and len(there) > 1:
        raise UsageError(f"Several features of {opened.name} are there: {', '.join(there)}.", hint="choose one with --name")
    if name is not None and name not in there:
        raise unknown_name("features", name, there)
    return name or next(iter(there))


def _import_dataset(
    opened: Opened, chosen: str, config: ImportFeaturesConfig, options: RunOptions, folder: Path, rows: Manifest | None
) -> plan.Summary:
    load, recordings = opened.adapter.load_features, opened.scan.features[chosen]
    assert load is not None
    digest = cache(of_file)
    document = {**opened.identity, "features": chosen, "store": config.store}
    items = []
    for position, (clip, recording) in enumerate(recordings.items()):
        inputs = inputs_of(recording, digest) if options.shard.takes(position) else {}  # other shards' files need not be read
        items.append(plan.Item(clip, folder / f"{clip}.h5", STAGE, VERSION, document, inputs))
    sizes: dict[tuple[int, ...], str] = {}

    def work(item: plan.Item) -> None:
        known = asdict(recordings[item.id])
        facts = {key: value.name if isinstance(value, Path) else value for key, value in known.items() if value not in ("", None)}
        features = shaped(load(recordings[item.id]), ", ".join(map(str, facts.values())), config.store)
        sizes.setdefault(features.shape[2:], item.id)
        _write(item, features, facts)

    kept = [(row.clip, row.values) for row in opened.scan.manifest.rows if row.clip in recordings]
    beside, strange = labels.merged(None, kept, rows, overwrite=True)
    note_problems(opened, options)
    note_strange(strange, options)
    summary = plan.run(items, work, options, log=folder)
    if not options.dry_run:
        labels.write_beside(folder, beside)
        plan.write_worklist(folder, list(recordings))
    _note_sizes(sizes, options)
    return summary


def _import_files(
    found: Sequence[Entry], config: ImportFeaturesConfig, options: RunOptions, folder: Path, rows: Manifest | None
) -> plan.Summary:
    digest = cache(of_file)  # of files that hold many clips; other shards' files need not be read again
    by_id = {entry.clip: entry for entry in found}
    items = []
    for position, entry in enumerate(found):
        document = {"format": _format_of(entry.file, config), "key": config.key, "store": config.store}
        inputs = {"file": digest(entry.file), "clip": of_value(entry.member)} if entry.readable and options.shard.takes(position) else {}
        items.append(plan.Item(entry.clip, folder / f"{entry.clip}.h5", STAGE, VERSION, document, inputs))
    sizes: dict[tuple[int, ...], str] = {}

    def work(item: plan.Item) -> None:
        entry = by_id[item.id]
        where = f"{entry.file.name}, '{entry.member}'" if entry.member else entry.file.name
        features = shaped(entry.load(), where, config.store)
        sizes.setdefault(features.shape[2:], item.id)
        _write(item, features, {"file": entry.file.name, **({"member": entry.member} if entry.member else {})})

    known = [(entry.clip, entry.values) for entry in found]
    beside, strange = labels.merged(labels.read_beside(folder), known, rows, overwrite=options.overwrite)
    summary = plan.run(items, work, options, log=folder)
    if not options.dry_run:
        labels.write_beside(folder, beside)
        plan.write_worklist(folder, sorted({*(plan.read_worklist(folder) or []), *by_id}))
    _note_sizes(sizes, options)
    note_strange(strange, options)
    return summary


def entries(paths: Sequence[Path], config: ImportFeaturesConfig, skip: set[Path]) -> list[Entry]:
    """Return the clips of all files under ``paths``, sorted; a file that cannot be read becomes an entry with its problem.

    A clip's id is its file's path relative to the given folder, without the suffix.  Where a file holds several clips, their names in it
    follow that, or stand alone where the file itself was given.

    Raises:
        UsageError: a path does not exist, or two files give the same clip.
        ArtifactError: there is no file of features.
    """
    found: list[Entry] = []
    for given in paths:
        if not given.exists():
            raise UsageError(f"{given} does not exist.", hint="aqa import-features takes files and folders of features")
        for path in [given] if given.is_file() else _walk(given, config, skip):
            found += _read(path, given, config)
    if not found:
        endings = ", ".join(end for name, (_, ends) in FORMATS.items() if config.format in ("auto", name) for end in ends)
        raise ArtifactError(
            f"There are no files of features in {', '.join(map(str, paths))}.", hint=f"looked for files that end in {endings}"
        )
    taken: dict[str, Entry] = {}
    for entry in found:
        other = taken.setdefault(entry.clip, entry)
        if other is not entry:
            raise UsageError(f"{other.file} and {entry.file} would both become the clip '{entry.clip}'.", hint="give one of them at a time")
    return sorted(found, key=lambda entry: entry.clip)


def _read(path: Path, given: Path, config: ImportFeaturesConfig) -> list[Entry]:
    own = path.stem if given.is_file() else path.relative_to(given).with_suffix("").as_posix()
    reader = FORMATS.get(_format_of(path, config))
    try:
        clips = [_named(clip, own, path, direct=given.is_file()) for clip in reader[0](path, config.key)] if reader else []
        problem = ArtifactError(f"{path.name} holds no features." if reader else f"{path.name} has none of the known formats.", hint=_KNOWN)
    except ArtifactError as error:
        clips, problem = [], error
    return clips or [Entry(own, path, "", _raising(problem), {}, readable=False)]


def _raising(error: ArtifactError) -> Callable[[], Array]:
    def load() -> Array:
        raise error

    return load


def _named(clip: Clip, own: str, path: Path, *, direct: bool) -> Entry:
    name = clip.id if direct and clip.id else "/".join(part for part in (own, clip.id) if part)
    check_id(name, path.name)
    return Entry(name, path, clip.id, clip.load, dict(clip.values))


def _format_of(path: Path, config: ImportFeaturesConfig) -> str:
    if config.format != "auto":
        return config.format
    return next((name for name, (_, ends) in FORMATS.items() if path.name.lower().endswith(ends)), "auto")


def _walk(given: Path, config: ImportFeaturesConfig, skip: set[Path]) -> Iterator[Path]:
    for folder, names, files in os.walk(given):
        names[:] = sorted(name for name in names if not name.startswith(".") and (Path(folder) / name).resolve() not in skip)
        for name in sorted(files):
            path = Path(folder) / name
            ends = FORMATS[config.format][1] if config.format != "auto" else tuple(end for _, group in FORMATS.values() for end in group)
            if not name.startswith(".") and name.lower().endswith(ends) and path.resolve() not in skip and name != "manifest.csv":
                yield path


def _write(item: plan.Item, features: Array, facts: dict[str, Any]) -> None:
    views: list[dict[str, Any]] = [
        {"name": "original" if number == 0 else f"view-{number}", "frames": None} for number in range(len(features))
    ]
    documents = {
        "clip": facts,
        "sampling": {"views": views},
        "config": dict(item.config),
        "provenance": provenance(STAGE, VERSION, item.config),
    }
    store.write(item.output, store.Artifact(store.Header("features", STAGE, VERSION, item.fingerprint), {"features": features}, documents))


def _note_sizes(sizes: dict[tuple[int, ...], str], options: RunOptions) -> None:
    if len(sizes) > 1:
        listing = ", ".join(f"{' × '.join(map(str, size))} ({clip})" for size, clip in sizes.items())
        options.progress.note(f"The clips have features of different dimensions, which no method takes together: {listing}.")
