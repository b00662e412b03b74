"""The command line ``aqa``: the only code that knows Typer and rich.  Every command's work is done in :mod:`stages`."""
