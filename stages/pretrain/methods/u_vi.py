"""U-VI: a pose that does not depend on the view, from pairs of pictures of one moment (Sardari et al., BMVC 2021, section 3).

A pose encoder finds the canonical pose of a picture, a viewpoint encoder its rotation and translation; the pose as the view shows it is
R P + T, and a decoder paints the picture of it.  Four losses (equation 8): pictures are painted from the pose that the *other* view found
(invariance, equations 2 to 4) and from their own (equation 5); a shifted picture's pose is shifted as much (equivariance, equation 6), and
is painted, too (equation 7).  With probability .5 the rotation is that of another frame of the same view (equation 1), so that the
viewpoint encoder cannot smuggle the pose past the pose encoder.

What the paper leaves open, and ours: pose features are in units of half a picture's side, and equation 6 is taken in pixels, x and y
shifted by what the picture was and z by nothing; pictures are shifted by up to a tenth of their side along both axes (the authors'
code: up to 50 of 512 pixels along one of them); rotations are R_z R_y R_x of three angles; convolutions keep the size.  A pair is two
views of one frame of a clip, or the same frame of two clips with the same value in a column of the manifest.
N pairs, P pose features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from stages.arrays import Array
from stages.encoders.spec import ImageSpec
from stages.engine.annotations import MISSING, Kind
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import ImageInput, Inputs
from stages.engine.method import MethodConfig, Phase, Pretext, Sets, Step
from stages.engine.streams import Choose, Shuffled, Stream
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.pretrain.methods.u_vi_examined import Looked, Networks, among_groups, figures, moments_of, retrieval, sheet
from stages.pretrain.methods.u_vi_networks import Decoder, ViewpointEncoder, rotation, seen, shifted

SHEET = 128
"""Pixels of a tile on a sheet."""


class Settings(MethodConfig):
    """Settings of the method; weights and probabilities are the paper's."""

    encoder: str = "posture"
    encoder_settings: dict[str, Any] = {}
    images: ImageInput = ImageInput(views=())
    pairs: Literal["views", "clips"] = "views"
    """Two views of a frame of one clip (virtual cameras), or the same frame of two clips (real ones)."""
    synchronous: str = "moment"
    """Of ``clips``: the column of the manifest in which those that show one performance at one time have the same value."""
    pairs_per_clip: int | None = Field(None, ge=1)
    """Pairs of a clip in an epoch, at random frames; None takes as many as clips have frames on average."""
    invariance_weight: float = Field(1.0, ge=0)
    """α of equation 8; 0 leaves the swap out (table 5)."""
    equivariance_weight: float = Field(1e-3, ge=0)
    """β, of squared pixels."""
    reconstruction_weight: float = Field(1.0, ge=0)
    """γ."""
    other_frame: float = Field(0.5, ge=0, le=1)
    """Probability that the rotations are those of other frames (equation 1)."""
    shift: float = Field(0.1, ge=0, le=0.5)
    """How far pictures are shifted at most, as a part of their side."""
    flip: bool = True
    """Whether pairs are mirrored at random."""
    dropout: float = Field(0.3, ge=0, lt=1)
    """In the viewpoint encoder and the decoder."""


