#!/bin/sh
# Table IX: recovery on labelled clips, too, and recovery first (vanilla self-supervision) instead of together with the assessment.
LABELS="${LABELS:-10 40}" EPOCHS="${EPOCHS:-1000}"
. "$(dirname "$0")/common.sh"

see mtl-aqa "$DIVES" rgb
trained_dives recover-labelled "$I3D"
trained_dives s4aqa "$I3D"
percents=$LABELS
for LABELS in $percents; do
    # shellcheck disable=SC2086
    aqa pretrain --name "mtl-msfr-$LABELS" --method msfr --dataset mtl-aqa --protocol "$(with_labels "$LABELS")" \
        --set labelled=false --set "settings.features.backbone=$I3D" ${PRETRAIN_EPOCHS:+--epochs "$PRETRAIN_EPOCHS"} --resume auto
    # shellcheck disable=SC2046,SC2086
    dives vanilla --backbone "$I3D" --init "mtl-msfr-$LABELS" $(method aa) $ADAM
done
LABELS=$percents

row "w/ labeled data" recover-labelled 0.674 0.748
row "Vanilla SSL" vanilla 0.616 0.707
row Ours s4aqa 0.676 0.746
table table-9 "Table IX: MTL-AQA, Spearman"
