#!/bin/sh
# Table 10: parameters and operations for one clip of AQA-7; needs no data.  A multiply-accumulate (MAC) is two FLOPs; the paper says
# neither which of the two it prints nor of how many segments.  Its figures do not add up: 14.78 M - 3.72 M leave 11.06 M for
# I3D, which has 12.29 M without its classifier.
. "$(dirname "$0")/common.sh"
SEGMENTS="${SEGMENTS:-10}"

folder=$AQA_WORKSPACE/reproduce/2m-af
mkdir -p "$folder"
aqa profile --method sme-gcn --frames 103 --set "settings.encoder_settings=$CTR_GCN" --json > "$folder/profile-sme-gcn.json"
aqa profile --method 2m-af --frames 103 --set "settings.encoder_settings=$CTR_GCN" --backbone "$BACKBONE" --segments "$SEGMENTS" --json \
    > "$folder/profile-2m-af.json"

compare table-10 "Table 10: one clip of AQA-7 ($SEGMENTS segments)" \
    "CoRe, parameters=14.80M=-" \
    "CoRe, FLOPs=557.53G=-" \
    "SME-GCN, parameters=3.72M=$folder/profile-sme-gcn.json:0/parameters" \
    "SME-GCN, FLOPs=15.3G=$folder/profile-sme-gcn.json:0/flops" \
    "SME-GCN, MACs=-G=$folder/profile-sme-gcn.json:0/macs" \
    "2M-AF, parameters=14.78M=$folder/profile-2m-af.json:2/parameters" \
    "2M-AF, FLOPs=168.21G=$folder/profile-2m-af.json:2/flops" \
    "2M-AF, MACs=-G=$folder/profile-2m-af.json:2/macs"
