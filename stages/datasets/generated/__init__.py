"""A generated data set: people who squat with raised arms before a depth camera, with known faults and a panel of judges.

It needs no download, and every clip is a function of (seed, clip id) alone, so it is the same on every machine.  ``generated`` has
30 subjects × 3 scored clips (``part=scored``) and 150 clips of 30 other subjects to pretrain on (``part=unscored``);
``generated-6x3+20`` has 6 × 3 and 20, and ``generated-6x3+20-seed7`` is another draw of the same size.

``generated-40x4-slips`` is another kind: hardly anything is wrong but, in most clips, one part of the body in one repetition
(:class:`.motion.Slip`), named by ``slip`` and, in seconds, ``score.slip_start`` and ``score.slip_end``: what an explanation must find.

``score`` is the panel's; ``score.true`` the quality before judging (:mod:`.judges`), ``score.judge_1`` … the marks,
``score.fault_range`` … each fault's strength (:mod:`.motion`).  A subject's clips share body, habits and typical faults.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.datasets import manifest
from stages.datasets.generated import bodies, judges, motion, sensor
from stages.datasets.generated.motion import FAULTS, FPS, SLIPPING, Faults, Slip
from stages.datasets.manifest import Value
from stages.datasets.registry import DATASETS, Adapter, Scan
from stages.engine.seeding import generator
from stages.errors import UsageError
from stages.skeletons.layouts import KINECT_25
from stages.skeletons.poses import PoseSequence, sequence

ACTION = "squat"
COHORTS: Mapping[str, Faults] = {
    "healthy": {"range": 0.1, "tempo": 0.1, "smoothness": 0.1, "symmetry": 0.1, "tremor": 0.05},
    "stiff": {"range": 0.7, "tempo": 0.15, "smoothness": 0.3, "symmetry": 0.2, "tremor": 0.1},
    "hasty": {"range": 0.3, "tempo": 0.7, "smoothness": 0.3, "symmetry": 0.2, "tremor": 0.1},
    "one-sided": {"range": 0.35, "tempo": 0.2, "smoothness": 0.25, "symmetry": 0.7, "tremor": 0.15},
    "shaky": {"range": 0.25, "tempo": 0.2, "smoothness": 0.55, "symmetry": 0.2, "tremor": 0.7},
}
"""Cohort → strength of its faults in a case of severity 1; subjects are dealt to the cohorts in turn."""
SEVERITY = (0.2, 1.4)
"""Every subject's severity lies evenly between these; all faults of its cohort are multiplied by it."""
BETWEEN, WITHIN = 0.08, 0.1
"""Standard deviations of a fault's strength between subjects of one cohort and severity, and between the clips of a subject."""
SLIPPED = 0.85
"""The share of clips with a local fault, where clips have such."""
_CLIPS_WITHOUT_SCORE = 5


@dataclass(frozen=True)
class Sizes:
    """How much is generated.

    Attributes:
        subjects: with scores.
        clips: of each of them.
        unlabelled: clips without scores, five per subject.
        seed: of everything.
        slips: whether clips have one local fault instead of their cohort's.
    """

    subjects: int = 30
    clips: int = 3
    unlabelled: int = 150
    seed: int = 0
    slips: bool = False


@dataclass(frozen=True)
class Clip:
    """One clip: ``<subject>/c<number>``, the subject ``s<number>`` (scored) or ``u<number>``."""

    id: str
    seed: int
    slips: bool = False

    @property
    def subject(self) -> str:
        """The person's name."""
        return self.id.partition("/")[0]

    @property
    def part(self) -> str:
        """``scored`` or ``unscored``."""
        return "scored" if self.id.startswith("s") else "unscored"

    @property
    def cohort(self) -> str:
        """The person's cohort."""
        return "healthy" if self.slips else list(COHORTS)[int(self.subject[1:]) % len(COHORTS)]

    def random(self, what: str) -> np.random.Generator:
        """Return the random numbers of one aspect of this clip, independent of every other aspect and clip."""
        return generator("generated", self.seed, self.id, what)

    def random_of_subject(self, what: str) -> np.random.Generator:
        """Return the random numbers of one aspect that the subject's clips share."""
        return generator("generated", self.seed, self.subject, what)


def faults_of(clip: Clip) -> dict[str, float]:
    """Return the strength of each fault in ``clip``."""
    person = clip.random_of_subject("faults")
    severity = person.uniform(*SEVERITY)
    change = person.normal(0, BETWEEN, len(FAULTS)) + clip.random("faults").normal(0, WITHIN, len(FAULTS))
    base = COHORTS[clip.cohort]
    return {name: round(float(np.clip(severity * base[name] + more, 0, 1)), 4) for name, more in zip(FAULTS, change, strict=True)}


