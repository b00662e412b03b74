"""Stage ``pretrain``: unlabelled motion into an encoder; one module per method under ``methods``."""
