# What the recipes of U-VI share; each of them sources it.  Every variable may be set before a recipe is started: INPUTS=depth sh table-3.sh
# (../common.sh has those of all papers: where, seeds, selection).  `paper` marks what U-VI states, `ours` what it leaves open.
. "$(dirname "$0")/../common.sh"

# What is measured.
INPUTS="${INPUTS:-rgb depth}"   # NTU RGB+D as DensePose's maps of its colour videos, and as masked depth; those that you have
SPLITS="${SPLITS:-cv cs}"       # paper: cross-view and cross-subject, those of the data set's authors

# What the networks see.
SIZE="${SIZE:-128}"             # paper: the layers of table 1 imply it
FRAMES="${FRAMES:-32}"          # ours: pictures of a clip of NTU, evenly spread; all that is trained on lies in memory (README.md)

# How large, how long.
WIDTH="${WIDTH:-64}"                        # paper: table 1; 16 is a quarter of it
PRETRAIN_EPOCHS="${PRETRAIN_EPOCHS:-}"      # empty: 20 (paper)
EPOCHS="${EPOCHS:-}"                        # of a model; empty: 40 (ours)

# Further options of every pretraining, and of every model.
PRETEXT="${PRETEXT:-}"
MODEL="${MODEL:-}"

# set_of INPUT: the data set of which the pictures are.
set_of() {
    case $1 in
        rgb) echo ntu60-densepose ;;
        depth) echo ntu60-depth ;;
        *)
            echo "INPUTS are rgb and depth, found '$1'" >&2
            exit 2
            ;;
    esac
}

# rule_of SPLIT: its protocol.
rule_of() {
    case $1 in
        cv) echo ntu60/cross-view ;;
        cs) echo ntu60/cross-subject ;;
        *)
            echo "SPLITS are cv and cs, found '$1'" >&2
            exit 2
            ;;
    esac
}

# maps INPUT…: the pictures of NTU.
maps() {
    for input in "$@"; do
        set=$(set_of "$input")
        some_may_fail aqa extract-maps --dataset "$set" --source pictures --size "$SIZE" --frames "$FRAMES"
    done
}

# pretext NAME SET [OPTION…]: an encoder, from pairs of clips that several cameras filmed at one time.
pretext() {
    name=$1 set=$2
    shift 2
    # shellcheck disable=SC2086  # several words
    aqa pretrain --name "$name" --method u-vi --dataset "$set" ${PRETRAIN_EPOCHS:+--epochs "$PRETRAIN_EPOCHS"} --resume auto \
        --set settings.pairs=clips --set "settings.encoder_settings.width=$WIDTH" $PRETEXT "$@"
}

# learn VARIANT INPUT SPLIT [OPTION…]: the encoder ntu-VARIANT-INPUT-SPLIT, from the split's training people and views alone (paper).
learn() {
    called=ntu-$1-$2-$3 set=$(set_of "$2") rule=$(rule_of "$3")
    shift 3
    pretext "$called" "$set" --protocol "$rule" "$@"
}

# starting HOW ENCODER: options of a model whose encoder is frozen (the paper's "unsupervised"), fine-tuned, or starts from scratch.
starting() {
    case $1 in
        frozen) echo "--init $2 --set settings.freeze=true" ;;
        fine-tuned) echo "--init $2" ;;
        scratch) echo "--init none --set settings.encoder_settings.width=$WIDTH" ;;
    esac
}

# recognise VARIANT HOW INPUT SPLIT [OPTION…]: ntu-VARIANT-HOW-INPUT-SPLIT, from one frame of each of 16 segments.
recognise() {
    called=ntu-$1-$2-$3-$4 start=$(starting "$2" "ntu-$1-$3-$4") set=$(set_of "$3") PROTOCOL=$(rule_of "$4")
    shift 4
    # shellcheck disable=SC2086
    train "$called" "$set" --task action --method u-vi --set settings.sampling=segments $start $MODEL "$@"
}

# row LABEL VARIANT HOW INPUT CV CS: rows of a table about NTU, with the paper's accuracies; VARIANT is `-` where none is ours.
row() {
    label=$1 variant=$2 how=$3 input=$4
    case " $INPUTS " in *" $input "*) ;; *) return 0 ;; esac
    for split in $SPLITS; do
        case $split in cv) paper=$5 ;; cs) paper=$6 ;; esac
        if [ "$variant" != - ]; then
            cell "$label, $input, $split" "$paper%" "ntu-$variant-$how-$input-$split" accuracy
        elif [ "$paper" != - ]; then
            cell "$label, $input, $split" "$paper%" - -
        fi
    done
}
