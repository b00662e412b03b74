#!/bin/sh
# Table 2: pretexts, by the expert on KIMORE and by the recognition of NW-UCLA's actions (poses alone).
# For recognition the non-expert learns from NW-UCLA's own training clips, as the paper suggests.
#
# RECOGNITION   NW-UCLA's protocol; with views 1 and 2 alone:
#               RECOGNITION=cross-subject:train=s01,s02,s03,s04,s05,s06,s07:test=s08,s09,s10
. "$(dirname "$0")/common.sh"
RECOGNITION="${RECOGNITION:-nw-ucla/official}"
PRETEXTS="reconstruction reconstruction+pace prediction prediction+pace order ours"

# shellcheck disable=SC2086
poses kimore $SOURCES
poses nw-ucla
features "$C3D"
for pretext in $PRETEXTS; do
    adults "$pretext"
    both "$pretext" "adults-$pretext"
done

on_kimore=$PROTOCOL PROTOCOL=$RECOGNITION
for pretext in $PRETEXTS; do
    non_expert "nw-ucla-$pretext" "$pretext" --dataset nw-ucla --protocol "$RECOGNITION"
    # shellcheck disable=SC2046
    train "nw-ucla-$pretext" nw-ucla --task action $(expert "nw-ucla-$pretext")
done

# line LABEL PRETEXT EX1 … EX5 AVERAGE ACCURACY
line() {
    label=$1 of=$2
    shift 2
    row "$label" "kimore-$of$LOOK" "$@"
    shift 6
    accuracy=-
    if [ "$RECOGNITION" = nw-ucla/official ]; then accuracy=$1; fi
    cell "$label, NW-UCLA" "$accuracy%" "nw-ucla-$of" accuracy
}

line "Skl. Recon." reconstruction 69.17 67.53 70.02 65.39 63.73 67.17 82.54
line "Skl. Recon. + Pace" reconstruction+pace 68.53 69.12 69.53 68.14 64.33 67.93 82.71
line "Mot. Pred." prediction 70.53 70.92 68.17 70.43 68.54 69.72 84.31
line "Mot. Pred. + Pace" prediction+pace 72.18 69.92 70.35 71.18 70.46 70.82 84.15
line "Order Rec." order 65.67 67.29 66.38 67.83 60.52 65.54 83.92
line "Ours" ours 75.59 72.87 69.96 74.67 72.31 73.08 84.02
table table-2 "Table 2: KIMORE, $on_kimore, Spearman × 100; NW-UCLA, $RECOGNITION, accuracy in per cent"
