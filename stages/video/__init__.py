"""Video: finding clips in folders, decoding ahead of the network, sampling segments, optical flow, writing."""
