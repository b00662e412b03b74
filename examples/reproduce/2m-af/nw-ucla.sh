#!/bin/sh
# NW-UCLA as CTR-GCN's authors publish it: trained on views 1 and 2, tested on view 3, four streams (their config/ucla; not in the paper).
# Their clips come five times per epoch, so that their 65 epochs with a step after 50 are 325 and 250 here.
#
# Theirs and not ours: frames that were really there (ours: linear between neighbours), and the epoch that is best on the test clips
# (ours: SELECT).
#
# WAYS    how to pretrain; they report CTR-GCN from scratch.  SME_GCN, AIMCLR and PSTL hold further options of theirs.
# With views 1 and 2 alone: PROTOCOL=cross-subject:train=s01,s02,s03,s04,s05,s06,s07:test=s08,s09,s10
EPOCHS="${EPOCHS:-325}"
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/recognition.sh"
WAYS="${WAYS:-scratch sme-gcn aimclr pstl}"

INPUT="--set settings.input.frames=52 --set settings.input.face_camera=false --set settings.input.scale=unit"
SCHOOL="--set training.optimiser=sgd --set training.lr=0.1 --set training.weight_decay=0.0001 --set training.batch_size=16"
SCHOOL="$SCHOOL --set training.schedule=step --set training.step_epochs=[$((EPOCHS * 10 / 13))] --set training.warmup_epochs=$((EPOCHS / 13))"
SCHOOL="$SCHOOL --set settings.augmentation.rotate=60 --set settings.augmentation.axes=xy --set settings.augmentation.random_frames=true"

poses nw-ucla
for way in $WAYS; do
    case $way in
        sme-gcn) options="--set settings.mask_rate=0.5 ${SME_GCN:-}" ;; # table 12's best
        aimclr) options=${AIMCLR:-} ;;
        pstl) options=${PSTL:-} ;;
        *) options="" ;;
    esac
    # shellcheck disable=SC2086  # several words
    four_streams "nw-ucla-$way" nw-ucla "$way" $options
    paper=-
    if [ "$way" = scratch ] && [ "$PROTOCOL" = official ]; then paper=96.5; fi
    compare "nw-ucla-$way" "NW-UCLA, $PROTOCOL, $way, accuracy in per cent" \
        "J=-%=nw-ucla-$way-joint:accuracy" \
        "B=-%=nw-ucla-$way-bone:accuracy" \
        "JM=-%=nw-ucla-$way-joint-motion:accuracy" \
        "BM=-%=nw-ucla-$way-bone-motion:accuracy" \
        "four streams=$paper%=nw-ucla-$way-four:accuracy"
done
