"""A new video in, a score with its reliability out: what a model needs is made as its training clips were made."""
