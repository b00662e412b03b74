"""Video networks that turn segments into feature vectors, one file each."""
