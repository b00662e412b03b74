"""The sequence of a body's joints through temporal convolutions: all joints of a frame are its channels.

N clips, C coordinates, T frames, V joints, M people.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from stages.encoders.real_frames import as_factor, coarser, mean_of_real


class JointSequence(nn.Module):
    """Poses (N, C, T, V, M) and their mask (N, T) → (N, ``dimensions``): convolutions that halve the frames, and the mean over real ones.

    Frames beyond the clip are zero before every convolution, so that a clip is seen as if it ended there.

    Args:
        inputs: C · V · M.
        channels: of each convolution.
        kernel: frames that it spans, an odd number.
    """

    def __init__(self, inputs: int, channels: Sequence[int], kernel: int) -> None:
        super().__init__()
        self.dimensions = channels[-1]
        self.start = nn.BatchNorm1d(inputs)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv1d(before, after, kernel, stride=2, padding=kernel // 2), nn.BatchNorm1d(after), nn.ReLU())
            for before, after in pairwise([inputs, *channels])
        )

    def forward(self, poses: Tensor, mask: Tensor) -> Tensor:
        """Return what is left of each clip."""
        x = self.start(poses.permute(0, 1, 3, 4, 2).flatten(1, 3))
        for layer in self.layers:
            x = layer(x * as_factor(mask, x))
            mask = coarser(mask, 2)
        return mean_of_real(x.transpose(1, 2), mask)
