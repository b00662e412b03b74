#!/bin/sh
# Table 5: actions of NTU RGB+D with a frozen encoder that was pretrained without one or two of its losses.
# Below the paper's rows, what the paper argues but does not measure: rotations always of the frame itself (equation 1 left out).
. "$(dirname "$0")/common.sh"

# without VARIANT: options of the pretraining.
without() {
    case $1 in
        both) echo "--set settings.invariance_weight=0 --set settings.equivariance_weight=0" ;;
        invariance) echo "--set settings.invariance_weight=0" ;;
        equivariance) echo "--set settings.equivariance_weight=0" ;;
        other-frame) echo "--set settings.other_frame=0" ;;
    esac
}

# shellcheck disable=SC2086
maps $INPUTS
for input in $INPUTS; do
    for split in $SPLITS; do
        learn cnn "$input" "$split"
        recognise cnn frozen "$input" "$split"
        for left_out in both invariance equivariance other-frame; do
            # shellcheck disable=SC2046
            learn "without-$left_out" "$input" "$split" $(without "$left_out")
            recognise "without-$left_out" frozen "$input" "$split"
        done
    done
done

row "L_rec1 + L_rec2" without-both frozen depth 35.4 32.1
row "L_equiv + L_rec1 + L_rec2" without-invariance frozen depth 64.1 65.5
row "L_invar + L_rec1 + L_rec2" without-equivariance frozen depth 59.6 52.5
row "L_invar + L_equiv + L_rec1 + L_rec2" cnn frozen depth 67.5 64.7
row "L_rec1 + L_rec2" without-both frozen rgb 35.6 34.1
row "L_equiv + L_rec1 + L_rec2" without-invariance frozen rgb 69.1 64.9
row "L_invar + L_rec1 + L_rec2" without-equivariance frozen rgb 70.3 63.3
row "L_invar + L_equiv + L_rec1 + L_rec2" cnn frozen rgb 74.8 68.3
for input in $INPUTS; do row "all, rotations of the frame itself" without-other-frame frozen "$input" - -; done
table table-5 "Table 5: NTU RGB+D, accuracy of frozen encoders, by losses"
