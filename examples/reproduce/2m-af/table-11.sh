#!/bin/sh
# Table 11: recognition on NTU RGB+D 60, cross-subject, four streams and their fusion, CTR-GCN from scratch and pretrained by SME-GCN.
# r_m is .5, since .5 has table 11's fused accuracy in table 12.
. "$(dirname "$0")/ntu60.sh"

poses ntu60
four_streams ntu60-ctr-gcn ntu60 scratch
four_streams ntu60-sme-50 ntu60 sme-gcn --set settings.mask_rate=0.50

compare table-11 "Table 11: NTU-60 cross-subject, accuracy in per cent" \
    "CTR-GCN, J=89.93%=ntu60-ctr-gcn-joint:accuracy" \
    "CTR-GCN, B=89.09%=ntu60-ctr-gcn-bone:accuracy" \
    "CTR-GCN, JM=86.62%=ntu60-ctr-gcn-joint-motion:accuracy" \
    "CTR-GCN, BM=84.53%=ntu60-ctr-gcn-bone-motion:accuracy" \
    "CTR-GCN, fusion=92.4%=ntu60-ctr-gcn-four:accuracy" \
    "SME-GCN, J=89.45%=ntu60-sme-50-joint:accuracy" \
    "SME-GCN, B=90.36%=ntu60-sme-50-bone:accuracy" \
    "SME-GCN, JM=87.71%=ntu60-sme-50-joint-motion:accuracy" \
    "SME-GCN, BM=86.40%=ntu60-sme-50-bone-motion:accuracy" \
    "SME-GCN, fusion=92.6%=ntu60-sme-50-four:accuracy"
