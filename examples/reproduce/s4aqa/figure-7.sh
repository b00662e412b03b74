#!/bin/sh
# Figure 7: what the base model (AA) and the full one say of single dives, beside the truth and how complex their motion is, as a page.
# The paper does not say which dives it shows.  Here they are the CLIPS dives on which both disagree most, and those on which the full
# model is best and worst; the table has the first three: its figures are other dives' than the paper's.
#
# VIDEOS    where optical flow is measured: the data set, or a folder
LABELS="${LABELS:-10}" EPOCHS="${EPOCHS:-1000}"
. "$(dirname "$0")/common.sh"
CLIPS="${CLIPS:-3}"     # three or more
VIDEOS="${VIDEOS:-mtl-aqa}"

see mtl-aqa "$DIVES" rgb
for variant in aa s4aqa; do trained_dives "$variant" "$I3D"; done

full=mtl-s4aqa-$LABELS$SUFFIX base=mtl-aa-$LABELS$SUFFIX
folder=$AQA_WORKSPACE/comparisons/s4aqa-figure-7-$LABELS$SUFFIX
aqa compare "$full" "$base" --videos "$VIDEOS" --set "disagreements=$CLIPS" -o "$folder"

# shown CASE NUMBER COMPLEXITY BASE FULL TRUTH: the paper's figures of a case beside those of ours.
shown() {
    said=$folder/compare.json of=cases/$2
    cell "Case $1, Motion Complexity" "$3" "$said" "$of/motion_complexity"
    cell "Case $1, Pred of Base Model" "$4" "$said" "$of/predicted/$base"
    cell "Case $1, Pred of Full Model" "$5" "$said" "$of/predicted/$full"
    cell "Case $1, Ground Truth Score" "$6" "$said" "$of/truth"
}
shown A 0 4.03 71.48 68.34 68.20
shown B 1 3.85 80.05 70.85 63.00
shown C 2 12.34 73.14 72.73 66.00
table figure-7 "Figure 7: three dives of MTL-AQA, $LABELS % of labels (the paper's are others)"
