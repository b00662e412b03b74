# What the recipes of S4AQA share; each of them sources it.  Every variable may be set before a recipe is started:
# LABELS=10 sh table-1.sh (../common.sh has those of all papers: where, seeds, selection).  `paper` marks what the paper states, `ours`
# what it leaves open.
. "$(dirname "$0")/../common.sh"

# What is measured.  LABELS are the percents of the training clips that keep their labels; each recipe has the paper's.
DRAW="${DRAW:-0}"           # ours: which draw of those clips, evenly over the scores; no list was published

# What sees the videos.
I3D="${I3D:-i3d}"           # paper: on Kinetics, 1024 numbers
FLOW="${FLOW:-i3d-flow}"    # paper: of TV-L1 flow
DIVES="${DIVES:---sampling 10x16}"      # paper: 10 segments of MTL-AQA's 103 frames; where they lie is ours
ROUTINES="${ROUTINES:---sampling 2fps --segments 12 --set sampling.starts=even}"    # paper: 12 segments of two frames per second
TRIALS="${TRIALS:---segments 10 --coefficients 16}"                                 # ours: of JIGSAWS's kinematics
CAPTION="${CAPTION-caption}"            # MTL-AQA's column of commentaries; empty leaves them out of C3D-AVG-MTL

STATIC="${STATIC-}"                     # what sees single frames of the athlete, such as resnet50, for a row of ACTION-NET with both of its streams
                                        # (table II); the paper has the dynamic stream alone, and empty leaves the row out
STILLS="${STILLS:---sampling 1fps}"     # ours: which frames, after ACTION-NET's authors
ESTIMATOR="${ESTIMATOR:-rtmo-s}"        # ours: who finds the athlete in them

# How long, and by what.  EPOCHS is 1000 on MTL-AQA, 500 on Rhythmic Gymnastics (paper) and 1000 on JIGSAWS (ours).
PRETRAIN_EPOCHS="${PRETRAIN_EPOCHS:-}"  # of `msfr`; empty is as long as it does
ADAM="${ADAM:---set training.optimiser=adam --set training.lr=5e-4 --set training.weight_decay=1e-4}"   # paper: MTL-AQA; ours: JIGSAWS
SGD="${SGD:---set training.optimiser=sgd --set training.lr=1e-4 --set training.weight_decay=1e-4}"      # paper: Rhythmic Gymnastics

# method NAME: options of a method that is trained by gradients.  S4AQA's own variants are called by what they have: AA assesses, MSFR
# recovers masked segments, RDA aligns representations.
method() {
    case $1 in
        usdl | vat | pseudo-labels | mean-teacher | s4l) echo "--method $1" ;;
        c3d-avg-stl) echo "--method c3d-avg" ;;
        c3d-avg-mtl)
            echo "--method c3d-avg --set settings.attributes=[\"position\",\"armstand\",\"rotation_type\",\"ss_no\",\"tw_no\"]"
            echo "${CAPTION:+--set settings.caption=$CAPTION}"
            ;;
        action-net) echo "--method action-net --set settings.streams=dynamic" ;;
        action-net-both) echo "--method action-net --set settings.streams=both --set settings.static.backbone=$STATIC-performer" ;;
        *) echo "--method s4aqa" ;;
    esac
    case $1 in
        aa) echo "--set settings.recovery_weight=0 --set settings.alignment=none" ;;
        aa-rda) echo "--set settings.recovery_weight=0" ;;
        aa-msfr) echo "--set settings.alignment=none" ;;
        masked-*) echo "--set settings.masked_segments=${1#masked-}" ;;
        still) echo "--set settings.strategy=keep-first-frame --set settings.features.views=[\"original\",\"still\"]" ;;
        mmd-*) echo "--set settings.alignment=$1" ;;
        recover-labelled) echo "--set settings.recover_labelled=true" ;;
    esac
}

# see SET RULE KIND…: features of a set's videos by a rule of sampling: as they are (rgb), also turned (for S4L) or each segment standing
# still in its first frame, and of their flow.
see() {
    of=$1 rule=$2
    shift 2
    for kind in "$@"; do
        case $kind in
            rgb) look="--backbone $I3D" ;;
            turned) look="--backbone $I3D --name $I3D-turned --views original,rotations" ;;
            still) look="--backbone $I3D --name $I3D-still --views original,still" ;;
            flow) look="--backbone $FLOW" ;;
        esac
        # shellcheck disable=SC2086  # several words
        some_may_fail aqa extract-features --dataset "$of" $look $rule
    done
}

# MTL-AQA -----------------------------------------------------------------------------------------------------------------------------

# with_labels PERCENT: the protocol that keeps so many.
with_labels() { echo "mtl-aqa/official/$1-percent-labels/seed-$DRAW"; }

# dives NAME OPTION…: mtl-NAME-PERCENT, for every percent of labels.
dives() {
    called=$1
    shift
    for percent in $LABELS; do
        PROTOCOL=$(with_labels "$percent")
        train "mtl-$called-$percent" mtl-aqa "$@"
    done
}

# trained_dives NAME FEATURES [OPTION…]: the same of a method that is trained by gradients, from scratch.
trained_dives() {
    called=$1 seen=$2
    shift 2
    # shellcheck disable=SC2046,SC2086
    dives "$called" --backbone "$seen" --init none $(method "$called") $ADAM "$@"
}

# row LABEL NAME PAPER10 PAPER40: rows of a table about MTL-AQA, with the paper's figures at 10 % and 40 % of the labels.
row() {
    label=$1 called=$2
    for percent in $LABELS; do
        case $percent in 10) paper=$3 ;; 40) paper=$4 ;; *) paper=- ;; esac
        cell "$label, $percent % of labels" "$paper" "mtl-$called-$percent" spearman
    done
}

# Rhythmic Gymnastics and JIGSAWS, one model per class -------------------------------------------------------------------------------

# routines NAME OPTION…: rg-NAME-PERCENT.
routines() {
    called=$1
    shift
    PROTOCOL=rhythmic-gymnastics/official/$LABELS-percent-labels/seed-$DRAW
    train "rg-$called-$LABELS" rhythmic-gymnastics --per action "$@"
}

# trained_routines NAME FEATURES [OPTION…]
trained_routines() {
    called=$1 seen=$2
    shift 2
    # shellcheck disable=SC2046,SC2086
    routines "$called" --backbone "$seen" --init none $(method "$called") $SGD "$@"
}

# trained_trials NAME [OPTION…]: jigsaws-NAME-PERCENT, from kinematics.
trained_trials() {
    called=$1
    shift
    PROTOCOL=jigsaws/4-fold/$LABELS-percent-labels/seed-$DRAW
    # shellcheck disable=SC2046,SC2086
    train "jigsaws-$called-$LABELS" jigsaws --per action --backbone kinematic-dct --init none $(method "$called") $ADAM "$@"
}

# by_class LABEL EVALUATION PAPER…: a row for each of $CLASSES and for their average, which the paper takes by Fisher's z; the paper's
# figures are those of $PUBLISHED per cent of the labels.
by_class() {
    label=$1 evaluation=$2
    shift 2
    for class in $CLASSES; do
        cell "$label, $class" "$(published "$1")" "$evaluation" "per_class/$class/spearman"
        shift
    done
    cell "$label, Avg" "$(published "$1")" "$evaluation" spearman_fisher_mean
}
published() { if [ "$LABELS" = "$PUBLISHED" ]; then echo "$1"; else echo -; fi; }