def slip_of(clip: Clip) -> Slip | None:
    """Return the local fault of ``clip``; None where it has none."""
    random = clip.random("slip")
    part, strength, side, has = random.choice(list(SLIPPING)), random.uniform(0.3, 1), random.choice([-1, 1]), random.random() < SLIPPED
    repetition = int(random.integers(_chance(clip).repetitions))
    return Slip(str(part), repetition, round(float(strength), 4), int(side)) if clip.slips and has else None


def labels(clip: Clip) -> dict[str, Value]:
    """Return the scored clip's columns: the panel's score, the truth, the marks and the faults."""
    faults, slip = faults_of(clip), slip_of(clip)
    truth = judges.quality(faults) * (1 - judges.SLIP * (slip.strength if slip else 0))
    marks = judges.draw_marks(truth, judges.draw_leniency(generator("generated", clip.seed, "judges")), clip.random("marks"))
    return {
        "score": round(judges.score_of(marks), 3),
        "score.true": round(truth, 3),
        **{f"score.judge_{number}": float(mark) for number, mark in enumerate(marks, start=1)},
        **{f"score.fault_{name}": strength for name, strength in faults.items()},
        **(_where(clip, slip) if clip.slips else {}),
    }


def _where(clip: Clip, slip: Slip | None) -> dict[str, Value]:
    """Return the columns of a local fault."""
    if slip is None:
        return {"slip": None, "score.fault_slip": 0.0, "score.slip_start": None, "score.slip_end": None}
    starts = motion.starts_of(motion.draw_habits(clip.random_of_subject("habits")), faults_of(clip), _chance(clip))
    start, end = (round(float(starts[slip.repetition + more]), 3) for more in (0, 1))
    return {"slip": slip.part, "score.fault_slip": slip.strength, "score.slip_start": start, "score.slip_end": end}


def _chance(clip: Clip) -> motion.Chance:
    return motion.draw_chance(clip.random("chance"))


def clean_motion(clip: Clip, faults: Faults) -> Array:
    """Return the joints (T, 25, 3) before the sensor, in the body's axes (metres), as ``clip`` would be with these faults."""
    body = bodies.draw_body(clip.random_of_subject("body"))
    habits = motion.draw_habits(clip.random_of_subject("habits"))
    return bodies.joints(body, motion.perform(body, habits, faults, _chance(clip), slip_of(clip)))


def load_poses(clip: Clip) -> PoseSequence:
    """Generate one clip: (1, T, 25, 3) in metres, origin at the camera, 30 frames a second."""
    placed = sensor.seen_from(clean_motion(clip, faults_of(clip)), sensor.draw_view(clip.random("view")))
    facts = {"generated": clip.id, "seed": clip.seed}
    return sequence(sensor.record(placed, clip.random("sensor")), KINECT_25, fps=FPS, units="m", origin="camera", clip=facts)


def clips_of(sizes: Sizes) -> tuple[list[Clip], list[Clip]]:
    """Return the scored clips and those without a score."""
    people, clips = range(1, sizes.subjects + 1), range(1, sizes.clips + 1)
    scored = [Clip(f"s{s:02d}/c{c}", sizes.seed, sizes.slips) for s in people for c in clips]
    places = (divmod(number, _CLIPS_WITHOUT_SCORE) for number in range(sizes.unlabelled))
    return scored, [Clip(f"u{subject + 1:02d}/c{number + 1}", sizes.seed, sizes.slips) for subject, number in places]


def adapter_of(variant: str) -> Adapter:
    """Return the adapter of the size that ``variant`` (``6x3+20-seed7``) names; empty is the default size.

    Raises:
        UsageError: no size is named, or it has no scored clip.
    """
    sizes = Sizes()
    if variant:
        match = re.fullmatch(DATASETS["generated"].variants, variant)
        if match is None or not int(match[1]) * int(match[2]):
            raise UsageError(f"'generated-{variant}' names no size.", hint="for example generated-6x3+20: subjects x clips + unlabelled")
        subjects, clips, unlabelled, slips, seed = match.groups()
        sizes = Sizes(int(subjects), int(clips), int(unlabelled or 0), int(seed or 0), slips is not None)

    def scan(_: Path) -> Scan:
        scored, bare = clips_of(sizes)
        rows = [(clip.id, {**labels(clip), **_who(clip)}) for clip in scored] + [(clip.id, _who(clip)) for clip in bare]
        return Scan(manifest.from_rows(rows, "generated"), {clip.id: clip for clip in (*scored, *bare)})

    return Adapter(
        name=f"generated-{variant}" if variant else "generated",
        layout_help="nothing: it is generated",
        locate=lambda root: root,
        scan=scan,
        load_poses=load_poses,
        needs_data=False,
    )


def _who(clip: Clip) -> dict[str, Value]:
    return {"subject": clip.subject, "part": clip.part, "action": ACTION, "cohort": clip.cohort}


ADAPTER: Adapter = adapter_of("")
