"""``aqa import-features``: other people's features into feature artifacts."""
