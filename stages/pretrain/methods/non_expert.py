"""The non-expert: pace prediction and skeleton inpainting on ordinary motion (Nekoui and Cheng, section 3.1).

A clip S is slowed to S′ (one of a few paces); a bidirectional GRU encodes S′.  One decoder tells the pace from the representations
(equation 1).  Another GRU starts from the encoder's state, reads S′ with one of the four limbs set to zero in all frames, and gives
S′ back whole (equation 2), plausibly, as a discriminator sees to (equation 3).  The encoder is updated by equation 4 alone: each loss
goes to its own optimiser and moves none of the other networks.

What the paper leaves open, and ours: the decoders start from the encoder's state layer by layer, both directions joined; the pace
decoder reads the representations frame by frame and decides on its last output; the reconstruction loss is summed over joints and averaged
over real frames, since the printed sum over 743 frames would leave β nothing to weigh.

``settings.recovery`` and ``settings.pace`` choose the other pretexts of table 2: ``reconstruction`` (the decoder sees nothing),
``prediction`` (encoder and decoder see the first half of the frames), ``order`` (the decoder tells where each of 25 shuffled segments
belongs, with a 25-way cross-entropy for each place; no discriminator), ``none`` (pace alone).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from stages.encoders.gru import GRUEncoder, coordinates
from stages.encoders.recurrent import run
from stages.encoders.spec import PoseSpec
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import Inputs
from stages.engine.method import MethodConfig, Phase, Pretext, Sets, Step
from stages.engine.streams import Shuffled, Stream
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.pretrain.methods.sequence_changes import Filling, first_half, limbs, paced, shuffled
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import layout_named


class Settings(MethodConfig):
    """Settings of the method; the defaults are the paper's."""

    encoder: str = "gru"
    encoder_settings: dict[str, Any] = {}
    input: PoseInput = PoseInput(frames=743, length="pad-front", scale="unit", centre="none", face_camera=False)
    pace: bool = True
    """Whether clips are slowed and their pace is told."""
    paces: tuple[float, ...] = (0.6, 0.7, 0.8, 0.9, 1.0)
    """p_i; without ``pace`` clips keep theirs."""
    filling: Filling = "interpolate"
    """How a slowed clip comes to its old length; the paper names repetition, too."""
    recovery: Literal["inpainting", "reconstruction", "prediction", "order", "none"] = "inpainting"
    """What the second decoder does (table 2)."""
    segments: int = Field(25, ge=2)
    """Of ``order``."""
    units: int = Field(1000, ge=1)
    """Of both decoders; the second one starts from the encoder's state, whose size it must have."""
    discriminator_units: int = Field(200, ge=1)
    adversarial_weight: float = Field(0.01, ge=0)
    """α of equation 3; 0 trains no discriminator."""
    pace_weight: float = Field(0.2, ge=0)
    """β of equation 4."""
    reduction: Literal["frame-mean", "sum"] = "frame-mean"
    """Equation 2's sum over frames, as a mean over the real ones or as printed."""

    @model_validator(mode="after")
    def _something_to_learn(self) -> Settings:
        if self.recovery == "none" and not self.pace:
            raise ValueError("recovery=none and pace=false leave nothing to learn")
        if not self.paces or not all(0 < pace <= 1 for pace in self.paces):
            raise ValueError("paces must lie above 0 and be at most 1")
        return self


@dataclass(frozen=True)
class _Seen:
    """What the networks are shown of a batch.

    Attributes:
        clips: S′, (N, C, T, V, M).
        mask: the real frames, (N, T).
        encoded: the frames that the encoder reads, (N, T).
        left: what the decoder reads, (N, C, T, V, M); the rest is zero to it.
    """

    clips: Tensor
    mask: Tensor
    encoded: Tensor
    left: Tensor


