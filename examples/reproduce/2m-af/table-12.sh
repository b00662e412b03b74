#!/bin/sh
# Table 12: how many of 64 frames SME-GCN masks, by the accuracy of four fused streams on NTU RGB+D 60, cross-subject.  That it is the
# fusion follows from table 11, whose 92.4 and 92.6 are settings A and C; so A is CTR-GCN from scratch.
. "$(dirname "$0")/ntu60.sh"

poses ntu60
four_streams ntu60-ctr-gcn ntu60 scratch
for rate in 25 50 75; do
    four_streams "ntu60-sme-$rate" ntu60 sme-gcn --set "settings.mask_rate=0.$rate"
done

compare table-12 "Table 12: NTU-60 cross-subject, four streams, accuracy in per cent" \
    "A, 0, 64 frames=92.4%=ntu60-ctr-gcn-four:accuracy" \
    "B, 0.25, 48 frames=92.5%=ntu60-sme-25-four:accuracy" \
    "C, 0.5, 32 frames=92.6%=ntu60-sme-50-four:accuracy" \
    "D, 0.75, 16 frames=91.7%=ntu60-sme-75-four:accuracy"
