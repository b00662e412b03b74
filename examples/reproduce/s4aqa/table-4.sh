#!/bin/sh
# Table IV: what recovery of masked segments (MSFR) and alignment of representations (RDA) give, on MTL-AQA.
LABELS="${LABELS:-10 40}" EPOCHS="${EPOCHS:-1000}"
. "$(dirname "$0")/common.sh"

see mtl-aqa "$DIVES" rgb
for variant in aa aa-rda aa-msfr s4aqa; do trained_dives "$variant" "$I3D"; done

row AA aa 0.618 0.703
row AA+RDA aa-rda 0.634 0.726
row AA+MSFR aa-msfr 0.661 0.732
row AA+MSFR+RDA s4aqa 0.676 0.746
table table-4 "Table IV: MTL-AQA, Spearman"
