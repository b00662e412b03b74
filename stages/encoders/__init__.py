"""Networks from a pose sequence to a representation, one file each; :mod:`stages.encoders.registry` lists them."""
