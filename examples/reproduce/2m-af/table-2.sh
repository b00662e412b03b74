#!/bin/sh
# Table 2: 2M-AF on the execution scores of UNLV-Dive.  BASELINES="jrg falcons" trains those, too.
. "$(dirname "$0")/common.sh"

poses unlv-dive
features unlv-dive
sme unlv-dive 38
both unlv-dive 2m-af --init unlv-dive-sme-38

jrg=-
if is_wanted jrg; then
    jrg unlv-dive
    jrg=unlv-dive-jrg:spearman
fi

falcons=-
if is_wanted falcons; then
    falcons unlv-dive
    falcons=unlv-dive-falcons:spearman
fi

compare table-2 "Table 2: UNLV-Dive, execution score, Spearman" \
    "2M-AF=0.8838=unlv-dive-2m-af:spearman" \
    "CoRe=0.8663=-" \
    "DAE-CoRe=0.8477=-" \
    "FALCONS=0.8453=$falcons" \
    "C3D-AVG-MTL=0.8383=-" \
    "C3D-SVR=0.7800=-" \
    "JRG=0.7630=$jrg"
