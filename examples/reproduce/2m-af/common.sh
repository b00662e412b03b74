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
    seen_by "$1" "$BACKBONE"
}

# seen_by SET BACKBONE [OPTION…]
seen_by() {
    set=$1 network=$2
    shift 2
    case $set in
        aqa-7) some_may_fail aqa extract-features --dataset aqa-7 --backbone "$network" --sampling 10x16 "$@" ;;
        unlv-dive) some_may_fail aqa extract-features --dataset unlv-dive --backbone "$network" --sampling even "$@" ;;
        mmfs-63) some_may_fail aqa extract-features "$MMFS_VIDEOS" --set-name mmfs-63 --backbone "$network" --sampling even \
            --manifest "$AQA_WORKSPACE/poses/mmfs-63/manifest.csv" "$@" ;;
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

# What 2M-AF is compared with ---------------------------------------------------------------------------------------------------------

BASELINES="${BASELINES:-}"      # methods to train as well; empty: their published figures alone.  jrg, falcons (table 2), tsa-net (table 1)
FLOW="${FLOW-i3d-flow}"         # JRG's second modality, as its authors have it; empty: RGB alone
JRG_EPOCHS="${JRG_EPOCHS:-}"    # empty: 400, as in the later work that docs/supervised-baselines.md names

# is_wanted METHOD
is_wanted() {
    case " $BASELINES " in *" $1 "*) return 0 ;; esac
    return 1
}

# jrg SET [OPTION…]: JRG on the scene and on squares around the joints of the set's poses, called SET-jrg; all else as the other rows.
jrg() {
    set=$1
    shift
    for network in "$BACKBONE" $FLOW; do
        seen_by "$set" "$network"
        seen_by "$set" "$network" --patches
    done
    epochs=$EPOCHS EPOCHS=$JRG_EPOCHS
    train "$set-jrg" "$set" --method jrg --backbone "$BACKBONE" --target-column "$(target "$set")" \
        ${FLOW:+--set "settings.flow.backbone=$FLOW"} "$@"
    EPOCHS=$epochs
}

# falcons SET [OPTION…]: FALCONS by joints and video, without its difficulty, which the target is free of; called SET-falcons.
falcons() {
    set=$1
    shift
    train "$set-falcons" "$set" --method falcons --backbone "$BACKBONE" --target-column "$(target "$set")" \
        --set settings.difficulty=none --set "settings.input.frames=$(frames "$set")" "$@"
}

# TSA-Net: the network that learns along, with weights from a file, and where its segments start (the ten of 103 frames that are usual).
TSA_NET="${TSA_NET:---set settings.backbone.weights=rgb_imagenet.pt --set settings.starts=[0,10,20,30,40,50,60,70,80,87]}"
TSA_SIZE="${TSA_SIZE:-224}"     # rows and columns of the frames that it sees
TSA_EPOCHS="${TSA_EPOCHS:-}"    # empty: 20, as in its authors' code

# tsa_net SET [OPTION…]: TSA-Net from frames and the boxes of the set's poses, called SET-tsa-net.
tsa_net() {
    set=$1
    shift
    some_may_fail aqa extract-maps --dataset "$set" --source frames --size "$TSA_SIZE"
    epochs=$EPOCHS EPOCHS=$TSA_EPOCHS
    # shellcheck disable=SC2086  # several words
    train "$set-tsa-net" "$set" --method tsa-net --target-column "$(target "$set")" $TSA_NET "$@"
    EPOCHS=$epochs
}

# from_scratch: options of a CTR-GCN without pretraining; an encoder brings its sizes along.
from_scratch() {
    "$@" --init none --set "settings.encoder_settings=$CTR_GCN"
}
