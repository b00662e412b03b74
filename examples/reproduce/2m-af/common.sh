# What the recipes of 2M-AF share; each of them sources it.  Every variable may be set before a recipe is started: EPOCHS=100 sh table-4.sh
#
# A recipe says everything that it needs, from the videos on.  What another recipe has made already is skipped, and what was
# interrupted goes on, so run them in any order, and again.  (`paper` marks what 2M-AF states, `ours` what it leaves open.)
set -euf

# Where.
export AQA_DATA="${AQA_DATA:-}"                             # the data sets as they are published (docs/datasets.md)
export AQA_WORKSPACE="${AQA_WORKSPACE:-aqa-workspace}"      # everything that is made; the tables in reproduce/2m-af/
MMFS_VIDEOS="${MMFS_VIDEOS:-$AQA_DATA/MMFS-63/videos}"      # train/NAME.mp4, test/NAME.mp4: MMFS-63 publishes skeletons, videos by request

# How it is measured.
SELECT="${SELECT:-val}"     # ours: the best epoch on 15 % of the training clips.  `test` is what published code does, and is stamped
SEEDS="${SEEDS:-0}"         # ours; 0-2 gives the spread over three seeds
PROTOCOL="${PROTOCOL:-official}"    # paper: the published split

# What sees the videos.
ESTIMATOR="${ESTIMATOR:-hrnet-w32}" # paper: HRNet; W32 and the 17 joints of COCO are ours
BOXES="${BOXES-rtmo-s}"             # ours: who finds the athlete for it; empty: it follows one person by itself
BACKBONE="${BACKBONE:-i3d}"         # paper

# How long, how large.
EPOCHS="${EPOCHS:-60}"                      # of a model; ours
PRETRAIN_EPOCHS="${PRETRAIN_EPOCHS:-}"      # of an encoder; empty: SME-GCN 60 (ours), AimCLR 300 and PSTL 150 (their authors')
CTR_GCN=${CTR_GCN:-'{width: 64, blocks: 10}'}     # paper: CTR-GCN as published

SUFFIX=""   # models that were selected in another way are other models
[ "$SELECT" = val ] || SUFFIX="-$SELECT"
HERE=$(cd "$(dirname "$0")" && pwd)

# some_may_fail COMMAND…: go on where single clips could not be done (exit code 4).  They are named, and are missing from every figure;
# the column `clips` of the tables counts the rest.
some_may_fail() {
    code=0
    "$@" || code=$?
    [ "$code" -eq 0 ] || [ "$code" -eq 4 ] || exit "$code"
}

# poses SET
poses() {
    case $1 in
        aqa-7 | unlv-dive) some_may_fail aqa extract-pose --dataset "$1" --estimator "$ESTIMATOR" ${BOXES:+--boxes "$BOXES"} ;;
        *) some_may_fail aqa import-poses --dataset "$1" ;; # published as skeletons
    esac
}

# features SET: of segments of 16 frames.  Paper: n depends on the length; ten of them are ours, as USDL and CoRe take them from AQA-7.
features() {
    case $1 in
        aqa-7) some_may_fail aqa extract-features --dataset aqa-7 --backbone "$BACKBONE" --sampling 10x16 ;;
        unlv-dive) some_may_fail aqa extract-features --dataset unlv-dive --backbone "$BACKBONE" --sampling even ;;
        mmfs-63) some_may_fail aqa extract-features "$MMFS_VIDEOS" --set-name mmfs-63 --backbone "$BACKBONE" --sampling even \
            --manifest "$AQA_WORKSPACE/poses/mmfs-63/manifest.csv" ;;
    esac
}

# frames SET: T.  Paper: 103 of AQA-7, 151 of UNLV-Dive, clips of MMFS-63 differ; ours: those are resampled to 103.
frames() {
    if [ "$1" = unlv-dive ]; then echo 151; else echo 103; fi
}

# target SET: paper: the execution score of UNLV-Dive, the score of the others.
target() {
    if [ "$1" = unlv-dive ]; then echo score.execution; else echo score; fi
}

# pretrain NAME SET [OPTION…]: an encoder from the training clips, without their scores; ours: the same split as the models.
pretrain() {
    name=$1 set=$2
    shift 2
    aqa pretrain --name "$name" --dataset "$set" --protocol "$PROTOCOL" ${PRETRAIN_EPOCHS:+--epochs "$PRETRAIN_EPOCHS"} --resume auto \
        --set "settings.encoder_settings=$CTR_GCN" "$@"
}

# train NAME SET [OPTION…]: models, and their evaluation.
train() {
    name=$1 set=$2
    shift 2
    aqa finetune --name "$name$SUFFIX" --dataset "$set" --protocol "$PROTOCOL" --seeds "$SEEDS" --select "$SELECT" --epochs "$EPOCHS" \
        --resume auto "$@"
    aqa evaluate --model "$name$SUFFIX"
}

# The steps of the tables about scores ------------------------------------------------------------------------------------------------

# encoder SET NAME [OPTION…]: CTR-GCN pretrained on a set's poses, called SET-NAME; by SME-GCN unless --method says otherwise.
encoder() {
    set=$1 name=$2
    shift 2
    pretrain "$set-$name" "$set" --set "settings.input.frames=$(frames "$set")" "$@"
}

# sme SET RATE: SME-GCN that masks RATE % of the frames, called SET-sme-RATE.  Paper: 38 is best.
sme() {
    encoder "$1" "sme-$2" --method sme-gcn --set "settings.mask_rate=0.$2"
}

# skeleton SET NAME [OPTION…]: the skeleton stream alone, from scratch unless --init says otherwise.
skeleton() {
    set=$1 name=$2
    shift 2
    train "$set-$name" "$set" --method sme-gcn --target-column "$(target "$set")" --set "settings.input.frames=$(frames "$set")" "$@"
}

# rgb SET: the RGB stream alone: the mean of the segments' features and a linear layer, with the loss of the others.
rgb() {
    train "$1-rgb" "$1" --method features-mlp --backbone "$BACKBONE" --target-column "$(target "$1")" \
        --set 'settings.hidden=[]' --set settings.dropout=0 --set settings.loss=mse+mae
}

# both SET NAME [OPTION…]: both streams; PFM unless --set settings.fusion=… says otherwise.
both() {
    set=$1 name=$2
    shift 2
    train "$set-$name" "$set" --method 2m-af --backbone "$BACKBONE" --target-column "$(target "$set")" \
        --set "settings.input.frames=$(frames "$set")" "$@"
}

# from_scratch: options of a CTR-GCN without pretraining; an encoder brings its sizes along.
from_scratch() {
    "$@" --init none --set "settings.encoder_settings=$CTR_GCN"
}

# compare FILE TITLE ROW…: the paper's figures beside ours (../compare.py says what a row is).
compare() {
    file=$1 title=$2
    shift 2
    python3 "$HERE/../compare.py" --title "$title" --suffix="$SUFFIX" --csv "$AQA_WORKSPACE/reproduce/2m-af/$file.csv" "$@"
}
