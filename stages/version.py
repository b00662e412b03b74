"""The toolkit's version, in one place for the package, the command line and every artifact."""

__version__ = "0.1.0.dev0"
