"""Stage ``import-poses``: a data set's skeletons, or another tool's files, into pose artifacts."""
