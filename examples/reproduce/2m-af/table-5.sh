#!/bin/sh
# Table 5: skeleton encoders on AQA-7, each with a linear layer, from scratch.
. "$(dirname "$0")/common.sh"
ST_GCN=${ST_GCN:-'{width: 64, blocks: 10}'}       # all as their authors publish them
AGCN=${AGCN:-'{width: 64, blocks: 10}'}
EFFICIENT_GCN=${EFFICIENT_GCN:-'{scale: 4}'}      # B4
POSEC3D=${POSEC3D:-'{size: 56, width: 32}'}

poses aqa-7
from_scratch skeleton aqa-7 ctr-gcn
skeleton aqa-7 st-gcn --init none --set settings.encoder=st-gcn --set "settings.encoder_settings=$ST_GCN"
skeleton aqa-7 efficient-gcn --init none --set settings.encoder=efficient-gcn --set "settings.encoder_settings=$EFFICIENT_GCN"
skeleton aqa-7 posec3d --init none --set settings.encoder=posec3d --set "settings.encoder_settings=$POSEC3D"

# 2s-AGCN is two networks, one on joints and one on bones, whose predictions are averaged.
for stream in joint bone; do
    skeleton aqa-7 "2s-agcn-$stream" --init none --set settings.encoder=2s-agcn --set "settings.encoder_settings=$AGCN" \
        --set settings.input.stream=$stream
done
aqa evaluate --model "aqa-7-2s-agcn-joint$SUFFIX" --model "aqa-7-2s-agcn-bone$SUFFIX" \
    -o "$AQA_WORKSPACE/evaluations/aqa-7-2s-agcn$SUFFIX"

compare table-5 "Table 5: AQA-7, all six classes, Spearman" \
    "ST-GCN=0.8618=aqa-7-st-gcn:spearman_pooled" \
    "2S-AGCN=0.8691=aqa-7-2s-agcn:spearman_pooled" \
    "EfficientGCN B4=0.8593=aqa-7-efficient-gcn:spearman_pooled" \
    "PoseC3D=0.8689=aqa-7-posec3d:spearman_pooled" \
    "CTR-GCN=0.8696=aqa-7-ctr-gcn:spearman_pooled" \
    "every class's mean=-=aqa-7-ctr-gcn:spearman_pooled_of_class_means"
