"""``aqa config``"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from aqa_cli import console, options

app = typer.Typer(no_args_is_help=True, help="Look at configurations.")


@app.callback()
def _root() -> None:
    """Look at configurations."""


@app.command("show")
def show(
    stage: Annotated[str, typer.Argument(help="import-poses, pretrain, finetune or evaluate.", show_default=False)],
    config: options.ConfigOption = None,
    assignments: options.SetOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Print each key of a stage's configuration, its value, and the layer that decided it."""
    from stages.configuration import flatten, resolve_stage

    resolved = resolve_stage(stage, options.layers(config, assignments, {}))
    values = resolved.config.model_dump(mode="json")
    if as_json:
        console.result({"stage": stage, "config": values, "sources": resolved.sources}, as_json=True, text="")
        return
    rows = [[key, json.dumps(value, ensure_ascii=False), resolved.sources.get(key, "default")] for key, value in flatten(values)]
    console.table(("key", "value", "from"), rows)
