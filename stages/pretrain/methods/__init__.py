"""The methods of ``aqa pretrain``, one module each; :mod:`stages.pretrain.methods.registry` lists them."""
