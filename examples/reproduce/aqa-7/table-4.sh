#!/bin/sh
# Table 4: fine-tuning to a new action, from scratch (RI) and from the model of the five other actions (AA).
# The paper prints the best of all iterations on the test clips; here the iteration is chosen as SELECT says.
. "$(dirname "$0")/common.sh"

seen
starts
# shellcheck disable=SC2086  # sizes are words
new_action many $OF_MANY
# shellcheck disable=SC2086
new_action few $OF_FEW

# beside GROUP ACTION RI… AA…: the paper's figures of an action, for the three sizes of its group.
beside() {
    group=$1 action=$2 ri="$3 $4 $5" aa="$6 $7 $8"
    case $group in many) sizes=$OF_MANY ;; few) sizes=$OF_FEW ;; esac
    for size in $sizes; do
        clips=${size%%:*}
        cell "$action, $clips clips, RI" "${ri%% *}" "aqa-7-new-$group-$clips-scratch" "per_class/$action/spearman"
        cell "$action, $clips clips, AA" "${aa%% *}" "aqa-7-new-$group-$clips-pretrained" "per_class/$action/spearman"
        ri=${ri#* } aa=${aa#* }
    done
}
beside many diving 0.5633 0.5952 0.6935 0.5937 0.6742 0.7443
beside many gym_vault 0.3197 0.4231 0.5278 0.4509 0.5350 0.5894
beside many ski_big_air 0.0955 0.5050 0.5862 0.1279 0.5778 0.5991
beside many snowboard_big_air 0.1813 0.4507 0.4751 0.1978 0.3347 0.4437
beside few sync_diving_3m 0.2659 0.3382 0.4268 0.5235 0.5980 0.7429
beside few sync_diving_10m 0.3511 0.4913 0.6305 0.4500 0.7900 0.8123
table table-4 "Table 4: AQA-7, fine-tuning to a new action, Spearman"
