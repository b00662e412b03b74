"""CTR-GCN: channel-wise topology refinement graph convolution (Chen et al., ICCV 2021), the encoder of SME-GCN.

The arithmetic is the published network's, arranged for speed: feature maps keep their channels last in memory, a unit's joints
are related after the mean over time, which commutes with a point-wise convolution, and what the published branches do apart is
done together where that pays (``docs/encoders.md``, "Speed").  :func:`from_published` maps the published state dict's keys onto it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stages.configuration import Config
from stages.encoders.channels_last import batch_norm
from stages.errors import ArtifactError
from stages.skeletons.graph import spatial
from stages.skeletons.layouts import Layout

SUBSETS = 3
"""Identity, inward and outward edges."""
_DILATIONS = (1, 2)
_BRANCHES = len(_DILATIONS) + 2
_BLOCKS = ((1, 1), (1, 1), (1, 1), (1, 1), (2, 2), (2, 1), (2, 1), (4, 2), (4, 1), (4, 1))
"""(width multiple, temporal stride) of the ten blocks."""


class CTRGCNConfig(Config):
    """Sizes; the defaults are the paper's."""

    width: int = 64
    """Channels of the first blocks; the last have four times as many.  A multiple of 8."""
    blocks: int = 10
    """How many of the ten blocks are used (10 is the paper's network; small data can do with fewer)."""


