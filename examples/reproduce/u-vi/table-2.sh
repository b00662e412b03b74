#!/bin/sh
# Table 2: how many pose features N: the total loss (equation 8) of training people who were put aside, in both protocols.
FEATURES="${FEATURES:-40 70 100 130 160 190}"
. "$(dirname "$0")/common.sh"

# held_out ENCODER FOLD: writes the loss of the last epoch on the people who were put aside where compare.py finds it.
held_out() {
    curves=$AQA_WORKSPACE/curves/encoders/$1/$2/curves.csv found=$AQA_WORKSPACE/reproduce/u-vi/$1.json
    [ -f "$curves" ] || return 0
    mkdir -p "${found%/*}"
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "validation") column = i } { last = $column }
        END { printf "{\"overall\": {\"loss\": %s}}\n", last }' "$curves" >"$found"
}

# paper N INPUT SPLIT: its figure.
paper() {
    case $2-$3-$1 in
        rgb-cv-40) echo 0.0088 ;; rgb-cv-70) echo 0.0080 ;; rgb-cv-100) echo 0.0084 ;;
        rgb-cv-130 | rgb-cv-160) echo 0.0081 ;; rgb-cv-190) echo 0.0082 ;;
        rgb-cs-40) echo 0.0064 ;; rgb-cs-70 | rgb-cs-100) echo 0.0061 ;;
        rgb-cs-130 | rgb-cs-160 | rgb-cs-190) echo 0.0062 ;;
        depth-cv-40 | depth-cv-70 | depth-cv-100) echo 0.016 ;; depth-cv-130 | depth-cv-160 | depth-cv-190) echo 0.017 ;;
        depth-cs-40 | depth-cs-70) echo 0.015 ;; depth-cs-100 | depth-cs-130 | depth-cs-160 | depth-cs-190) echo 0.016 ;;
        *) echo - ;;
    esac
}

# shellcheck disable=SC2086
maps $INPUTS
for input in $INPUTS; do
    for split in $SPLITS; do
        for features in $FEATURES; do
            learn "n$features" "$input" "$split" --set "settings.encoder_settings.features=$features" --set validation=0.15
            fold=$(rule_of "$split")
            held_out "ntu-n$features-$input-$split" "${fold#*/}"
            ROWS="$ROWS$input, $split, N = $features=$(paper "$features" "$input" "$split")"
            ROWS="$ROWS=$AQA_WORKSPACE/reproduce/u-vi/ntu-n$features-$input-$split.json:loss
"
        done
    done
done
table table-2 "Table 2: NTU RGB+D, total loss on people who were put aside"
