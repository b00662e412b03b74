"""Estimators as networks: the arithmetic of their ``predict`` in torch, from which a graph can be made.

The table of a clip's numbers (N, D) stays outside: it is what ``preparation.json`` says.  Numbers are of double precision throughout, as in
the estimators themselves.  N clips, D numbers of a clip, K training clips.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from stages.arrays import Array
from stages.errors import UsageError
from stages.finetune.methods.coreg import COREG
from stages.finetune.methods.probes import LinearProbe, NeighbourProbe
from stages.finetune.methods.regressors import SVR, Ridge, TableRegressor

TABLE = "table"


class Standardised(nn.Module):
    """What all of them do first: subtract the training clips' mean, divide by their deviation."""

    mean: Tensor
    scale: Tensor

    def __init__(self, arrays: Mapping[str, Array], names: tuple[str, ...]) -> None:
        super().__init__()
        for name in ("mean", "scale", *names):
            self.register_buffer(name, torch.from_numpy(arrays[name].astype("float64")))

    def standardised(self, table: Tensor) -> Tensor:
        """Return the table as the regressor sees it."""
        return (table.double() - self.mean) / self.scale


class RidgeGraph(Standardised):
    """Ridge regression: table (N, D) → value (N,)."""

    weight: Tensor
    bias: Tensor

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        super().__init__(arrays, ("weight", "bias"))

    def forward(self, table: Tensor) -> Tensor:
        """Return the values."""
        return self.standardised(table) @ self.weight + self.bias


class SVRGraph(Standardised):
    """Support vector regression: table (N, D) → value (N,)."""

    support: Tensor
    dual: Tensor
    bias: Tensor
    gamma: Tensor

    def __init__(self, arrays: Mapping[str, Array], kernel: str) -> None:
        super().__init__(arrays, ("support", "dual", "bias", "gamma"))
        self.kernel = kernel

    def forward(self, table: Tensor) -> Tensor:
        """Return the values."""
        seen = self.standardised(table)
        kernel = seen @ self.support.T
        if self.kernel == "rbf":
            kernel = torch.exp(-self.gamma * ((seen**2).sum(dim=1, keepdim=True) + (self.support**2).sum(dim=1) - 2 * kernel))
        return kernel @ self.dual + self.bias


class LinearProbeGraph(Standardised):
    """A linear map of an encoder's representation (N, D) → value (N,), or the scores of classes (N, classes)."""

    weight: Tensor
    bias: Tensor

    def __init__(self, arrays: Mapping[str, Array], classes: int) -> None:
        super().__init__(arrays, ("weight", "bias"))
        self.classes = classes

    def forward(self, table: Tensor) -> Tensor:
        """Return the values or the scores."""
        output = self.standardised(table) @ self.weight.T + self.bias
        return output if self.classes else output[:, 0]


class NeighbourProbeGraph(Standardised):
    """The nearest training clips of an encoder's representation (N, D) → value (N,), or the votes for classes (N, classes)."""

    features: Tensor
    target: Tensor

    def __init__(self, arrays: Mapping[str, Array], neighbours: int, classes: int) -> None:
        super().__init__(arrays, ("features", "target"))
        self.neighbours, self.classes = min(neighbours, len(arrays["target"])), classes

    def forward(self, table: Tensor) -> Tensor:
        """Return the values or the votes."""
        seen = self.standardised(table)
        unit = seen / (seen**2).sum(dim=1, keepdim=True).sqrt().clamp(min=1e-12)
        nearest, place = (unit @ self.features.T).topk(self.neighbours, dim=1)
        target = self.target[place]
        if not self.classes:
            return target.mean(dim=1)
        weight = torch.exp(nearest / 0.1)
        return torch.stack([(weight * (target == label)).sum(dim=1) for label in range(self.classes)], dim=1)


class COREGGraph(Standardised):
    """Two nearest-neighbour regressors: table (N, D) → value (N,)."""

    def __init__(self, arrays: Mapping[str, Array], orders: tuple[float, float], neighbours: int) -> None:
        names = tuple(f"{what}-{number}" for number in range(len(orders)) for what in ("table", "values"))
        super().__init__(arrays, names)
        self.orders, self.neighbours = orders, neighbours

    def forward(self, table: Tensor) -> Tensor:
        """Return the mean of what both say."""
        seen, found = self.standardised(table), []
        for number, order in enumerate(self.orders):
            # the root of the sum would not change which clips are near
            apart = ((seen[:, None] - self.get_buffer(f"table-{number}")).abs() ** order).sum(dim=2)
            values = self.get_buffer(f"values-{number}")
            nearest = apart.topk(min(self.neighbours, len(values)), dim=1, largest=False).indices
            found.append(values[nearest].mean(dim=1))
        return torch.stack(found).mean(dim=0)


class Embedded(nn.Module):
    """A probe behind its encoder: poses (N, C, T, V, M) and their mask (N, T) → what the probe says."""

    def __init__(self, encoder: nn.Module, probe: nn.Module) -> None:
        super().__init__()
        self.encoder, self.probe = encoder, probe

    def forward(self, poses: Tensor, mask: Tensor) -> Tensor:
        """Return the values or the scores."""
        said: Tensor = self.probe(self.encoder(poses, mask))
        return said


def network_of(method: Any, name: str) -> tuple[nn.Module, int]:
    """Return an estimator as a network, and the numbers D of its table; 0 where it sees poses.

    Raises:
        UsageError: its prediction is no short arithmetic.
    """
    arrays = method.arrays()
    if isinstance(method, LinearProbe):
        return Embedded(method.encoder, LinearProbeGraph(arrays, method.context.classes)), 0
    if isinstance(method, NeighbourProbe):
        return Embedded(method.encoder, NeighbourProbeGraph(arrays, method.settings.neighbours, method.context.classes)), 0
    if isinstance(method, Ridge):
        return RidgeGraph(arrays), len(arrays["mean"])
    if isinstance(method, SVR):
        return SVRGraph(arrays, method.settings.kernel), len(arrays["mean"])
    if isinstance(method, COREG):
        return COREGGraph(arrays, method.settings.orders, method.settings.neighbours), len(arrays["mean"])
    raise UsageError(
        f"{name} cannot be exported as ONNX: a prediction follows the branches of trees, which is no arithmetic on its inputs.",
        hint="--format safetensors writes its arrays; docs/export.md says which methods can be exported",
    )


__all__ = ["TABLE", "TableRegressor", "network_of"]
