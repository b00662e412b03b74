"""Pose estimators: adapters around mmpose's and exported networks, one file each."""
