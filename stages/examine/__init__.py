"""Stage ``examine``: what pretraining has learned, on clips that the encoder did not see."""
