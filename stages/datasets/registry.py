"""The list of data sets: name → where its adapter lies and what it is.  Listing it imports no adapter."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from stages.arrays import Array
from stages.artifacts import fingerprint
from stages.datasets.manifest import Manifest
from stages.errors import ArtifactError, UsageError, unknown_name
from stages.skeletons.motion import Motion
from stages.skeletons.poses import PoseSequence
from stages.video.frame import Source
from stages.workspace import folded


@dataclass(frozen=True)
class Scan:
    """What an adapter found on disk: the manifest, where each clip's recordings are, and everything that is odd.

    A clip of the manifest that is in none of the mappings has no recording; where labels are published alone, none has.
    """

    manifest: Manifest
    sources: Mapping[str, Any] = field(default_factory=dict)
    """Clip id → what the adapter's ``load_poses`` takes."""
    problems: list[str] = field(default_factory=list)
    videos: Mapping[str, Source] = field(default_factory=dict)
    """Clip id → its video or folder of frames."""
    features: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Name of a published set of features → clip id → what the adapter's ``load_features`` takes."""
    motions: Mapping[str, Any] = field(default_factory=dict)
    """Clip id → what the adapter's ``load_motion`` takes."""

    @property
    def recorded(self) -> set[str]:
        """The clips of which there is any recording."""
        return {*self.sources, *self.videos, *(clip for clips in self.features.values() for clip in clips), *self.motions}


@dataclass(frozen=True)
class Entry:
    """One line of the list."""

    name: str
    module: str
    summary: str
    tasks: str
    licence: str
    source: str
    protocols: tuple[str, ...] = ()
    """What is published of it; shares and seeds of ``N-percent-labels/seed-K`` are those of the papers, or the first: any will do."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Name of a protocol of the data set → how :mod:`stages.datasets.splits` spells it."""
    variants: str = ""
    """Regular expression of what may follow ``NAME-`` to choose a size; the module's ``adapter_of`` takes it.  Empty: nothing."""


@dataclass(frozen=True)
class Adapter:
    """How a data set's published layout is read.

    ``locate`` returns the data set's folder given the data root or the folder itself, or None; ``scan`` reads labels and lists the
    recordings; ``load_poses`` reads one recording's skeletons, ``load_features`` one clip's published features, (S, D) or (views, S, D),
    ``load_motion`` one recording of something that is no skeleton, such as a robot's tools.
    A recording is a small dataclass of paths and numbers.
    """

    name: str
    layout_help: str
    locate: Callable[[Path], Path | None]
    scan: Callable[[Path], Scan]
    load_poses: Callable[[Any], PoseSequence] | None = None
    load_features: Callable[[Any], Array] | None = None
    load_motion: Callable[[Any], Motion] | None = None
    version: int = 1
    """Part of the fingerprint: raised when the adapter reads the same files differently."""
    published: Mapping[str, int] = field(default_factory=dict)
    """What the whole data set has, as its authors state: ``clips``, the number of distinct values of a manifest column, or of the clips
    that have certain values (``action=diving split=train``)."""
    needs_data: bool = True
    """False where nothing is read from a data root."""


_NTU_TRAINS = (1, 2, 4, 5, 8, 9, *range(13, 20), 25, 27, 28, 31, 34, 35, 38)
"""The training people of NTU RGB+D's cross-subject protocol (Shahroudy et al. 2016)."""
_NTU_TRAINED = ",".join(f"P{person:03d}" for person in range(1, 41) if person in _NTU_TRAINS)
_NTU_TESTED = ",".join(f"P{person:03d}" for person in range(1, 41) if person not in _NTU_TRAINS)