class CTRGCN(nn.Module):
    """Poses (N, C, T, V, M) → representation (N, D), D = 4 × width, averaged over people, joints and valid frames."""

    SETTINGS: ClassVar = CTRGCNConfig

    def __init__(self, config: CTRGCNConfig, layout: Layout, channels: int = 3, people: int = 1) -> None:
        super().__init__()
        joints = len(layout.joints)
        adjacency = torch.from_numpy(spatial(layout))
        self.data_bn = nn.BatchNorm1d(people * channels * joints)
        blocks: list[_Block] = []
        before = channels
        for number, (multiple, stride) in enumerate(_BLOCKS[: config.blocks]):
            after = config.width * multiple
            blocks.append(_Block(before, after, stride, adjacency, residual=number > 0))
            before = after
        self.blocks = nn.ModuleList(blocks)
        self.dimensions = before
        self.apply(_initialise)
        for unit in blocks:
            nn.init.constant_(unit.graph.bn.weight, 1e-6)  # a unit starts as its residual, as published

    def frames(self, poses: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the representation per frame (N, T', D), averaged over people and joints, and its mask (N, T')."""
        features, mask = self.joints(poses, mask)
        return features.mean(dim=(1, 4)).transpose(1, 2), mask

    def joints(self, poses: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the feature map (N, M, D, T', V) before any pooling, and the mask (N, T') at its temporal resolution."""
        batch, channels, frames, joints, people = poses.shape
        flat = poses.permute(0, 4, 3, 1, 2).reshape(batch, people * joints * channels, frames)
        x = self.data_bn(flat).view(batch, people, joints, channels, frames)
        x = x.permute(0, 1, 3, 4, 2).reshape(batch * people, channels, frames, joints)
        x = x.contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            x = block(x)
        stride = -(-frames // x.shape[2])
        mask = F.max_pool1d(mask[:, None].float(), stride, stride, ceil_mode=True)[:, 0] > 0 if stride > 1 else mask
        return x.unflatten(0, (batch, people)), mask

    def forward(self, poses: Tensor, mask: Tensor) -> Tensor:
        """Return the clip's representation (N, D); ``mask`` (N, T) is true where a frame is real."""
        features, mask = self.frames(poses, mask)
        weight = mask[:, :, None].to(features.dtype)
        return (features * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)


class _Block(nn.Module):
    def __init__(self, before: int, after: int, stride: int, adjacency: Tensor, *, residual: bool) -> None:
        super().__init__()
        self.graph = _Graph(before, after, adjacency)
        self.time = _Time(after, stride)
        self.residual: nn.Module | None = None
        self.has_residual = residual
        if residual and (before != after or stride != 1):
            self.residual = _Projection(nn.Conv2d(before, after, 1, stride=(stride, 1)), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        y = self.time(self.graph(x))
        if self.has_residual:
            y = y.add_(self.residual(x) if self.residual is not None else x)
        return y.relu_()


class _Projection(nn.Sequential):
    """A point-wise convolution and its batch norm."""

    def forward(self, x: Tensor) -> Tensor:
        return batch_norm(_pointwise(self[0], x), self[1])


class _Graph(nn.Module):
    """Channel-wise topology refinement (the CTR-GCN paper's equations 4 to 8) over the three subsets, with a residual."""

    def __init__(self, before: int, after: int, adjacency: Tensor) -> None:
        super().__init__()
        self.hidden = 8 if before <= 9 else before // 8
        self.after = after
        self.shared = nn.Parameter(adjacency.clone())
        self.alpha = nn.Parameter(torch.zeros(1))
        self.relate = nn.Conv1d(before, 2 * SUBSETS * self.hidden, 1)
        self.refine = nn.Conv2d(SUBSETS * self.hidden, SUBSETS * after, 1, groups=SUBSETS)
        self.transform = nn.Conv2d(before, SUBSETS * after, 1)
        self.bn = nn.BatchNorm2d(after)
        self.down: nn.Module = nn.Identity()
        if before != after:
            self.down = _Projection(nn.Conv2d(before, after, 1), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        batch, _, frames, joints = x.shape
        mean = x.permute(0, 2, 3, 1).flatten(2).mean(dim=1).view(batch, joints, -1).mT  # x.mean(dim=2) is ten times slower
        assert self.transform.bias is not None
        weights, biases = self.transform.weight.chunk(SUBSETS), self.transform.bias.chunk(SUBSETS)
        y: Tensor | None = None
        # One subset after the other: three at once outgrow the cache, and what malloc hands back to the system at every step.
        for weight, bias, mix, relation in zip(weights, biases, self._mixes(), self._relations(mean), strict=True):
            topology = torch.bmm(mix.expand(batch, -1, -1), relation).view(-1, joints, joints)
            values = F.conv2d(x, weight, bias).contiguous().view(-1, frames, joints)
            y = torch.bmm(values, topology) if y is None else torch.baddbmm(y, values, topology)
        assert y is not None
        y = y.view(batch, self.after, frames, joints).contiguous(memory_format=torch.channels_last)
        return batch_norm(y, self.bn).add_(self.down(x)).relu_()

    def _relations(self, mean: Tensor) -> Tensor:
        """Poses' means over time (N, C, V) → relations (3, N, H + 2, V × V), the joint that gives before the one that takes.

        The last two of the H + 2 are the same for every pose: one (for the bias) and the shared adjacency.  As channels of the
        product they spare a unit's largest tensors, the topologies, three more passes.
        """
        batch, _, joints = mean.shape
        one, two = self.relate(mean).view(batch, 2, SUBSETS, self.hidden, joints).permute(1, 2, 0, 3, 4).unbind()
        relations = torch.tanh(one[..., None, :] - two[..., None]).flatten(3)
        shared = self.shared.mT.flatten(1).to(relations.dtype)
        known = torch.stack([torch.ones_like(shared), shared], dim=1)[:, None].expand(-1, batch, -1, -1)
        return torch.cat([relations, known], dim=2)

    def _mixes(self) -> Tensor:
        """Return the weights (3, C, H + 2) that make topologies of relations, α included."""
        weight = (self.refine.weight.flatten(1) * self.alpha).view(SUBSETS, self.after, self.hidden)
        assert self.refine.bias is not None
        bias = (self.refine.bias * self.alpha).view(SUBSETS, self.after, 1)
        return torch.cat([weight, bias, torch.ones_like(bias)], dim=2)


class _Time(nn.Module):
    """Multi-scale temporal convolution: two dilated branches, a max-pooling one and a point-wise one."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        part = channels // _BRANCHES
        branches = [
            nn.Sequential(
                nn.Conv2d(channels, part, 1),
                nn.BatchNorm2d(part),
                nn.ReLU(),
                nn.Conv2d(part, part, (5, 1), stride=(stride, 1), padding=(2 * dilation, 0), dilation=(dilation, 1)),
                nn.BatchNorm2d(part),
            )
            for dilation in _DILATIONS
        ]
        branches.append(
            nn.Sequential(
                nn.Conv2d(channels, part, 1),
                nn.BatchNorm2d(part),
                nn.ReLU(),
                nn.MaxPool2d((3, 1), stride=(stride, 1), padding=(1, 0)),
                nn.BatchNorm2d(part),
            )
        )
        branches.append(nn.Sequential(nn.Conv2d(channels, part, 1, stride=(stride, 1)), nn.BatchNorm2d(part)))
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        *deep, shallow = (list(branch.children()) for branch in self.branches)
        weight, bias = (torch.cat([getattr(branch[0], kind) for branch in deep]) for kind in ("weight", "bias"))
        y = batch_norm(F.conv2d(x, weight, bias), *(branch[1] for branch in deep)).relu_()
        parts = [branch[3](part) for branch, part in zip(deep, y.chunk(len(deep), dim=1), strict=True)]
        return batch_norm(torch.cat([*parts, _pointwise(shallow[0], x)], dim=1), *(branch[-1] for branch in (*deep, shallow)))


def _pointwise(convolution: nn.Module, x: Tensor) -> Tensor:
    """Convolve with a 1 × 1 kernel, its stride over time taken beforehand.

    oneDNN's own stride writes outside of its memory (the weight's gradient, few channels that lie last, an odd batch, threads).
    """
    assert isinstance(convolution, nn.Conv2d)
    stride = convolution.stride[0]
    if stride > 1:
        x = x.permute(0, 2, 3, 1)[:, ::stride].permute(0, 3, 1, 2)  # so that its gradient's channels lie last, too
    return F.conv2d(x, convolution.weight, convolution.bias)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv1d | nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
        assert module.bias is not None
        nn.init.zeros_(module.bias)


_RENAMED = (
    (r"^l(\d+)\.gcn1\.(down|bn)\.", r"blocks.{0}.graph.\2."),
    (r"^l(\d+)\.gcn1\.PA$", r"blocks.{0}.graph.shared"),
    (r"^l(\d+)\.gcn1\.alpha$", r"blocks.{0}.graph.alpha"),
    (r"^l(\d+)\.tcn1\.branches\.([01])\.3\.conv\.", r"blocks.{0}.time.branches.\2.3."),
    (r"^l(\d+)\.tcn1\.branches\.([01])\.3\.bn\.", r"blocks.{0}.time.branches.\2.4."),
    (r"^l(\d+)\.tcn1\.", r"blocks.{0}.time."),
    (r"^l(\d+)\.residual\.conv\.", r"blocks.{0}.residual.0."),
    (r"^l(\d+)\.residual\.bn\.", r"blocks.{0}.residual.1."),
)


def from_published(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Map a published CTR-GCN state dict onto :class:`CTRGCN`.

    Returns:
        the encoder's state dict, and the classifier's (``weight``, ``bias``; empty where the checkpoint has none).

    Raises:
        ArtifactError: a key is not one of the published network's.
    """
    encoder: dict[str, Tensor] = {}
    head: dict[str, Tensor] = {}
    convolutions: dict[tuple[int, int, str], Tensor] = {}
    for published, value in state.items():
        key = published.removeprefix("module.")
        if key.startswith("data_bn."):
            encoder[key] = value
        elif key.startswith("fc."):
            head[key.removeprefix("fc.")] = value
        elif match := re.match(r"^l(\d+)\.gcn1\.convs\.(\d)\.(conv[1-4]\.(?:weight|bias))$", key):
            convolutions[int(match[1]), int(match[2]), match[3]] = value
        else:
            encoder[_renamed(key)] = value
    for block in sorted({number for number, _, _ in convolutions}):
        encoder.update(_fused(convolutions, block))
    return encoder, head


def _renamed(key: str) -> str:
    for pattern, replacement in _RENAMED:
        match = re.match(pattern, key)
        if match:
            return re.sub(pattern, replacement.format(int(match[1]) - 1), key)
    raise ArtifactError(f"'{key}' is not a key of a published CTR-GCN checkpoint.")


def _fused(convolutions: Mapping[tuple[int, int, str], Tensor], block: int) -> dict[str, Tensor]:
    prefix = f"blocks.{block - 1}.graph"
    fused = {}
    for kind in ("weight", "bias"):
        parts = {n: [convolutions[block, subset, f"conv{n}.{kind}"] for subset in range(SUBSETS)] for n in (1, 2, 3, 4)}
        relate = torch.cat([*parts[1], *parts[2]])
        fused[f"{prefix}.relate.{kind}"] = relate.squeeze(-1) if kind == "weight" else relate
        fused[f"{prefix}.transform.{kind}"] = torch.cat(parts[3])
        fused[f"{prefix}.refine.{kind}"] = torch.cat(parts[4])
    return fused
