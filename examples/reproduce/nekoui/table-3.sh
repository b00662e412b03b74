#!/bin/sh
# Table 3: the neuromotor risk of infants, four levels, from 2-D poses alone.
# The non-expert learns from adults whose depth is left out, then from the healthy infants that train a fold.  Everybody has OpenNI's 15
# joints, which are UWA3D's: the adults of Kinect 1 have them all, infants (OpenPose) wrists and ankles for hands and feet.
PROTOCOL="${PROTOCOL:-infants/5-fold}"
. "$(dirname "$0")/common.sh"
INPUT="--skeleton openni-15 --set settings.input.flat=true"

# shellcheck disable=SC2086
poses infants $SOURCES
for source in $SOURCES; do set -- "$@" --dataset "$source"; done
non_expert flat-adults ours "$@"
non_expert infants-ours ours --dataset infants --protocol "$PROTOCOL" --where label=healthy \
    --init "$AQA_WORKSPACE/encoders/flat-adults.h5"

# infants NAME OPTION…
infants() {
    called=$1
    shift
    train "infants-$called" infants --task level "$@"
}

# shellcheck disable=SC2086
infants eagle-eye --method eagle-eye --set settings.streams=pose $EAGLE_EYE
# shellcheck disable=SC2046
infants only-expert $(expert none)
# shellcheck disable=SC2046
infants non-expert-u $(linear infants-ours) --set settings.freeze=true
# shellcheck disable=SC2046
infants non-expert-s $(linear none)
# shellcheck disable=SC2046
infants non-expert-us $(linear infants-ours)
# shellcheck disable=SC2046
infants ours $(expert infants-ours)

compare table-3 "Table 3: infants, $PROTOCOL, micro-F1" \
    "EAGLE-Eye=0.83=infants-eagle-eye:accuracy" \
    "Only Expert=0.80=infants-only-expert:accuracy" \
    "Only Non-expert (U)=0.69=infants-non-expert-u:accuracy" \
    "Only Non-expert (S)=0.80=infants-non-expert-s:accuracy" \
    "Only Non-expert (U+S)=0.86=infants-non-expert-us:accuracy" \
    "Full Model=0.89=infants-ours:accuracy"
