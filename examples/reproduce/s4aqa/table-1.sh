#!/bin/sh
# Table I: MTL-AQA with 10 % and 40 % of the labels, supervised and semi-supervised methods on the same features.
# Below the paper's rows stands Mean Teacher, which the paper does not have.
LABELS="${LABELS:-10 40}" EPOCHS="${EPOCHS:-1000}"
. "$(dirname "$0")/common.sh"

see mtl-aqa "$DIVES" rgb turned
dives svr --backbone "$I3D" --method features-svr --set settings.kernel=linear
for supervised in usdl c3d-avg-stl c3d-avg-mtl; do trained_dives "$supervised" "$I3D"; done
dives coreg --backbone "$I3D" --method coreg
for semi in pseudo-labels vat s4aqa mean-teacher; do trained_dives "$semi" "$I3D"; done
trained_dives s4l "$I3D-turned"

row SVR svr 0.427 0.565
row "USDL*" usdl 0.530 0.646
row "C3D-AVG-STL*" c3d-avg-stl 0.561 0.632
row "C3D-AVG-MTL*" c3d-avg-mtl 0.584 0.656
row COREG coreg 0.487 0.526
row Pseudo-labels pseudo-labels 0.622 0.716
row VAT vat 0.635 0.724
row S4L s4l 0.621 0.721
row "S4AQA (Ours)" s4aqa 0.676 0.746
row "Mean Teacher" mean-teacher - -
table table-1 "Table I: MTL-AQA, Spearman"
