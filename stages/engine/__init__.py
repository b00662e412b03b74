"""How any stage runs: plan, skip, shard, device, seed, the method contract and the training loop.  It exists once."""
