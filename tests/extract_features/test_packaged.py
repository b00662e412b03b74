"""The tiny video network that ships with the toolkit."""

from __future__ import annotations

import numpy as np
import torch

from stages.datasets.generated import Clip, film
from stages.engine.progress import Silent
from stages.extract_features.backbones import registry
from stages.extract_features.backbones.tiny import DIMENSIONS, LENGTH, LOOK, SIDE


def _segment(still: bool) -> torch.Tensor:
    import cv2

    images = list(film.frames(film.film_of(Clip("s01/c1", 11))))[:LENGTH]
    small = np.stack([cv2.resize(images[0 if still else number], (SIDE, SIDE)) for number in range(LENGTH)])
    pixels = torch.from_numpy(np.ascontiguousarray(small[..., ::-1])).float().permute(3, 0, 1, 2)[None]
    return (pixels - LOOK.mean[0]) / LOOK.std[0]


def test_tiny__needs_no_download_and_sees_movement() -> None:
    file = registry.weights_of("tiny", None, None, Silent())
    assert file.stat().st_size <= 3 * 2**20
    backbone = registry.build("tiny", file, "fp32")
    with torch.inference_mode():
        moving, still = backbone.features(_segment(still=False)), backbone.features(_segment(still=True))
        maps = backbone.maps(_segment(still=False))
    assert moving.shape == (1, DIMENSIONS)
    assert torch.isfinite(moving).all()
    torch.testing.assert_close(maps.mean(dim=(2, 3, 4)), moving)
    assert float((moving - still).norm() / still.norm()) > 0.1
