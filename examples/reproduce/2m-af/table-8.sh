#!/bin/sh
# Table 8: fusions of CTR-GCN (not pretrained) and I3D on AQA-7.  A is the SF of table 4.
. "$(dirname "$0")/common.sh"

poses aqa-7
features aqa-7
from_scratch both aqa-7 simple --set settings.fusion=simple
from_scratch both aqa-7 bilinear --set settings.fusion=bilinear
from_scratch both aqa-7 falcons --set settings.fusion=falcons
from_scratch both aqa-7 pfm+mlp --set settings.fusion=pfm+mlp
from_scratch both aqa-7 pfm

compare table-8 "Table 8: AQA-7, all six classes, Spearman" \
    "A, MLP=0.8631=aqa-7-simple:spearman_pooled" \
    "B, BPAN=0.8488=aqa-7-bilinear:spearman_pooled" \
    "C, FALCONS=0.8680=aqa-7-falcons:spearman_pooled" \
    "D, PFM+MLP=0.8728=aqa-7-pfm+mlp:spearman_pooled" \
    "E, PFM=0.8744=aqa-7-pfm:spearman_pooled" \
    "every class's mean=-=aqa-7-pfm:spearman_pooled_of_class_means"
