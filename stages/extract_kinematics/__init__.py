"""``aqa extract-kinematics``: motion into features of its segments, without video."""
