"""The settings of a source decide its result, and only they."""

from __future__ import annotations

import pytest

from stages.errors import UsageError
from stages.extract_maps.config import OWN, ExtractMapsConfig, camera_of
from stages.skeletons.body_maps import Camera


@pytest.mark.parametrize(
    ("source", "keys"),
    [
        ("poses", {"style", "cameras", "upright", "follow", "people"}),
        ("silhouettes", {"people", "threshold"}),
        ("pictures", set()),
        ("frames", set()),
    ],
)
def test_document__has_what_the_source_reads(source: str, keys: set[str]) -> None:
    config = ExtractMapsConfig.model_validate({"source": source})
    assert set(config.document()) == {"source", "size", "fps", "frames"} | keys
    config.check()


@pytest.mark.parametrize(
    ("source", "key", "value"), [("frames", "style", "depth"), ("silhouettes", "cameras", (0, 45)), ("pictures", "people", 2)]
)
def test_check__settings_of_other_sources(source: str, key: str, value: object) -> None:
    with pytest.raises(UsageError, match=rf"'{key}' is a setting of the source (poses|poses and silhouettes); the source is '{source}'"):
        ExtractMapsConfig.model_validate({"source": source, key: value}).check()


def test_own__are_settings() -> None:
    assert set(OWN) < set(ExtractMapsConfig.model_fields)


def test_cameras__a_yaw_or_a_yaw_and_a_pitch() -> None:
    config = ExtractMapsConfig.model_validate({"cameras": [0, -45, [90, 20]]})
    assert [camera_of(angles) for angles in config.cameras] == [Camera(), Camera(-45), Camera(90, 20)]
