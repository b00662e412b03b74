#!/bin/sh
# Table III: JIGSAWS with 50 % of the labels, one model per task, four folds, from the robot's kinematics.
# S4L has to tell a trial from its mirror image here: kinematics have no video to turn.
LABELS="${LABELS:-50}" EPOCHS="${EPOCHS:-1000}"
. "$(dirname "$0")/common.sh"
CLASSES="Suturing Needle_Passing Knot_Tying" PUBLISHED=50

# shellcheck disable=SC2086
some_may_fail aqa extract-kinematics --dataset jigsaws --views original,flip $TRIALS
for way in usdl pseudo-labels vat s4aqa; do trained_trials "$way" --set 'settings.features.copies=["flip"]'; done
trained_trials s4l --set 'settings.features.views=["original","flip"]'

by_class USDL "jigsaws-usdl-$LABELS" 0.439 0.351 0.680 0.505
by_class Pseudo-labels "jigsaws-pseudo-labels-$LABELS" 0.445 0.501 0.714 0.566
by_class VAT "jigsaws-vat-$LABELS" 0.524 0.526 0.749 0.612
by_class S4L "jigsaws-s4l-$LABELS" 0.455 0.529 0.730 0.585
by_class "S4AQA (Ours)" "jigsaws-s4aqa-$LABELS" 0.533 0.552 0.813 0.655
table table-3 "Table III: JIGSAWS, $LABELS % of labels, Spearman of all folds' test trials"
