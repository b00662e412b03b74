#!/bin/sh
# Table 7: pairs of masks (r_m .38), AimCLR and PSTL; the skeleton stream alone on AQA-7.
# AimCLR and PSTL pretrain as long and with such settings as their authors publish, unless PRETRAIN_EPOCHS is set.
# AIMCLR and PSTL hold further options: AIMCLR="--set settings.mining_epoch=30", say, where it has 60 epochs (it mines from the 150th on).
. "$(dirname "$0")/common.sh"

poses aqa-7
sme aqa-7 38
encoder aqa-7 temporal+random --method sme-gcn --set settings.mask_rate=0.38 --set 'settings.masks=[temporal, random]'
encoder aqa-7 variance+random --method sme-gcn --set settings.mask_rate=0.38 --set 'settings.masks=[variance, random]'
# shellcheck disable=SC2086  # several words
encoder aqa-7 aimclr --method aimclr ${AIMCLR:-}
# shellcheck disable=SC2086
encoder aqa-7 pstl --method pstl ${PSTL:-}

from_scratch skeleton aqa-7 ctr-gcn
for way in sme-38 temporal+random variance+random aimclr pstl; do
    skeleton aqa-7 $way --init "aqa-7-$way"
done

compare table-7 "Table 7: AQA-7, all six classes, Spearman" \
    "baseline (CTR-GCN)=0.8696=aqa-7-ctr-gcn:spearman_pooled" \
    "temporal+random=0.8737=aqa-7-temporal+random:spearman_pooled" \
    "variance+random=0.8803=aqa-7-variance+random:spearman_pooled" \
    "AimCLR=0.8706=aqa-7-aimclr:spearman_pooled" \
    "PSTL=0.8699=aqa-7-pstl:spearman_pooled" \
    "temporal+variance=0.8848=aqa-7-sme-38:spearman_pooled" \
    "every class's mean=-=aqa-7-ctr-gcn:spearman_pooled_of_class_means"
