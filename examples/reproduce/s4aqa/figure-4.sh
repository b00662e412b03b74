#!/bin/sh
# Figure 4: t-SNE of what three models make of the clips whose labels they did not see, coloured by the true score.  It stands in each
# model's report; the figures below are those of table IV.
LABELS="${LABELS:-10}" EPOCHS="${EPOCHS:-1000}"
. "$(dirname "$0")/common.sh"

see mtl-aqa "$DIVES" rgb
for variant in aa aa-msfr s4aqa; do trained_dives "$variant" "$I3D"; done

row AA aa 0.618 0.703
row AA+MSFR aa-msfr 0.661 0.732
row AA+MSFR+RDA s4aqa 0.676 0.746
table figure-4 "Figure 4: the models whose representations are drawn; MTL-AQA, Spearman"
for percent in $LABELS; do
    for variant in aa aa-msfr s4aqa; do
        echo "figure 4, $variant, $percent % of labels: $AQA_WORKSPACE/evaluations/mtl-$variant-$percent$SUFFIX/report.html"
    done
done
