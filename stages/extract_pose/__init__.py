"""``aqa extract-pose``: the joints of the people in a video."""
