#!/bin/sh
# Figure 4: what variants of tables 1 and 2 say of single clips of one exercise, beside the truth and the clip's poses, as a page.
# The paper does not say which clip of which exercise it shows.  Here they are the CLIPS clips of EXERCISE on which the variants disagree
# most, and those on which the whole method is best and worst; the table has the first of them: its figures are another clip's than the
# paper's.
. "$(dirname "$0")/common.sh"
EXERCISE="${EXERCISE:-1}"
CLIPS="${CLIPS:-3}"

# shellcheck disable=SC2086
poses kimore $SOURCES
features "$C3D"
for pretext in ours inpainting prediction+pace reconstruction+pace; do
    adults "$pretext"
    both "$pretext" "adults-$pretext"
done

variants() {
    for pretext in ours inpainting prediction+pace reconstruction+pace; do echo "kimore-$pretext$LOOK$SUFFIX"; done
}

folder=$AQA_WORKSPACE/comparisons/nekoui-figure-4-es$EXERCISE$LOOK$SUFFIX
# shellcheck disable=SC2046
aqa compare $(variants) --where "action=Es$EXERCISE" --set "disagreements=$CLIPS" -o "$folder"

told=$folder/compare.json:cases/0/predicted/kimore
compare figure-4 "Figure 4: a clip of KIMORE's exercise $EXERCISE, scores (the paper's are another clip's)" \
    "ground truth=23=$folder/compare.json:cases/0/truth" \
    "Skl. Inpaint=16.71=$told-inpainting$LOOK$SUFFIX" \
    "Skl. Inp. + Pace=21.38=$told-ours$LOOK$SUFFIX" \
    "Motion + Pace=19.45=$told-prediction+pace$LOOK$SUFFIX" \
    "Skl. Recon. + Pace=30.72=$told-reconstruction+pace$LOOK$SUFFIX"