DATASETS: Mapping[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            "aqa-7",
            "stages.datasets.aqa_7",
            "single and synchronised dives, vaults, big-air ski and snowboard jumps with final scores: 1,106 clips of six sports",
            "score",
            "not stated with the data (unverified)",
            "http://rtis.oit.unlv.edu/datasets.html, AQA-7.zip",
            ("official", "zero-shot", "from-diving", "new-action-25"),
        ),
        Entry(
            "aqa-7-trampoline",
            "stages.datasets.aqa_7_trampoline",
            "the seventh sport of AQA-7: 83 long clips that are in none of its lists of scores",
            "pretraining (no scores)",
            "not stated with the data (unverified)",
            "http://rtis.oit.unlv.edu/datasets.html, AQA-7.zip",
        ),
        Entry(
            "unlv-dive",
            "stages.datasets.unlv_dive",
            "370 dives from the 10 m platform with final score, difficulty and execution score; class 1 of AQA-7",
            "score (columns: score, score.execution)",
            "not stated with the data (unverified)",
            "http://rtis.oit.unlv.edu/datasets.html; difficulty: MTL-AQA's release",
            ("official",),
        ),
        Entry(
            "mtl-aqa",
            "stages.datasets.mtl_aqa",
            "1,412 dives with final score, difficulty, judges' marks, dive number, description and captions",
            "score (columns: score, score.execution); action (any column of the description)",
            "none stated in the authors' repository; the videos are on YouTube",
            "https://github.com/ParitoshParmar/MTL-AQA",
            ("official", "10-percent-labels/seed-0", "40-percent-labels/seed-0"),
        ),
        Entry(
            "finediving",
            "stages.datasets.finediving",
            "3,000 dives with final score, difficulty, dive number and the steps of each dive",
            "score (columns: score, score.execution)",
            "code MIT; data by signed release agreement (terms unverified)",
            "https://github.com/xujinglin/FineDiving",
            ("official",),
        ),
        Entry(
            "rhythmic-gymnastics",
            "stages.datasets.rhythmic_gymnastics",
            "1,000 routines with ball, clubs, hoop and ribbon: difficulty, execution, penalty and total score",
            "score",
            "none stated in the authors' repository",
            "https://github.com/qinghuannn/ACTION-NET; features: https://github.com/xuangch/CVPR22_GDLT",
            ("official", "40-percent-labels/seed-0"),
        ),
        Entry(
            "fis-v",
            "stages.datasets.fis_v",
            "500 programmes of figure skating with technical (TES) and component (PCS) scores",
            "score (columns: score.tes, score.pcs)",
            "none stated in the authors' repository",
            "https://github.com/chmxu/MS_LSTM; features: https://github.com/xuangch/CVPR22_GDLT",
            ("official",),
        ),
        Entry(
            "folder",
            "stages.datasets.folder",
            "your own: any folder of videos, pose files or features with a manifest.csv",
            "whatever its columns say",
            "yours",
            "--data-root DIR is the folder",
        ),
        Entry(
            "kimore",
            "stages.datasets.kimore",
            "rehabilitation exercises of 78 patients and healthy people, Kinect v2, clinical scores 0-50",
            "score",
            "free, as its paper says (terms unverified)",
            "the KiMoRe project page of the Università Politecnica delle Marche",
            ("5-fold", "70-30"),
        ),
        Entry(
            "nw-ucla",
            "stages.datasets.nw_ucla",
            "ten daily actions of ten people in three Kinect v1 views",
            "action",
            "not stated with the data (unverified)",
            "the Northwestern-UCLA Multiview Action 3D page; skeletons as CTR-GCN's authors publish them",
            ("official", "5-fold", "cross-view:train=v01:test=v02"),
        ),
        Entry(
            "ui-prmd",
            "stages.datasets.ui_prmd",
            "ten rehabilitation movements of ten healthy people, done correctly and incorrectly, Kinect v2",
            "action (label: correct, incorrect)",
            "Open Data Commons Public Domain Dedication (PDDL) 1.0, as its paper states",
            "the UI-PRMD page of the University of Idaho",
            ("5-fold", "leave-one-out"),
        ),
        Entry(
            "irds",
            "stages.datasets.irds",
            "nine rehabilitation gestures of 15 patients and 14 healthy people, correct or not, Kinect v2",
            "action (label: correct, incorrect, other)",
            "publicly available, as its paper says (terms of the Zenodo record unverified)",
            "Zenodo record 4610859 (IntelliRehabDS)",
            ("5-fold", "leave-one-out"),
        ),
        Entry(
            "utkinect",
            "stages.datasets.utkinect",
            "ten daily actions of ten people, twice each, Kinect v1",
            "action",
            "not stated with the data (unverified)",
            "the UTKinect-Action3D page of the University of Texas at Austin",
            ("5-fold", "leave-one-out"),
        ),
        Entry(
            "uwa3d",
            "stages.datasets.uwa3d",
            "thirty daily actions of ten people from four sides, Kinect v1 skeletons of 15 joints",
            "action, pretraining",
            "research use, on request (terms unverified)",
            "https://ieee-dataport.org/documents/uwa-3d-multiview-activity-ii-dataset",
            ("5-fold", "cross-view:train=v01,v02:test=v03", "cross-view:train=v01,v02:test=v03,v04"),
        ),
        Entry(
            "ntu60",
            "stages.datasets.ntu60",
            "sixty actions of forty people, three synchronous Kinect v2; ntu60-depth, ntu60-densepose: maps instead of colour videos",
            "action, pretraining",
            "non-commercial academic research, on request from the ROSE Lab (terms unverified)",
            "https://rose1.ntu.edu.sg/dataset/actionRecognition",
            ("cross-subject", "cross-view"),
            {
                "cross-subject": f"cross-subject:train={_NTU_TRAINED}:test={_NTU_TESTED}",
                "cross-view": "cross-view:train=C002,C003:test=C001",
            },
            variants="depth|densepose",
        ),
        Entry(
            "qmar",
            "stages.datasets.qmar",
            "simulated Parkinson's and stroke movements of 38 people from six views, severity as a class",
            "level, score",
            "not public; on request from the authors (terms unverified)",
            "the authors of VI-Net (https://github.com/fsardari/VI-Net)",
            ("cross-subject", "cross-view:train=VIEW,VIEW:test=VIEW,VIEW"),
            {"cross-subject": "official"},
        ),
        Entry(
            "jigsaws",
            "stages.datasets.jigsaws",
            "three surgical tasks of eight surgeons on a da Vinci: kinematics, video, six element scores; jigsaws-stereo: both cameras",
            "score (columns: score, score.tissue …), level",
            "research use, by form (terms unverified)",
            "https://cirl.lcsr.jhu.edu/research/hmm/datasets/jigsaws_release; folds: https://github.com/nzl-thu/MUSDL",
            ("4-fold", "loso", "louo", "4-fold/50-percent-labels/seed-0"),
            {"4-fold": "by-fold", "loso": "by-supertrial", "louo": "leave-one-out"},
            variants="stereo",
        ),
        Entry(
            "mmfs-63",
            "stages.datasets.mmfs_63",
            "4,915 figure-skating elements of 63 kinds: 2-D skeletons with scores",
            "score, action",
            "repository with the link to the skeletons MIT; videos by request, for copyright reasons",
            "https://github.com/dingyn-Reno/MMFS",
            ("official",),
        ),
        Entry(
            "infants",
            "stages.datasets.infants",
            "2-D poses of 85 healthy infants and 19 at neuromotor risk, four risk levels",
            "level",
            "none stated in the authors' repository (terms of the figshare record unverified)",
            "https://github.com/cchamber/Infant_movement_assessment (figshare 10034c230ad9b2b2a6a4)",
            ("5-fold", "leave-one-out"),
        ),
        Entry(
            "generated",
            "stages.datasets.generated",
            "generated squats with known faults and a panel of judges; generated-6x3+20: 6 subjects x 3 clips, 20 unscored",
            "score",
            "as the toolkit",
            "nowhere: it is made on the spot",
            ("5-fold", "3-fold"),
            variants=r"(\d+)x(\d+)(?:\+(\d+))?(-slips)?(?:-seed(\d+))?",
        ),
    )
}


