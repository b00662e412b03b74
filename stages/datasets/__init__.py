"""Data sets: one file each, the manifest that all of them become, splits and protocols."""
