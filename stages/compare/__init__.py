"""``aqa compare``: evaluations side by side, paired clip by clip."""
