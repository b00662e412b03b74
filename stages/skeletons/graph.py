"""Adjacency matrices of a layout, partitioned as skeleton graph networks want them."""

from __future__ import annotations

import numpy as np

from stages.arrays import Array
from stages.skeletons.layouts import Layout


def spatial(layout: Layout) -> Array:
    """Return the spatial partition: identity, inward and outward edges, columns normalised; shape (3, V, V).

    Source: ST-GCN (Yan et al. 2018), spatial configuration, as 2s-AGCN and CTR-GCN use it.  Entry [k, i, j] leads from
    joint j to joint i; each column sums to one where it has an edge.
    """
    joints = len(layout.joints)
    inward = _normalised(layout.edges, joints)
    outward = _normalised(tuple((j, i) for i, j in layout.edges), joints)
    return np.stack([np.eye(joints, dtype=np.float32), inward, outward])


def _normalised(edges: tuple[tuple[int, int], ...], joints: int) -> Array:
    matrix = np.zeros((joints, joints), dtype=np.float32)
    for source, target in edges:
        matrix[target, source] = 1
    degree = matrix.sum(axis=0)
    return matrix / np.where(degree > 0, degree, 1)
