# What the recipes of 2M-AF share; each of them sources it.  Every variable may be set before a recipe is started: EPOCHS=100 sh table-4.sh
# (../common.sh has those of all papers: where, seeds, selection).  `paper` marks what 2M-AF states, `ours` what it leaves open.
. "$(dirname "$0")/../common.sh"

# What is measured.
MMFS_VIDEOS="${MMFS_VIDEOS:-$AQA_DATA/MMFS-63/videos}"      # train/NAME.mp4, test/NAME.mp4: MMFS-63 publishes skeletons, videos by request
PROTOCOL="${PROTOCOL:-official}"                            # paper: the published split

# What sees the videos.
ESTIMATOR="${ESTIMATOR:-hrnet-w32}" # paper: HRNet; W32 and the 17 joints of COCO are ours
BOXES="${BOXES-rtmo-s}"             # ours: who finds the athlete for it; empty: it follows one person by itself
BACKBONE="${BACKBONE:-i3d}"         # paper

# How long, how large.
EPOCHS="${EPOCHS:-60}"                      # of a model; ours
PRETRAIN_EPOCHS="${PRETRAIN_EPOCHS:-}"      # of an encoder; empty: SME-GCN 60 (ours), AimCLR 300 and PSTL 150 (their authors')
CTR_GCN=${CTR_GCN:-'{width: 64, blocks: 10}'}     # paper: CTR-GCN as published

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
