"""``aqa methods``"""

from __future__ import annotations

from aqa_cli import console, options


def command(as_json: options.JsonOption = False) -> None:
    """List the methods that 'aqa pretrain' and 'aqa finetune' take, and the encoders."""
    from stages.engine.methods import catalogue

    entries = catalogue()
    if as_json:
        console.result(entries, as_json=True, text="")
        return
    console.table(
        ("for", "name", "what it is", "from", "takes", "published weights"),
        [[entry[key] for key in ("for", "name", "summary", "paper", "inputs", "weights")] for entry in entries],
    )