def resolve_name(text: str) -> str:
    """Return the data set's name for any spelling with or without hyphens and capitals; a size behind the name is kept."""
    base, _, variant = text.lower().partition("-")
    if variant and base in DATASETS and re.fullmatch(DATASETS[base].variants, variant):
        return f"{base}-{variant}"
    known = {folded(name): name for name in DATASETS}
    if folded(text) not in known:
        raise unknown_name("data set", text, DATASETS)
    return known[folded(text)]


def adapter_for(name: str) -> Adapter:
    """Import and return the adapter of a data set."""
    resolved = resolve_name(name)
    if resolved in DATASETS:
        adapter = importlib.import_module(DATASETS[resolved].module).ADAPTER
    else:
        base, _, variant = resolved.partition("-")
        adapter = importlib.import_module(DATASETS[base].module).adapter_of(variant)
    assert isinstance(adapter, Adapter)
    return adapter


def find_folder(adapter: Adapter, data_root: Path | None) -> Path:
    """Return the data set's folder under the data root.

    Raises:
        UsageError: no data root is known.
        ArtifactError: the data set is not there; the error shows the layout that is looked for.
    """
    if not adapter.needs_data:
        return data_root or Path()
    if data_root is None:
        raise UsageError(f"Where is {adapter.name}?", hint="give --data-root DIR or set AQA_DATA")
    folder = adapter.locate(data_root) if data_root.is_dir() else None
    if folder is None:
        raise ArtifactError(f"{adapter.name} was not found under {data_root}.", hint=f"expected {adapter.layout_help}")
    return folder


def inputs_of(recording: Any, digest: Callable[[Path], str] = fingerprint.of_file) -> dict[str, str]:
    """Return what identifies a recording in fingerprints: the digest of each of its files, and of every other field."""
    values = {entry.name: getattr(recording, entry.name) for entry in fields(recording)}
    return {name: digest(value) if isinstance(value, Path) else fingerprint.of_value(value) for name, value in values.items()}
