# What the recipes of the two-stage paper share; each of them sources it.  Every variable may be set before a recipe is started:
# VIDEO=no sh table-1.sh (../common.sh has those of all papers: where, seeds, selection).  `paper` marks what the paper states, `ours`
# what it leaves open.
. "$(dirname "$0")/../common.sh"

# What is measured.
SOURCES="${SOURCES:-uwa3d utkinect}"        # paper: the non-expert is trained on one after the other
EXERCISES="${EXERCISES:-1 2 3 4 5}"         # of KIMORE, those that you have, two or more
PROTOCOL="${PROTOCOL:-kimore/70-30}"        # paper: 70 % to train; by subject is ours
VIDEO="${VIDEO:-yes}"                       # `no` leaves the appearance stream out, and the rows that are nothing without video
KIMORE_VIDEOS="${KIMORE_VIDEOS:-$AQA_DATA/KiMoRe-videos}"   # CG/Expert/E_ID1/Es1.avi … (README.md)

# What sees the videos.
C3D="${C3D:-c3d}"                   # paper: fc6, pretrained on UCF-101
I3D="${I3D:-i3d}"                   # of the row I3D and of EAGLE-Eye
SAMPLING="${SAMPLING:-dense}"       # ours: segments of 16 frames, one behind the other

# How long, how large.  Where an EPOCHS is empty the methods' own hold: 300 of the non-expert on each source and 1000 of the expert
# (paper), those of the baselines as docs/baselines.md has them.
EPOCHS="${EPOCHS:-}"
PRETRAIN_EPOCHS="${PRETRAIN_EPOCHS:-}"
FRAMES="${FRAMES:-743}"                     # paper: the longest sequence; of longer ones the last so many count
UNITS="${UNITS:-1000}"                      # paper: of the encoder and of both decoders
DISCRIMINATOR="${DISCRIMINATOR:-200}"       # paper: its units
EXPERT_UNITS="${EXPERT_UNITS:-100}"         # paper: of the BiLSTM
CHANNELS="${CHANNELS:-128}"                 # ours: of the assessment modules
EAGLE_EYE="${EAGLE_EYE:---set settings.size=64 --set settings.sigma=2}"     # its authors' heat maps
VI_NET="${VI_NET:---set settings.backbone=resnext50 --set settings.size=224 --set settings.sigma=3.5 --set settings.input.length=pad-back \
--set settings.input.frames=752 --set training.micro_batch=4}"              # the same

# The joints that a non-expert sees, and after it every expert, and how often: KIMORE has five more than Kinect 1, UWA3D five fewer.  The
# sets' own frame rates are kept (paper); INPUT="--skeleton kinect-20 --set settings.input.fps=10" brings them together.
INPUT="${INPUT:---skeleton kinect-20}"

# Further options of the non-expert's training, and of every expert's.
NON_EXPERT="${NON_EXPERT:-}"
EXPERT="${EXPERT:-}"

LOOK="" APPEARANCE="--backbone $C3D --set settings.channels=$CHANNELS"
if [ "$VIDEO" = no ]; then LOOK="-poses" APPEARANCE="--set settings.video=false"; fi

# poses SET…
poses() {
    for set in "$@"; do some_may_fail aqa import-poses --dataset "$set"; done
}

# features BACKBONE…: of KIMORE's videos; nothing without them.
features() {
    [ "$VIDEO" = no ] || for backbone in "$@"; do
        some_may_fail aqa extract-features "$KIMORE_VIDEOS" --set-name kimore --backbone "$backbone" --sampling "$SAMPLING" \
            --manifest "$AQA_WORKSPACE/poses/kimore/manifest.csv"
    done
}

# sizes: options of an encoder and its input; a pretrained one brings them along.
sizes() {
    echo "$INPUT --set settings.input.frames=$FRAMES --set settings.encoder_settings.units=$UNITS"
}

# pretext NAME: its options.
pretext() {
    case ${1%+pace} in
        ours) ;;
        pace) echo "--set settings.recovery=none" ;;
        *) echo "--set settings.recovery=${1%+pace}" ;; # inpainting, reconstruction, prediction, order
    esac
    case $1 in
        ours | pace | *+pace) ;;
        *) echo "--set settings.pace=false" ;;
    esac
}

# non_expert NAME PRETEXT OPTION…: an encoder called NAME; the options say which clips it learns from.
non_expert() {
    name=$1 task=$2
    shift 2
    # shellcheck disable=SC2046  # several words
    aqa pretrain --name "$name" --method non-expert ${PRETRAIN_EPOCHS:+--epochs "$PRETRAIN_EPOCHS"} --resume auto "$@" $(sizes) \
        --set "settings.units=$UNITS" --set "settings.discriminator_units=$DISCRIMINATOR" $(pretext "$task") $NON_EXPERT
}

# adults PRETEXT [OPTION…]: adults-PRETEXT, from the sources one after the other.
adults() {
    what=$1
    shift
    for source in $SOURCES; do set -- "$@" --dataset "$source"; done
    non_expert "adults-$what" "$what" "$@"
}

# starting ENCODER: options of a model that starts from an encoder, or from scratch (`none`).
starting() {
    echo "--method expert --init $1 $EXPERT"
    if [ "$1" = none ]; then sizes; fi
}

# expert ENCODER: options of the expert that looks at poses alone.
expert() {
    starting "$1"
    echo "--set settings.video=false --set settings.units=$EXPERT_UNITS"
}

# linear ENCODER: options of the non-expert without an expert, (S) and (U+S); frozen besides it is (U).
linear() {
    starting "$1"
    echo "--set settings.video=false --set settings.head=linear"
}

# The steps of the tables about KIMORE ------------------------------------------------------------------------------------------------

# kimore NAME OPTION…: kimore-NAME, one model per exercise.
kimore() {
    called=$1
    shift
    train "kimore-$called" kimore --per action "$@"
}

# both NAME ENCODER [OPTION…]: the expert with both streams, kimore-NAME; of poses alone, kimore-NAME-poses, where there is no video.
both() {
    called=$1 from=$2
    shift 2
    # shellcheck disable=SC2046,SC2086
    kimore "$called$LOOK" $(starting "$from") --set "settings.units=$EXPERT_UNITS" $APPEARANCE "$@"
}

# row LABEL EVALUATION EX1 … EX5 AVERAGE: rows of a table about KIMORE, with the paper's figures; EVALUATION is `-` where none is ours.
# The paper's averages are arithmetic.
row() {
    label=$1 evaluation=$2
    shift 2
    for exercise in 1 2 3 4 5; do
        case " $EXERCISES " in
            *" $exercise "*) cell "$label, Ex #$exercise" "$1%" "$evaluation" "per_class/Es$exercise/spearman" ;;
        esac
        shift
    done
    average=-
    if [ "$EXERCISES" = "1 2 3 4 5" ]; then average=$1; fi
    cell "$label, Avg." "$average%" "$evaluation" spearman_mean
}
