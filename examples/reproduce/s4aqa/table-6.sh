#!/bin/sh
# Table VI: what is hidden of an unlabelled clip: one, two or three segments, or all but the first frame of each.
LABELS="${LABELS:-10 40}" EPOCHS="${EPOCHS:-1000}"
. "$(dirname "$0")/common.sh"

see mtl-aqa "$DIVES" rgb still
for strategy in s4aqa masked-2 masked-3; do trained_dives "$strategy" "$I3D"; done
trained_dives still "$I3D-still"

row "Mask one segment" s4aqa 0.676 0.746
row "Mask two segments" masked-2 0.660 0.730
row "Mask three segments" masked-3 0.657 0.724
row "Keep first frame per segment" still 0.629 0.706
table table-6 "Table VI: MTL-AQA, Spearman"
