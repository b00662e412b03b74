"""``aqa sweep``: an experiment for every value of one or two settings, as one figure."""
