# What the recipes of the AQA-7 paper share; each of them sources it.  Every variable may be set before a recipe is started:
# ITERATIONS=2000 sh table-2.sh (../common.sh has those of all papers: where, seeds, selection).  `paper` marks what the paper states,
# `ours` what it leaves open.
. "$(dirname "$0")/../common.sh"

# What sees the videos: fc6 of C3D, six segments of 16 frames of 103 (paper).  Paper: trained on UCF-101; ours: the weights that the
# name stands for (Sports-1M, then UCF-101), which every report names.  With weights of your own, the recipe c3d-ucf101.sh says how.
C3D="${C3D:-c3d}"
CHECKPOINT="${CHECKPOINT:-}"        # their file, where the name alone does not say it
COPIES="${COPIES-shifts}"           # paper: six copies of a training clip, a frame apart; empty: the clip alone

# How long.
ITERATIONS="${ITERATIONS:-20000}"   # paper
STEP="${STEP:-3000}"                # paper: the learning rate is halved every so many
ROUND="${ROUND:-100}"               # paper (figure 3): ρ every so many
PROTOCOL=official                   # paper: the published split

ACTIONS="diving gym_vault ski_big_air snowboard_big_air sync_diving_3m sync_diving_10m"

# seen: features of all clips.
seen() {
    some_may_fail aqa extract-features --dataset aqa-7 --backbone "$C3D" ${CHECKPOINT:+--checkpoint "$CHECKPOINT"} --name c3d-fc6 \
        --sampling aqa-7 --views "original${COPIES:+,$COPIES}"
}

# lstm NAME [OPTION…]: C3D-LSTM under $PROTOCOL, for $ITERATIONS.
lstm() {
    named=$1
    shift
    copies="" number=1
    if [ "$COPIES" = shifts ]; then
        copies='"shift:1","shift:2","shift:3","shift:4","shift:5"'
    elif [ -n "$COPIES" ]; then
        copies="\"$COPIES\""
    fi
    train "$named" aqa-7 --method c3d-lstm --backbone c3d-fc6 --set "settings.features.copies=[$copies]" \
        --set "training.iterations=$ITERATIONS" --set "training.step_iterations=$STEP" --set "training.round_iterations=$ROUND" "$@"
}

# single NAME BACKBONE [OPTION…]: one linear support vector regression per action, on the mean feature.
single_svr() {
    named=$1 backbone=$2
    shift 2
    train "$named" aqa-7 --method features-svr --backbone "$backbone" --set settings.kernel=linear "$@"
}

# zero_shot: models that saw all actions but one, which is the one that they are tested on; aqa-7-zero-shot.
zero_shot() {
    PROTOCOL=aqa-7/zero-shot
    lstm aqa-7-zero-shot
}

# starts: the same models as $START, to start from.  One that was chosen on test clips would know those that a new action is tested on, so
# they are chosen on training clips where SELECT is `test`.
starts() {
    chosen=$SELECT suffix=$SUFFIX
    if [ "$SELECT" = test ]; then SELECT=val SUFFIX=""; fi
    zero_shot
    START=aqa-7-zero-shot$SUFFIX SELECT=$chosen SUFFIX=$suffix
}

# by_action LABEL EVALUATION PAPER…: a row for each of $ACTIONS; what is left of the paper's figures is printed in $LEFT.
by_action() {
    label=$1 evaluation=$2
    shift 2
    for action in $ACTIONS; do
        cell "$label, $action" "$1" "$evaluation" "per_class/$action/spearman"
        shift
    done
    LEFT=$*
}

# Fine-tuning to a new action --------------------------------------------------------------------------------------------------------

MANY="diving gym_vault ski_big_air snowboard_big_air"   # paper: 25, 75 and 125 clips of these
FEW="sync_diving_3m sync_diving_10m"                    # paper: 15, 25 and 35 of these
TESTED="${TESTED:-50}"                                  # paper
# Clips:iterations:steps.  Paper: those of 25, 75 and 125; ours: the others, in proportion to 25.
OF_MANY="${OF_MANY:-25:500:100 75:1200:300 125:2000:500}"
OF_FEW="${OF_FEW:-15:300:60 25:500:100 35:700:140}"

# new_action GROUP SIZE…: models for each of a group's actions, from scratch (aqa-7-new-GROUP-CLIPS-scratch) and from $START
# (aqa-7-new-GROUP-CLIPS-pretrained), for every size.
new_action() {
    group=$1
    shift
    case $group in many) actions=$MANY ;; few) actions=$FEW ;; esac
    actions=$(echo "$actions" | tr ' ' ',')
    for size in "$@"; do
        clips=${size%%:*} rest=${size#*:}
        ITERATIONS=${rest%%:*} STEP=${rest#*:}
        PROTOCOL=aqa-7/new-action-$clips:test=$TESTED
        lstm "aqa-7-new-$group-$clips-scratch" --where "action=$actions"
        lstm "aqa-7-new-$group-$clips-pretrained" --where "action=$actions" --from "$START"
    done
}
