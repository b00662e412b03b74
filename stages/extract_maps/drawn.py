"""Body maps drawn of poses, seen by the clip's own camera and by virtual ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stages.extract_maps.config import ExtractMapsConfig, camera_of
from stages.extract_maps.maps import Maps, chosen, view_of
from stages.skeletons import body_maps
from stages.skeletons.poses import PoseSequence

_TANGENTS = "tangent"
"""What a pinhole camera measures in: sideways distance per distance."""


def drawn(poses: PoseSequence, config: ExtractMapsConfig) -> Maps:
    """Return a clip's body maps, one view per camera.

    Raises:
        UsageError: 2-D poses are to be seen in depth, or by another camera.
        ArtifactError: there is nobody to draw.
    """
    poses = replace(poses, positions=poses.positions[: config.people])
    frames = chosen(poses.timestamps, config)
    cameras = [camera_of(angles, upright=config.upright) for angles in config.cameras]
    pictures = [body_maps.draw(poses, camera, config.style, config.size, frames, follow=config.follow) for camera in cameras]
    pinhole = poses.origin == "camera" and poses.positions.shape[3] == 3
    facts = {
        "kind": config.style,
        "people": len(poses.positions),
        "units": _TANGENTS if pinhole else poses.units,
        "views": [view_of(camera.name, camera.yaw, camera.pitch, box) for camera, (_, box) in zip(cameras, pictures, strict=True)],
    }
    return Maps(np.stack([images for images, _ in pictures]), poses.timestamps[frames], facts)
