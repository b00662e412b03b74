#!/bin/sh
# Table 1: KIMORE, one model per exercise: baselines, both stages, and ablations.
# Below the paper's rows stand what kinematic statistics of the joints and a classical regressor reach.
. "$(dirname "$0")/common.sh"

# shellcheck disable=SC2086
poses kimore $SOURCES
features "$C3D" "$I3D"
adults ours
adults pace
adults inpainting

c3d=- i3d=- c3d_expert=- eagle_eye=kimore-eagle-eye$LOOK
if [ "$VIDEO" = no ]; then
    # shellcheck disable=SC2086  # several words
    kimore eagle-eye-poses --method eagle-eye --set settings.streams=pose $EAGLE_EYE
else
    c3d=kimore-c3d i3d=kimore-i3d c3d_expert=kimore-c3d-expert
    kimore c3d --method features-mlp --backbone "$C3D" --set 'settings.hidden=[]' --set settings.dropout=0
    kimore i3d --method features-mlp --backbone "$I3D" --set 'settings.hidden=[]' --set settings.dropout=0
    # shellcheck disable=SC2086
    kimore eagle-eye --method eagle-eye --backbone "$I3D" $EAGLE_EYE
    both c3d-expert adults-ours --set settings.appearance=plain
fi
# shellcheck disable=SC2086
kimore vi-net --method vi-net $VI_NET
both ours adults-ours
both only-expert none
# shellcheck disable=SC2046
kimore non-expert-u $(linear adults-ours) --set settings.freeze=true
# shellcheck disable=SC2046
kimore non-expert-s $(linear none)
# shellcheck disable=SC2046
kimore non-expert-us $(linear adults-ours)
both pace adults-pace
both inpainting adults-inpainting
for regressor in ridge svr trees; do
    kimore "kinematics-$regressor" --method "kinematics-$regressor"
done

row "C3D" "$c3d" 66.00 64.00 63.00 59.00 60.00 62.40
row "I3D" "$i3d" 45.00 56.00 57.00 64.00 58.00 56.00
row "EAGLE-Eye" "$eagle_eye" 70.85 67.34 64.62 65.23 62.42 66.09
row "VI-Net" kimore-vi-net 79.00 69.00 57.00 59.00 70.00 66.80
row "Ours" "kimore-ours$LOOK" 75.59 72.87 69.96 74.67 72.31 73.08
row "Only Expert" "kimore-only-expert$LOOK" 68.42 66.43 67.81 66.97 63.11 66.55
row "Only Non-expert (U)" kimore-non-expert-u 60.76 56.98 37.75 59.61 54.52 53.92
row "Only Non-expert (S)" kimore-non-expert-s 63.92 60.85 54.44 56.82 57.85 58.78
row "Only Non-expert (U+S)" kimore-non-expert-us 66.53 60.09 61.05 59.71 61.11 61.70
row "C3D as expert" "$c3d_expert" 70.19 69.42 67.11 64.59 66.38 67.54
row "W/o Skeleton inpainting" "kimore-pace$LOOK" 71.13 68.19 67.60 71.20 66.82 68.99
row "W/o pace prediction" "kimore-inpainting$LOOK" 73.34 70.94 70.84 71.28 69.07 71.09
row "kinematics, ridge" kimore-kinematics-ridge - - - - - -
row "kinematics, SVR" kimore-kinematics-svr - - - - - -
row "kinematics, trees" kimore-kinematics-trees - - - - - -
if [ "$VIDEO" = no ]; then without=", poses alone"; else without=""; fi
table table-1 "Table 1: KIMORE$without, $PROTOCOL, Spearman × 100"
