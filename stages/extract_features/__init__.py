"""``aqa extract-features``: what a video network sees in the segments of a clip."""
