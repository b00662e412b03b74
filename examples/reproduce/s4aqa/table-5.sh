#!/bin/sh
# Table V: what recovery of masked segments (MSFR) and alignment of representations (RDA) give, on Rhythmic Gymnastics.
LABELS="${LABELS:-40}" EPOCHS="${EPOCHS:-500}"
. "$(dirname "$0")/common.sh"
CLASSES="Ball Clubs Hoop Ribbon" PUBLISHED=40

see rhythmic-gymnastics "$ROUTINES" rgb
for variant in aa aa-rda aa-msfr s4aqa; do trained_routines "$variant" "$I3D"; done

by_class AA "rg-aa-$LABELS" 0.192 0.322 0.327 0.289 0.283
by_class AA+RDA "rg-aa-rda-$LABELS" 0.204 0.327 0.324 0.290 0.287
by_class AA+MSFR "rg-aa-msfr-$LABELS" 0.236 0.378 0.361 0.338 0.329
by_class AA+MSFR+RDA "rg-s4aqa-$LABELS" 0.248 0.388 0.372 0.357 0.342
table table-5 "Table V: Rhythmic Gymnastics, $LABELS % of labels, Spearman"
