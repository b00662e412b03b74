#!/bin/sh
# Table 9: regression losses of 2M-AF, with CTR-GCN (not pretrained) on AQA-7.  C is the PFM of tables 4 and 8.
. "$(dirname "$0")/common.sh"

poses aqa-7
features aqa-7
from_scratch both aqa-7 pfm-mse --set settings.loss=mse
from_scratch both aqa-7 pfm-mae --set settings.loss=mae
from_scratch both aqa-7 pfm

compare table-9 "Table 9: AQA-7, all six classes, Spearman" \
    "A, MSE=0.8699=aqa-7-pfm-mse:spearman_pooled" \
    "B, MAE=0.8695=aqa-7-pfm-mae:spearman_pooled" \
    "C, MSE+MAE=0.8744=aqa-7-pfm:spearman_pooled" \
    "every class's mean=-=aqa-7-pfm:spearman_pooled_of_class_means"
