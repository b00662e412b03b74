#!/bin/sh
# The pipeline on the generated data set: poses -> encoder -> models -> an honest number, and the baseline it must face.
# Run it where `aqa` is on the PATH; everything lands in the workspace ($AQA_WORKSPACE, else ./aqa-workspace).
# The sizes are for two CPU cores; for your own data leave the --set and --epochs out and take the defaults.
set -eu

DATASET=${DATASET:-generated}
EPOCHS=${EPOCHS:-40}
SMALL="--set settings.encoder_settings.width=8 --set settings.encoder_settings.blocks=5 --set settings.input.frames=48"
VARIETY="--set settings.augmentation.rotate=20 --set settings.augmentation.scale=0.1 --set training.lr=0.002"

# 1. Poses and their manifest. Your data: aqa import-poses --help
aqa import-poses --dataset "$DATASET"

# 2. An encoder from clips without scores, of people whom no model is tested on.
# shellcheck disable=SC2086  # $SMALL and $VARIETY are several words
aqa pretrain --method sme-gcn --dataset "$DATASET" --where part=unscored --epochs "$EPOCHS" $SMALL $VARIETY

# 3. Models from scored clips: three folds by subject, starting from the encoder.
# shellcheck disable=SC2086
aqa finetune --dataset "$DATASET" --protocol 3-fold --init sme-gcn --select last --epochs "$EPOCHS" \
    --set training.batch_size=8 --set settings.augmentation.flip=true $VARIETY

# 4. The baseline.
aqa finetune --dataset "$DATASET" --protocol 3-fold --method kinematics-ridge

# 5. Both, on the clips that their models did not train on: metrics.json, predictions.h5 and report.html under evaluations/.
aqa evaluate --model "$DATASET-sme-gcn"
aqa evaluate --model "$DATASET-kinematics-ridge"
