#!/bin/sh
# Figure 3: ρ on the test clips every ROUND iterations of fine-tuning, from scratch and from the model of the five other actions: one page
# per size and group of actions, a chart per action.  Following test clips means that the kept iteration is chosen by them, too, which
# every report says.  The paper prints no figures; the table has the first and the last point of every curve.
SELECT=test
. "$(dirname "$0")/common.sh"

seen
starts
# shellcheck disable=SC2086  # sizes are words
new_action many $OF_MANY
# shellcheck disable=SC2086
new_action few $OF_FEW

# curves GROUP SIZE…: the pages, and rows of the table.
curves() {
    group=$1
    shift
    case $group in many) actions=$MANY ;; few) actions=$FEW ;; esac
    for size in "$@"; do
        clips=${size%%:*}
        scratch=aqa-7-new-$group-$clips-scratch pretrained=aqa-7-new-$group-$clips-pretrained
        folder=$AQA_WORKSPACE/comparisons/aqa-7-figure-3-$group-$clips
        aqa compare "$scratch$SUFFIX" "$pretrained$SUFFIX" -o "$folder"
        echo "figure 3, $clips clips of $(echo "$actions" | sed 's/ /, /g'): $folder/compare.html"
        for action in $actions; do
            first="followed/action-$action/${SEEDS%%[-,]*}/0/1" last="followed/action-$action/${SEEDS%%[-,]*}/-1/1"
            cell "$action, $clips clips, first, RI" - "$scratch" "$first"
            cell "$action, $clips clips, first, AA" - "$pretrained" "$first"
            cell "$action, $clips clips, last, RI" - "$scratch" "$last"
            cell "$action, $clips clips, last, AA" - "$pretrained" "$last"
        done
    done
}
# shellcheck disable=SC2086
curves many $OF_MANY
# shellcheck disable=SC2086
curves few $OF_FEW
table figure-3 "Figure 3: AQA-7, test clips while fine-tuning to a new action, Spearman"
