"""The trampoline clips of AQA-7: about 650 frames each, where the six other classes have 103, and in none of the published lists of scores.

Layout: ``trampoline-out/001/img_00001.jpg`` beside the folders of the other classes.  The clips have no score: they serve
pretraining, or get scores from a manifest of one's own.
"""

from __future__ import annotations

from pathlib import Path

from stages.datasets import aqa_7, foreign, manifest
from stages.datasets.manifest import Value
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError


def locate(root: Path) -> Path | None:
    """Return the folder that holds the folder of trampoline clips."""
    return next((home for home in foreign.homes(root, aqa_7.HOMES) if aqa_7.TRAMPOLINE in aqa_7.class_folders(home)), None)


def scan(folder: Path) -> Scan:
    """List every clip."""
    problems: list[str] = []
    folders = aqa_7.class_folders(folder).get(aqa_7.TRAMPOLINE, [])
    numbers = [number for each in folders[:1] for number in aqa_7.numbers_in(each)]
    if not numbers:
        raise ArtifactError(f"{folder} holds no trampoline clips.", hint=f"expected {ADAPTER.layout_help}")
    videos = aqa_7.find_clips(aqa_7.TRAMPOLINE, folders, numbers, problems)
    rows: list[tuple[str, dict[str, Value]]] = [(clip, {"action": aqa_7.TRAMPOLINE}) for clip in videos]
    return Scan(manifest.from_rows(rows, "aqa-7-trampoline"), problems=problems, videos=videos)


ADAPTER: Adapter = Adapter(
    name="aqa-7-trampoline",
    layout_help="AQA-7/trampoline-out/001/img_00001.jpg",
    locate=locate,
    scan=scan,
    published={"clips": 83},
)
