#!/bin/sh
# Table 3: 2M-AF on MMFS-63.  Its videos come by request: MMFS_VIDEOS (common.sh).
. "$(dirname "$0")/common.sh"

poses mmfs-63
features mmfs-63
sme mmfs-63 38
both mmfs-63 2m-af --init mmfs-63-sme-38

compare table-3 "Table 3: MMFS-63, Spearman over all test clips" \
    "2M-AF=0.8744=mmfs-63-2m-af:spearman_pooled" \
    "DAE-CoRe=0.7548=-" \
    "CoRe=0.7313=-" \
    "DAE-MLP=0.5915=-" \
    "C3D-LSTM=0.5234=-" \
    "C3D-AVG-STL=0.3831=-"
