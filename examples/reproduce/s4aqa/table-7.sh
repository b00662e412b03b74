#!/bin/sh
# Table VII: RGB, and RGB with optical flow.
LABELS="${LABELS:-10 40}" EPOCHS="${EPOCHS:-1000}"
. "$(dirname "$0")/common.sh"

see mtl-aqa "$DIVES" rgb flow
for variant in aa s4aqa; do
    trained_dives "$variant" "$I3D"
    # shellcheck disable=SC2046,SC2086
    dives "$variant-flow" --backbone "$I3D" --set "settings.flow.backbone=$FLOW" --init none $(method "$variant") $ADAM
done

row "base model (AA), RGB" aa 0.618 0.703
row "base model (AA), RGB+Flow" aa-flow 0.633 0.715
row "Full model, RGB" s4aqa 0.676 0.746
row "Full model, RGB+Flow" s4aqa-flow 0.708 0.765
table table-7 "Table VII: MTL-AQA, Spearman"