class UVI(Pretext):
    """Pose encoder, viewpoint encoder and decoder."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(epochs=20, batch_size=5, optimiser="adam", lr=2e-4)
    uses_encoder: ClassVar = "images"
    continues: ClassVar = True

    def __init__(self, settings: Settings, encoder: ImageSpec) -> None:
        super().__init__()
        self.settings, self.spec = settings, encoder
        self.inputs = Inputs(images=settings.images)
        self.encoder = encoder.build()
        width, points = int(self.encoder.config.width), int(self.encoder.config.features)  # type: ignore[union-attr,arg-type]
        self.viewpoint = ViewpointEncoder(encoder.channels, encoder.size, width, settings.dropout)
        self.decoder = Decoder(3 * points, encoder.channels, encoder.size, width, settings.dropout)
        self.pixels = encoder.size[0] / 2

    @classmethod
    def consumes(cls, settings: Settings) -> tuple[str, ...]:
        """Return that only pictures are taken."""
        return ("images",)

    @classmethod
    def annotations(cls, settings: Settings) -> Mapping[str, Kind]:
        """Return the column that tells which clips are synchronous."""
        return {settings.synchronous: "group"} if settings.pairs == "clips" else {}

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        """Return the pairs; batch norm cannot take a last batch of a single one."""
        return {name: self._stream(sets[name], training.batch_size) for name in phase.sets}

    def _stream(self, clips: Clips, size: int) -> Stream:
        assert clips.images is not None
        pairs, column = self.settings.pairs, self.settings.synchronous
        self._check_views(clips)
        usable = list(range(len(clips))) if pairs == "views" else synchronous(clips, column)
        repeats = self.settings.pairs_per_clip or max(1, round(float(clips.images.count.float().mean())))
        repeated = clips.chosen(usable * repeats)
        return Shuffled(repeated, size, least=2, partner=same_moment(repeated, column) if pairs == "clips" else None)

    def held_out(self, clips: Clips, size: int) -> Iterator[Batch]:
        """Yield held-out clips; where pairs are clips, those that have a synchronous one, each with one of them."""
        if self.settings.pairs == "views":
            yield from super().held_out(clips, size)
            return
        column = self.settings.synchronous
        paired = clips.chosen(synchronous(clips, column))
        stream = Shuffled(paired, size, partner=same_moment(paired, column))
        yield from (stream.batch(0, 0, step) for step in range(stream.steps))

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return equation 8 and its terms, the share of canonical poses nearest to the other view's, and the pose's error under a shift."""
        settings, (first, second, other_first, other_second) = self.settings, self.pictures(next(iter(batches.values())))
        count = len(first)
        shifts = [self._shifts(count, first.device) for _ in range(2)]
        moved = [shifted(picture, shift) for picture, shift in zip((first, second), shifts, strict=True)]
        poses = torch.split(self.encoder(torch.cat([first, second, *moved])), count)
        angles, places = self.viewpoint(torch.cat([first, second, *moved, other_first, other_second]))
        turns, places = torch.split(rotation(angles), count), torch.split(places, count)
        elsewhere = (torch.rand(count, device=first.device) < settings.other_frame)[:, None, None]
        views = [torch.where(elsewhere, turns[4 + side], turns[side]) for side in range(2)]
        own = [seen(poses[side], views[side], places[side]) for side in range(2)]
        swapped = [seen(poses[1 - side], views[side], places[side]) for side in range(2)] if settings.invariance_weight else []
        after = [seen(poses[2 + side], views[side], places[2 + side]) for side in range(2)]
        painted = torch.split(self.decoder(torch.cat([*own, *after, *swapped])), count)
        terms = {
            "reconstruction": F.mse_loss(painted[0], first) + F.mse_loss(painted[1], second),
            "reconstruction_shifted": F.mse_loss(painted[2], moved[0]) + F.mse_loss(painted[3], moved[1]),
            "equivariance": torch.stack([self.equivariance(own[side], after[side], shifts[side]) for side in range(2)]).sum(),
        }
        loss = settings.reconstruction_weight * (terms["reconstruction"] + terms["reconstruction_shifted"])
        loss = loss + settings.equivariance_weight * terms["equivariance"]
        if swapped:
            terms["invariance"] = F.mse_loss(painted[4], first) + F.mse_loss(painted[5], second)
            loss = loss + settings.invariance_weight * terms["invariance"]
        return Step({"main": loss}, terms | {"retrieval": retrieval(poses[0], poses[1])})

    def equivariance(self, before: Tensor, after: Tensor, shift: Tensor) -> Tensor:
        """Return equation 6 in squared pixels: poses (N, 3, P) as a view shows them before and after a shift (N, 2) along x and y."""
        expected = before * self.pixels + F.pad(shift, (0, 1))[:, :, None]
        return F.mse_loss(after * self.pixels, expected)

    def pictures(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return two views of a random moment, and one each of another moment of the same clips, each (N, C, H, W)."""
        assert batch.images is not None
        images, device = batch.images, batch.images.first.device
        others = batch.partner.images if batch.partner is not None else images
        assert others is not None
        common = torch.minimum(images.count, others.count)
        number = (torch.rand(len(images), 1, device=device) * common[:, None]).long()
        one = two = torch.zeros_like(number)
        if batch.partner is None:
            views = torch.rand(len(images), images.values.shape[1], device=device).argsort(dim=1)
            one, two = views[:, :1], views[:, 1:2]
        elsewhere = [(torch.rand(len(images), 1, device=device) * count[:, None]).long() for count in (images.count, others.count)]
        found = [
            images.frames(number, one, device),
            others.frames(number, two, device),
            images.frames(elsewhere[0], one, device),
            others.frames(elsewhere[1], two, device),
        ]
        if self.settings.flip and self.training:
            mirrored = (torch.rand(len(images), device=device) < 0.5)[:, None, None, None, None]
            found = [torch.where(mirrored, each.flip(-1), each) for each in found]
        one_view, other_view, one_else, other_else = (each[:, 0] for each in found)
        return one_view, other_view, one_else, other_else

    @torch.no_grad()
    def examine(self, clips: Clips, advance: Callable[[int], None]) -> Mapping[str, Array]:
        """Return what :mod:`stages.pretrain.methods.u_vi_examined` measures; clips that no other view shows have NaN."""
        groups = self._groups(clips)
        found, middles = list[dict[str, float]](), []
        for group in groups:
            looked = self._looked(clips, group)
            found.append(figures(looked))
            middle = looked.poses.shape[1] // 2
            middles.append((looked.poses[:, middle], looked.pictures[:, middle]))
            advance(len(group))
        per_group = {name: np.array([each[name] for each in found]) for name in found[0]}
        if len(groups) > 1:
            per_group |= among_groups(middles)
        result = {name: np.full(len(clips), np.nan) for name in per_group}
        for name, values in per_group.items():
            for group, value in zip(groups, values, strict=True):
                result[name][group] = value
        return result

    @torch.no_grad()
    def sheet(self, clips: Clips, number: int) -> Array | None:
        """Return moments of a clip as views show them, painted, painted with swapped poses, and their canonical poses."""
        group = next((each for each in self._groups(clips) if number in each), None)
        return sheet(self._looked(clips, group), SHEET) if group is not None else None

    def _check_views(self, clips: Clips) -> None:
        assert clips.images is not None
        if self.settings.pairs == "views" and clips.images.values.shape[1] < 2:
            raise UsageError(
                "U-VI learns from two views of a moment; these pictures have one.",
                hint="aqa extract-maps --cameras 0,45,-45, or --set settings.pairs=clips where several cameras filmed",
            )

    def _groups(self, clips: Clips) -> list[list[int]]:
        """Return the numbers of the clips that show one performance; where a clip has several views, each clip alone."""
        self._check_views(clips)
        if self.settings.pairs == "views":
            return [[number] for number in range(len(clips))]
        usable, column = synchronous(clips, self.settings.synchronous), clips.annotations[self.settings.synchronous].numpy()
        return [[number for number in usable if column[number] == moment] for moment in dict.fromkeys(column[usable].tolist())]

    def _looked(self, clips: Clips, group: list[int]) -> Looked:
        assert clips.images is not None
        device = next(self.parameters()).device
        images = clips.images.take(torch.tensor(group))
        numbers = moments_of(int(images.count.min()))[None]
        views = range(images.values.shape[1]) if self.settings.pairs == "views" else (0,)
        pictures = [images.frames(numbers.expand(len(group), -1), view, device) for view in views]
        return Looked.at(Networks(self.encoder, self.viewpoint, self.decoder), torch.cat(pictures))

    def _shifts(self, count: int, device: torch.device) -> Tensor:
        """Return random whole pixels (N, 2) along x and y."""
        most = int(self.settings.shift * self.spec.size[0])
        return torch.randint(-most, most + 1, (count, 2), device=device).float()


def synchronous(clips: Clips, column: str) -> list[int]:
    """Return the places of the clips that have a synchronous one: another with the same value in a column of the manifest.

    Raises:
        UsageError: there is none.
    """
    moments = clips.annotations[column].numpy()
    _, group, count = np.unique(moments, return_inverse=True, return_counts=True)
    found: list[int] = np.flatnonzero((count[group] > 1) & (moments != MISSING)).tolist()
    if not found:
        raise UsageError(
            f"No two clips have the same value in '{column}', so none are synchronous.",
            hint="learn from clips of two cameras or more (a protocol may leave one to train); --set settings.synchronous=COLUMN",
        )
    return found


def same_moment(clips: Clips, column: str) -> Choose:
    """Return a chooser of partners: a random clip with the same value in the column, but another one."""
    moments, ids = clips.annotations[column].numpy(), np.array(clips.ids)
    members = {moment: np.flatnonzero(moments == moment) for moment in np.unique(moments)}

    def choose(indices: Array, random: np.random.Generator) -> Array:
        others = (members[moments[index]][ids[members[moments[index]]] != ids[index]] for index in indices)
        return np.array([random.choice(each) for each in others], dtype=np.int64)

    return choose
