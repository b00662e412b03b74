#!/bin/sh
# Table 4: each modality, their simple fusion (SF) and PFM on three sets; the skeleton stream is CTR-GCN without pretraining.
# DATASETS="aqa-7 unlv-dive" leaves out what you do not have.
. "$(dirname "$0")/common.sh"
DATASETS="${DATASETS:-aqa-7 unlv-dive mmfs-63}"

for set_name in $DATASETS; do
    poses "$set_name"
    features "$set_name"
    rgb "$set_name"
    from_scratch skeleton "$set_name" ctr-gcn
    from_scratch both "$set_name" simple --set settings.fusion=simple
    from_scratch both "$set_name" pfm

    case $set_name in
        aqa-7) title="AQA-7, pooled" figure=spearman_pooled rgb=0.8517 skeleton=0.8696 simple=0.8631 pfm=0.8744 ;;
        unlv-dive) title="UNLV-Dive, execution score" figure=spearman rgb=0.8557 skeleton=0.7744 simple=0.8279 pfm=0.8618 ;;
        *) title="MMFS-63, pooled" figure=spearman_pooled rgb=0.7713 skeleton=0.8595 simple=0.8071 pfm=0.8692 ;;
    esac
    set --
    if [ "$figure" = spearman_pooled ]; then set -- "every class's mean=-=$set_name-pfm:spearman_pooled_of_class_means"; fi
    compare "table-4-$set_name" "Table 4: $title, Spearman" \
        "RGB=$rgb=$set_name-rgb:$figure" \
        "Skeleton=$skeleton=$set_name-ctr-gcn:$figure" \
        "SF=$simple=$set_name-simple:$figure" \
        "PFM=$pfm=$set_name-pfm:$figure" "$@"
done
