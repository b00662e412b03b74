"""SME-GCN's contrastive loss and step."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stages.encoders.spec import PoseSpec
from stages.engine.batch import Clips
from stages.engine.method import Phase
from stages.pretrain.methods.sme_gcn import SMEGCN, Settings, centred, nt_xent, retrieval
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import COCO_17


def _formula(features: np.ndarray, temperature: float) -> float:
    """NT-Xent over 2N views, term by term in float64."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    count, losses = len(unit) // 2, []
    for i in range(2 * count):
        partner = (i + count) % (2 * count)
        others = [np.exp(unit[i] @ unit[k] / temperature) for k in range(2 * count) if k != i]
        losses.append(-np.log(np.exp(unit[i] @ unit[partner] / temperature) / sum(others)))
    return float(np.mean(losses))


@pytest.mark.parametrize("temperature", [0.07, 0.5, 1.0])
@pytest.mark.parametrize("pairs", [1, 2, 9])
def test_nt_xent__against_the_formula_in_float64(pairs: int, temperature: float) -> None:
    features = np.random.default_rng(pairs).normal(size=(2 * pairs, 16))
    assert float(nt_xent(torch.from_numpy(features).float(), temperature)) == pytest.approx(_formula(features, temperature), rel=1e-5)


def test_nt_xent__is_low_where_partners_agree_and_others_do_not() -> None:
    one = torch.eye(4, 8)
    assert nt_xent(torch.cat([one, one]), 0.1) < 0.01 < nt_xent(torch.cat([one, one.roll(1, 0)]), 0.1)
    assert retrieval(torch.cat([one, one])) == 1
    assert retrieval(torch.cat([one, one.roll(1, 0)])) == 0


def test_centred__coco_takes_the_mean_of_hips_and_shoulders() -> None:
    poses = torch.randn(2, 3, 5, 17, 1)
    moved = centred(poses, COCO_17)
    torso = moved[:, :, :, [5, 6, 11, 12]].mean(dim=3)
    torch.testing.assert_close(torso, torch.zeros_like(torso), atol=1e-6, rtol=0)


def _method(**settings) -> SMEGCN:
    spec = PoseSpec("ctr-gcn", {"width": 8, "blocks": 4}, "kinect-20", 3, PoseInput(skeleton="kinect-20", frames=16))
    torch.manual_seed(0)
    return SMEGCN(Settings(**settings), spec)


def _batch(count: int = 6):
    ids = tuple(str(number) for number in range(count))
    mask, group = torch.ones(count, 16, dtype=torch.bool), torch.zeros(count, dtype=torch.long)
    return Clips(ids, torch.randn(count, 3, 16, 20, 1), mask, None, group).take(range(count))


def test_view__masked_frames_are_zero_and_the_others_are_untouched() -> None:
    batch, method = _batch(), _method(mask_rate=0.5)
    for name in ("variance", "temporal", "random"):
        view = method.view(batch, name)
        zero = (view == 0).all(dim=(1, 3, 4))
        assert zero.sum(dim=1).tolist() == [8] * 6
        assert torch.equal(view[~zero[:, None, :, None, None].expand_as(view)], batch.poses[~zero[:, None, :, None, None].expand_as(view)])


def test_step__trains_encoder_and_projection() -> None:
    method = _method()
    loss = method.step({"train": _batch()}, Phase()).losses["main"]
    loss.backward()
    assert all(parameter.grad is not None for parameter in method.parameters())
    assert torch.isfinite(loss)
