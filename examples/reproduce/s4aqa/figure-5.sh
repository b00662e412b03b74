#!/bin/sh
# Figure 5: the weights of recovery and alignment, as a heat map.  The paper prints no numbers beside it but those of (40, 0.1), table I's.
LABELS="${LABELS:-10}" EPOCHS="${EPOCHS:-1000}"
. "$(dirname "$0")/common.sh"
RECOVERY="${RECOVERY:-10 20 40 60 80}"          # λ1, ours but for 40
ALIGNMENT="${ALIGNMENT:-0.01 0.05 0.1 0.5 1}"   # λ2, ours but for 0.1

# commas WORD…: the words with commas between them.
commas() { echo "$*" | tr ' ' ,; }

see mtl-aqa "$DIVES" rgb
sweep=s4aqa-figure-5$SUFFIX
# shellcheck disable=SC2046,SC2086
aqa sweep --name "$sweep" --vary "settings.recovery_weight=$(commas $RECOVERY)" --vary "settings.alignment_weight=$(commas $ALIGNMENT)" \
    --dataset mtl-aqa --backbone "$I3D" --protocol "$(with_labels "$LABELS")" --seeds "$SEEDS" --select "$SELECT" --epochs "$EPOCHS" \
    --resume auto --init none $(method s4aqa) $ADAM

number=0
for recovery in $RECOVERY; do
    for alignment in $ALIGNMENT; do
        case "$LABELS $recovery $alignment" in "10 40 0.1") paper=0.676 ;; "40 40 0.1") paper=0.746 ;; *) paper=- ;; esac
        cell "λ1 = $recovery, λ2 = $alignment" "$paper" "$AQA_WORKSPACE/sweeps/$sweep/sweep.json" "points/$number/overall/spearman"
        number=$((number + 1))
    done
done
table figure-5 "Figure 5: weights of recovery (λ1) and alignment (λ2); MTL-AQA, $LABELS % of labels, Spearman"