class NonExpert(Pretext):
    """Encoder, two decoders and a discriminator, each with its own optimiser."""

    SETTINGS: ClassVar = Settings
    TRAINING: ClassVar = TrainingConfig(
        epochs=300, batch_size=55, optimiser="adam", lr=3e-4, schedule="exponential", decay=0.9, decay_interval=30
    )
    continues: ClassVar = True
    encoder: GRUEncoder
    joints: Tensor
    mean_pose: Tensor

    def __init__(self, settings: Settings, encoder: PoseSpec) -> None:
        super().__init__()
        self.settings, self.spec = settings, encoder
        if encoder.name != "gru":
            raise UsageError(
                f"The non-expert's decoder starts from the state of a recurrent encoder; '{encoder.name}' has none.",
                hint="--set settings.encoder=gru",
            )
        self.inputs = Inputs(poses=encoder.input)
        layout = layout_named(encoder.skeleton)
        network = encoder.build()
        assert isinstance(network, GRUEncoder)
        self.encoder = network
        size, layers = encoder.channels * len(layout.joints) * encoder.input.people, network.network.num_layers
        if settings.recovery != "none" and settings.units != network.dimensions:
            raise UsageError(
                f"The decoder starts from the encoder's state: {settings.units} units cannot take {network.dimensions} numbers.",
                hint=f"--set settings.units={network.dimensions}",
            )
        self.pace_decoder = _Reader(network.dimensions, settings.units, layers, len(settings.paces)) if settings.pace else None
        self.decoder = nn.GRU(size, settings.units, layers, batch_first=True) if settings.recovery != "none" else None
        outputs = settings.segments if settings.recovery == "order" else size
        self.out = nn.Linear(settings.units, outputs) if self.decoder is not None else None
        adversarial = settings.adversarial_weight > 0 and settings.recovery not in ("order", "none")
        self.discriminator = _Reader(size, settings.discriminator_units, layers, 1) if adversarial else None
        self.register_buffer("joints", limbs(layout), persistent=False)
        self.register_buffer("mean_pose", torch.zeros(encoder.channels, 1, len(layout.joints), encoder.input.people))

    def measure(self, train: Clips) -> None:
        """Take the mean pose of the training clips, which is what a masked limb is guessed to be without looking."""
        weight = train.mask[:, None, :, None, None].to(train.poses.dtype)
        self.mean_pose.copy_(((train.poses * weight).sum(dim=(0, 2)) / weight.sum())[:, None])

    def phases(self, sets: Sets) -> tuple[Phase, ...]:
        """Return one phase for each data set, in their order: the networks go on from one to the next."""
        names = [name for name in sets if name != "train"] or ["train"]
        return tuple(Phase(name, sets=(name,)) for name in names)

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        """Return the phase's clips."""
        return {"train": Shuffled(sets[phase.sets[0]], training.batch_size)}

    def optimisers(self, phase: Phase) -> dict[str, Iterable[Any]]:
        """Return the four networks' parameters, those of the networks that there are."""
        owners: dict[str, list[nn.Module | None]] = {
            "encoder": [self.encoder],
            "pace": [self.pace_decoder],
            "recovery": [self.decoder, self.out],
            "discriminator": [self.discriminator],
        }
        owned = {name: [p for module in modules if module is not None for p in module.parameters()] for name, modules in owners.items()}
        return {name: parameters for name, parameters in owned.items() if parameters}

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the losses of one batch by the network that they update."""
        batch = batches["train"]
        pace, clips = self._slowed(batch)
        if self.settings.recovery == "order":
            clips, place, order = shuffled(clips, batch.mask, self.settings.segments)
        seen = self._shown(clips, batch.mask)
        representation, state = self.encoder.states(seen.clips, seen.encoded)
        losses, terms = dict[str, Tensor](), dict[str, Tensor]()
        encoder = torch.zeros((), device=batch.mask.device)
        if self.pace_decoder is not None:
            logits = self.pace_decoder(representation, seen.encoded)
            losses["pace"] = F.cross_entropy(logits, pace)  # equation 1
            terms["pace_accuracy"] = (logits.argmax(dim=1) == pace).float().mean()
            encoder = self.settings.pace_weight * losses["pace"]
        if self.settings.recovery == "order":
            losses["recovery"], terms["order_accuracy"] = self._ordered(seen, state, place, order)
            encoder = encoder + losses["recovery"]
        elif self.decoder is not None:
            recovered = self._decoded(seen, state)
            reconstruction = self.reconstruction_loss(recovered, seen)
            terms |= {"reconstruction": reconstruction} | self._errors(recovered, seen)
            losses |= self._adversarial(recovered, seen, reconstruction)
            encoder = encoder + reconstruction
        return Step({"encoder": encoder, **losses}, terms)

    def reconstruction_loss(self, recovered: Tensor, seen: _Seen) -> Tensor:
        """Return equation 2: squared errors summed over joints; over frames, see ``settings.reduction``; averaged over the clips."""
        squares = (recovered - coordinates(seen.clips)).square().sum(dim=2) * seen.mask
        per_clip = squares.sum(dim=1)
        if self.settings.reduction == "frame-mean":
            per_clip = per_clip / seen.mask.sum(dim=1).clamp(min=1)
        return per_clip.mean()

    def _slowed(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the number of each clip's pace, drawn at random, and the slowed clips."""
        if not self.settings.pace:
            return torch.zeros(len(batch), dtype=torch.long, device=batch.mask.device), batch.poses
        pace = torch.randint(len(self.settings.paces), (len(batch),), device=batch.mask.device)
        return pace, paced(batch.poses, batch.mask, torch.tensor(self.settings.paces, device=pace.device)[pace], self.settings.filling)

    def _shown(self, clips: Tensor, mask: Tensor) -> _Seen:
        encoded, left = mask, torch.ones_like(clips, dtype=torch.bool)
        if self.settings.recovery == "inpainting":
            limb = torch.randint(len(self.joints), (len(clips),), device=mask.device)
            left = ~self.joints[limb][:, None, None, :, None].expand_as(clips)
        elif self.settings.recovery == "reconstruction":
            left = torch.zeros_like(left)
        elif self.settings.recovery == "prediction":
            encoded = first_half(mask)
            left = encoded[:, None, :, None, None].expand_as(clips)
        return _Seen(clips, mask, encoded, left)

    def _decoded(self, seen: _Seen, state: Tensor) -> Tensor:
        """Return the sequence that the second decoder makes of what is left, (N, T, C × V × M), zero beyond the clip."""
        assert self.decoder is not None
        assert self.out is not None
        outputs, _ = run(self.decoder, coordinates(seen.clips * seen.left), seen.mask, state.contiguous())
        recovered: Tensor = self.out(outputs) * seen.mask[:, :, None]
        return recovered

    def _adversarial(self, recovered: Tensor, seen: _Seen, reconstruction: Tensor) -> dict[str, Tensor]:
        """Return equation 3 for the decoder (it minimises) and for the discriminator (it maximises the adversarial part)."""
        if self.discriminator is None:
            return {"recovery": reconstruction}
        real = F.logsigmoid(self.discriminator(coordinates(seen.clips), seen.mask)).mean()
        fake = F.logsigmoid(-self.discriminator(recovered, seen.mask)).mean()
        return {"recovery": reconstruction + self.settings.adversarial_weight * fake, "discriminator": -(real + fake)}

    def _ordered(self, seen: _Seen, state: Tensor, place: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cross-entropy of where each place's segment came from, and how many are told right."""
        assert self.decoder is not None
        assert self.out is not None
        outputs, _ = run(self.decoder, coordinates(seen.clips), seen.mask, state.contiguous())
        real = seen.mask[:, :, None].to(outputs.dtype)
        index = place[:, :, None]
        shape = (len(order), order.shape[1], 1)
        frames = torch.zeros(shape, device=outputs.device, dtype=outputs.dtype).scatter_add(1, index, real)
        sums = torch.zeros(*shape[:2], outputs.shape[2], device=outputs.device, dtype=outputs.dtype)
        means = sums.scatter_add(1, index.expand_as(outputs), outputs * real) / frames.clamp(min=1)
        filled = frames[:, :, 0] > 0
        logits, truth = self.out(means)[filled], order[filled]
        return F.cross_entropy(logits, truth), (logits.argmax(dim=1) == truth).float().mean()

    @torch.no_grad()
    def _errors(self, recovered: Tensor, seen: _Seen) -> dict[str, Tensor]:
        """Return the root mean squared error on the coordinates that were hidden, and that of the training clips' mean pose."""
        hidden = coordinates((~seen.left & seen.mask[:, None, :, None, None]).to(recovered.dtype))
        truth = coordinates(seen.clips)
        guesses = {"hidden_error": recovered, "hidden_error_of_mean_pose": coordinates(self.mean_pose.expand_as(seen.clips))}
        count = hidden.sum().clamp(min=1)
        return {name: (((guess - truth).square() * hidden).sum() / count).sqrt() for name, guess in guesses.items()}


class _Reader(nn.Module):
    """A GRU that reads a sequence, and a linear layer on its last output: (N, T, D) → (N, outputs)."""

    def __init__(self, inputs: int, units: int, layers: int, outputs: int) -> None:
        super().__init__()
        self.network = nn.GRU(inputs, units, layers, batch_first=True)
        self.out = nn.Linear(units, outputs)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Return the outputs; ``mask`` (N, T)."""
        result: Tensor = self.out(run(self.network, values, mask)[1][-1])
        return result
