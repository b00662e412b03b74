"""Bring a data set's skeletons into pose artifacts, with the manifest beside them."""

from __future__ import annotations

from pathlib import Path

from stages.artifacts import fingerprint, store
from stages.artifacts.collection import MANIFEST
from stages.artifacts.provenance import provenance
from stages.datasets.registry import Scan, adapter_for, find_folder, resolve_name
from stages.engine import plan
from stages.engine.options import RunOptions
from stages.errors import UsageError
from stages.import_poses.config import STAGE, VERSION, ImportPosesConfig
from stages.skeletons import poses
from stages.workspace import data_root


def run(config: ImportPosesConfig, options: RunOptions, output: Path | None = None) -> tuple[Path, plan.Summary]:
    """Import every clip that is not there yet; return the folder and what was done."""
    if config.dataset is None:
        raise UsageError("What is to be imported?", hint="--dataset NAME")
    name = resolve_name(config.dataset)
    adapter = adapter_for(name)
    scan = adapter.scan(find_folder(adapter, data_root(options.data_root)))
    folder = output or options.workspace.poses / name
    document = {"dataset": name, "adapter_version": adapter.version}
    items = [
        plan.Item(clip, folder / f"{clip}.h5", STAGE, VERSION, document, {"file": fingerprint.of_file(source.file)})
        for clip, source in scan.sources.items()
    ]

    def work(item: plan.Item) -> None:
        sequence = adapter.load_poses(scan.sources[item.id])
        header = store.Header("poses", STAGE, VERSION, item.fingerprint)
        lineage = provenance(STAGE, VERSION, document)
        store.write(item.output, poses.to_artifact(sequence, header, document, lineage))

    summary = plan.run(items, work, options, log=folder)
    if not options.dry_run:
        _write_manifest(folder, scan)
        plan.write_worklist(folder, list(scan.sources))
    for problem in scan.problems:
        options.progress.note(f"{name}: {problem}")
    return folder, summary


def _write_manifest(folder: Path, scan: Scan) -> None:
    with store.replacing_path(folder / MANIFEST) as temporary:
        temporary.write_text(scan.manifest.keep(lambda row: row.clip in scan.sources).to_csv(), encoding="utf-8")
