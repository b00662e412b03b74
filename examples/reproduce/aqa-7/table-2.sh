#!/bin/sh
# Table 2: one model for all six actions beside one for each, and the single-action baselines.
#
# ESTIMATOR, BOXES   who finds the divers' joints for Pose + DCT, which the paper has for diving alone; POSES=no leaves that row out
. "$(dirname "$0")/common.sh"
ESTIMATOR="${ESTIMATOR:-hrnet-w32}" BOXES="${BOXES-rtmo-s}" POSES="${POSES:-yes}"
COEFFICIENTS="${COEFFICIENTS:-50}"  # ours: lowest frequencies of each coordinate over the whole clip

seen
single_svr aqa-7-c3d-svr c3d-fc6 --per action
lstm aqa-7-single --per action
lstm aqa-7-all

dct=-
if [ "$POSES" != no ]; then
    dct=aqa-7-pose-dct
    some_may_fail aqa extract-pose --dataset aqa-7 --where action=diving --estimator "$ESTIMATOR" ${BOXES:+--boxes "$BOXES"}
    some_may_fail aqa extract-kinematics --dataset aqa-7 --where action=diving --name pose-dct --segments 1 \
        --coefficients "$COEFFICIENTS" --set input.centre=frame
    single_svr $dct pose-dct --where action=diving
fi

# The averages are by Fisher's z.
cell "Pose + DCT, diving" 0.5300 $dct spearman
by_action "Single-action C3D-SVR" aqa-7-c3d-svr 0.7902 0.6824 0.5209 0.4006 0.5937 0.9120 0.6937
cell "Single-action C3D-SVR, average" "$LEFT" aqa-7-c3d-svr spearman_fisher_mean
by_action "Single-action C3D-LSTM" aqa-7-single 0.6047 0.5636 0.4593 0.5029 0.7912 0.6927 0.6165
cell "Single-action C3D-LSTM, average" "$LEFT" aqa-7-single spearman_fisher_mean
by_action "All-action C3D-LSTM" aqa-7-all 0.6177 0.6746 0.4955 0.3648 0.8410 0.7343 0.6478
cell "All-action C3D-LSTM, average" "$LEFT" aqa-7-all spearman_fisher_mean
table table-2 "Table 2: AQA-7, Spearman"
