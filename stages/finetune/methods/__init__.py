"""The methods of ``aqa finetune``, one module each; :mod:`stages.finetune.methods.registry` lists them."""
