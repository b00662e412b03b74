"""Joint layouts, graphs, pose sequences, transforms, and importers of other tools' pose files."""
