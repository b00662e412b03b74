"""The entry point: the list of commands, and the one place where errors become exit codes."""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import Annotated

import typer

from stages.engine.launcher import this_process
from stages.errors import AqaError, ItemsFailedError
from stages.version import __version__

COMMANDS = {
    "demo": "aqa_cli.commands.demo",
    "extract-pose": "aqa_cli.commands.extract_pose",
    "extract-features": "aqa_cli.commands.extract_features",
    "extract-kinematics": "aqa_cli.commands.extract_kinematics",
    "extract-maps": "aqa_cli.commands.extract_maps",
    "import-poses": "aqa_cli.commands.import_poses",
    "import-features": "aqa_cli.commands.import_features",
    "render": "aqa_cli.commands.render",
    "pretrain": "aqa_cli.commands.pretrain",
    "examine": "aqa_cli.commands.examine",
    "finetune": "aqa_cli.commands.finetune",
    "evaluate": "aqa_cli.commands.evaluate",
    "compare": "aqa_cli.commands.compare",
    "score": "aqa_cli.commands.score",
    "export": "aqa_cli.commands.export",
    "sweep": "aqa_cli.commands.sweep",
    "datasets": "aqa_cli.commands.datasets",
    "inspect": "aqa_cli.commands.inspect",
    "validate": "aqa_cli.commands.validate",
    "merge": "aqa_cli.commands.merge",
    "status": "aqa_cli.commands.status",
    "config": "aqa_cli.commands.config",
    "methods": "aqa_cli.commands.methods",
    "profile": "aqa_cli.commands.profile",
    "doctor": "aqa_cli.commands.doctor",
}
"""Command → module with a function ``command``, or a Typer ``app`` of subcommands, in the order in which help shows them."""

_EPILOG = "A first run: 'aqa demo'.  Every stage reads and writes HDF5 artifacts in the workspace; 'aqa inspect FILE' looks at any."

app = typer.Typer(
    name="aqa",
    help="Action quality assessment: how well was an action in a video done?",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
_state = {"verbose": False}


def _version(value: bool) -> None:
    if value:
        print(f"aqa {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show tracebacks of errors.")] = False,
    _: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)] = False,
) -> None:
    _state["verbose"] = _state["verbose"] or verbose  # a command that runs others keeps it


for _name, _path in COMMANDS.items():
    _module = importlib.import_module(_path)
    if hasattr(_module, "app"):
        app.add_typer(_module.app, name=_name)
    else:
        app.command(_name)(_module.command)


def _which() -> str:
    """Return which of several processes speaks; nothing where there is one."""
    try:
        process = this_process()
    except AqaError:
        return ""
    return f"process {process.rank} of {process.count}: " if process.count > 1 else ""


def main() -> None:
    """Run ``aqa`` and turn every error into its exit code."""
    try:
        app()
    except AqaError as error:
        if _state["verbose"] and not isinstance(error, ItemsFailedError):
            traceback.print_exc()
        print(f"{_which()}error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
    except Exception:
        traceback.print_exc()
        print(f"error: this is a bug in aqa {__version__}; the traceback above belongs in its report.", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
