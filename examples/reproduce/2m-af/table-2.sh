#!/bin/sh
# Table 2: 2M-AF on the execution scores of UNLV-Dive.
. "$(dirname "$0")/common.sh"

poses unlv-dive
features unlv-dive
sme unlv-dive 38
both unlv-dive 2m-af --init unlv-dive-sme-38

compare table-2 "Table 2: UNLV-Dive, execution score, Spearman" \
    "2M-AF=0.8838=unlv-dive-2m-af:spearman" \
    "CoRe=0.8663=-" \
    "DAE-CoRe=0.8477=-" \
    "FALCONS=0.8453=-" \
    "C3D-AVG-MTL=0.8383=-" \
    "C3D-SVR=0.7800=-" \
    "JRG=0.7630=-"
