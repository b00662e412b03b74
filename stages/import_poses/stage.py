"""Bring a data set's skeletons, or another tool's files, into pose artifacts, with the manifest beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.artifacts import store
from stages.artifacts.fingerprint import of_value
from stages.artifacts.provenance import provenance
from stages.datasets import labels
from stages.datasets import manifest as manifests
from stages.datasets.manifest import Manifest
from stages.datasets.registry import adapter_for, find_folder, inputs_of, resolve_name
from stages.engine import plan
from stages.engine.options import RunOptions
from stages.errors import UsageError
from stages.import_poses.config import STAGE, VERSION, ImportPosesConfig
from stages.import_poses.sources import Entry, entries, find
from stages.skeletons import poses
from stages.skeletons.importers.common import DEFAULT_FPS, Reading
from stages.skeletons.importers.registry import AUTO, FORMATS, format_named
from stages.skeletons.layouts import layout_named
from stages.skeletons.poses import PoseSequence
from stages.workspace import data_root, name_after, plain_name


def run(
    config: ImportPosesConfig,
    options: RunOptions,
    output: Path | None = None,
    *,
    paths: Sequence[Path] = (),
    set_name: str | None = None,
    manifest: Path | None = None,
) -> tuple[Path, plan.Summary]:
    """Import every clip that is not there yet; return the folder and what was done.

    Args:
        config: the data set, or how the files are read.
        options: where and how to run.
        output: the folder to write, instead of the workspace's.
        paths: files and folders of another tool's pose files.
        set_name: the name of the pose set; by default that of the data set, the folder or the file.
        manifest: a user's CSV of labels, merged into the manifest beside the poses.

    Raises:
        UsageError: neither or both of data set and paths are given, or a name or path does not exist.
        ArtifactError: there is nothing to import, or outputs exist that were made differently.
    """
    if bool(config.dataset) == bool(paths):
        found = "both" if paths else "nothing"
        raise UsageError(f"A data set or paths are imported, found {found}.", hint="--dataset NAME --data-root DIR, or PATH [PATH …]")
    if set_name is not None:
        plain_name(set_name)
    rows = manifests.read(manifest) if manifest else None
    if config.dataset:
        return _import_dataset(config, options, output, set_name, rows)
    return _import_files(config, options, output, paths, set_name, rows, manifest)


def _import_dataset(
    config: ImportPosesConfig, options: RunOptions, output: Path | None, set_name: str | None, rows: Manifest | None
) -> tuple[Path, plan.Summary]:
    assert config.dataset is not None
    given = [key for key in ("format", "skeleton", "fps") if getattr(config, key) != ImportPosesConfig.model_fields[key].default]
    if given:
        raise UsageError(f"{', '.join(given)}: only for files; a data set says these itself.", hint="leave them out with --dataset")
    name = resolve_name(config.dataset)
    adapter = adapter_for(name)
    load = adapter.load_poses
    if load is None:
        raise UsageError(f"{name} is published without skeletons.", hint=f"aqa extract-pose --dataset {name} finds them in its videos")
    scan = adapter.scan(find_folder(adapter, data_root(options.data_root)))
    folder = output or options.workspace.poses / (set_name or name)
    document = {"dataset": name, "adapter_version": adapter.version}
    items = [plan.Item(clip, folder / f"{clip}.h5", STAGE, VERSION, document, inputs_of(source)) for clip, source in scan.sources.items()]

    def work(item: plan.Item) -> None:
        _write(item, load(scan.sources[item.id]), document)

    kept = [(row.clip, row.values) for row in scan.manifest.rows if row.clip in scan.sources]
    manifest, strange = labels.merged(None, kept, rows, overwrite=True)
    summary = plan.run(items, work, options, log=folder)
    if not options.dry_run:
        labels.write_beside(folder, manifest)
        plan.write_worklist(folder, list(scan.sources))
    _note_strange(strange, options)
    for problem in scan.problems:
        options.progress.note(f"{name}: {problem}")
    return folder, summary


def _import_files(
    config: ImportPosesConfig,
    options: RunOptions,
    output: Path | None,
    paths: Sequence[Path],
    set_name: str | None,
    rows: Manifest | None,
    manifest: Path | None,
) -> tuple[Path, plan.Summary]:
    if config.format != AUTO:
        format_named(config.format)
    reading = Reading(layout_named(config.skeleton) if config.skeleton else None, config.fps)
    folder = output or options.workspace.poses / (set_name or name_after(paths))
    skip = [options.workspace.root, folder, *([manifest] if manifest else [])]
    found = entries(find(paths, config.format, skip), reading)
    there = labels.read_beside(folder)
    known = [(entry.clip, entry.values) for entry in found if entry.values is not None]
    beside, strange = labels.merged(there, known, rows, overwrite=options.overwrite)
    loaders: dict[str, Callable[[], PoseSequence]] = {entry.clip: entry.load for entry in found}
    items = _items(found, config, folder, options)
    layouts: Counter[str] = Counter()
    assumed: list[str] = []

    def work(item: plan.Item) -> None:
        sequence = loaders.pop(item.id)()  # a loader may hold its clip's data: it goes as soon as the clip is written
        _write(item, sequence, item.config)
        layouts[sequence.layout.name] += 1
        if sequence.clip["fps_from"] == "assumed":
            assumed.append(item.id)

    del found
    summary = plan.run(items, work, options, log=folder)
    if not options.dry_run:
        labels.write_beside(folder, beside)
        plan.write_worklist(folder, sorted({*(plan.read_worklist(folder) or []), *(item.id for item in items)}))
        outputs = {item.id: item.output for item in items}
        _note_layouts(layouts, [outputs[clip] for clip in summary.skipped], options)
    if assumed:
        options.progress.note(f"{len(assumed)} clip(s) do not state a frame rate: {DEFAULT_FPS:g} is assumed (--fps F says otherwise).")
    _note_strange(strange, options)
    return folder, summary


def _items(found: Sequence[Entry], config: ImportPosesConfig, folder: Path, options: RunOptions) -> list[plan.Item]:
    digests: dict[tuple[Path, ...], str] = {}
    items = []
    for position, entry in enumerate(found):
        inputs = {}
        if options.shard.takes(position) and entry.values is not None:  # other shards' files need not be read
            try:
                digest = digests.get(entry.source.files) or entry.source.digest()
            except OSError:
                digest = ""  # loading the clip says what is wrong
            digests[entry.source.files] = digest
            inputs = {"file": digest, "clip": of_value(entry.member)}
        document: dict[str, Any] = {"format": entry.source.format, "skeleton": config.skeleton, "fps": config.fps}
        if entry.source.format in FORMATS:
            document["importer_version"] = FORMATS[entry.source.format].version
        items.append(plan.Item(entry.clip, folder / f"{entry.clip}.h5", STAGE, VERSION, document, inputs))
    return items


def _write(item: plan.Item, sequence: PoseSequence, document: Mapping[str, Any]) -> None:
    header = store.Header("poses", STAGE, VERSION, item.fingerprint)
    lineage = provenance(STAGE, VERSION, document)
    store.write(item.output, poses.to_artifact(sequence, header, document, lineage))


def _note_layouts(layouts: Counter[str], skipped: Sequence[Path], options: RunOptions) -> None:
    for path in skipped:
        layouts[store.read_document(path, "skeleton")["layout"]] += 1
    if len(layouts) > 1:
        listing = ", ".join(f"{name} ({count} clips)" for name, count in sorted(layouts.items()))
        options.progress.note(f"The set mixes skeletons: {listing}; --set settings.input.skeleton=NAME makes training convert them to one.")


def _note_strange(strange: Sequence[str], options: RunOptions) -> None:
    if strange:
        shown = ", ".join(strange[:5]) + (" …" if len(strange) > 5 else "")
        options.progress.note(f"{len(strange)} clip(s) of the given manifest were not imported and are left out: {shown}")
