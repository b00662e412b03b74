"""The HDF5 artifacts that every stage reads and writes.  ``docs/format.md`` is the format; this package is its only author."""
