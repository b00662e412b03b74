#!/bin/sh
# Figure 6: how S4AQA, VAT and USDL do with 10 % to 50 % of the labels, as curves.  The paper prints no numbers beside it but those of 10 %
# and 40 %, table I's.
LABELS="${LABELS:-10 20 30 40 50}" EPOCHS="${EPOCHS:-1000}"
. "$(dirname "$0")/common.sh"

# published METHOD PERCENT
published() {
    case "$1 $2" in
        "usdl 10") echo 0.530 ;; "usdl 40") echo 0.646 ;;
        "vat 10") echo 0.635 ;; "vat 40") echo 0.724 ;;
        "s4aqa 10") echo 0.676 ;; "s4aqa 40") echo 0.746 ;;
        *) echo - ;;
    esac
}

see mtl-aqa "$DIVES" rgb
sweep=s4aqa-figure-6$SUFFIX
# shellcheck disable=SC2086
aqa sweep --name "$sweep" --vary "labels=$(echo $LABELS | tr ' ' ,)" --labels-seed "$DRAW" --method usdl --method vat --method s4aqa \
    --dataset mtl-aqa --backbone "$I3D" --protocol mtl-aqa/official --seeds "$SEEDS" --select "$SELECT" --epochs "$EPOCHS" \
    --resume auto --init none $ADAM

number=0
for way in usdl vat s4aqa; do
    for percent in $LABELS; do
        place=$AQA_WORKSPACE/sweeps/$sweep/sweep.json
        cell "$way, $percent % of labels" "$(published "$way" "$percent")" "$place" "points/$number/overall/spearman"
        number=$((number + 1))
    done
done
table figure-6 "Figure 6: shares of labels; MTL-AQA, Spearman"
