"""Importers of other tools' pose files: one module per format, listed in ``registry``; none of them runs code that a file holds."""
