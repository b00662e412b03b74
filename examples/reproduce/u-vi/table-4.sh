#!/bin/sh
# Table 4: actions of NTU RGB+D without labels for the encoder: works on skeletons, which the paper only cites, beside U-VI on RGB, frozen.
INPUTS="${INPUTS:-rgb}"
. "$(dirname "$0")/common.sh"

# shellcheck disable=SC2086
maps $INPUTS
for input in $INPUTS; do
    for split in $SPLITS; do
        learn cnn "$input" "$split"
        recognise cnn frozen "$input" "$split"
    done
done

# cited LABEL CV CS: works on skeletons.
cited() {
    for split in $SPLITS; do
        case $split in cv) paper=$2 ;; cs) paper=$3 ;; esac
        [ "$paper" = - ] || cell "$1, skeletons, $split" "$paper%" - -
    done
}
cited "Su et al." 76.1 50.7
cited "Lin et al." - 52.5
cited "Yao et al." 79.2 54.4
cited "Cheng et al." 72.8 69.3
cited "Rao et al." 64.8 58.5
row "2D CNN + GRU, frozen" cnn frozen rgb 74.8 68.3
row "2D CNN + GRU, frozen" cnn frozen depth 67.5 64.7
table table-4 "Table 4: NTU RGB+D, accuracy of frozen encoders"
