"""One module per command.  Modules import nothing heavy at the top, so that ``aqa --help`` is instant."""
