"""Stage ``finetune``: a few scored clips into a model; one module per method under ``methods``."""
