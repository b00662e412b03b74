#!/bin/sh
# Table 6: how many frames SME-GCN masks; the skeleton stream alone on AQA-7.  Of 103 frames 64, 32 and 16 are kept.
. "$(dirname "$0")/common.sh"

poses aqa-7
from_scratch skeleton aqa-7 ctr-gcn
for rate in 38 69 84; do
    sme aqa-7 $rate
    skeleton aqa-7 "sme-$rate" --init "aqa-7-sme-$rate"
done

compare table-6 "Table 6: AQA-7, all six classes, Spearman" \
    "baseline=0.8696=aqa-7-ctr-gcn:spearman_pooled" \
    "A, r_m .38=0.8848=aqa-7-sme-38:spearman_pooled" \
    "B, r_m .69=0.8757=aqa-7-sme-69:spearman_pooled" \
    "C, r_m .84=0.8713=aqa-7-sme-84:spearman_pooled" \
    "every class's mean=-=aqa-7-ctr-gcn:spearman_pooled_of_class_means"
