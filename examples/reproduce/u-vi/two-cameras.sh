#!/bin/sh
# A generated set of two cameras with scores: quality across views and across subjects, frozen, fine-tuned and scratch, beside methods that
# are not view-invariant.  It needs no data; the paper has no such table.  What is small here is small for a CPU.
SIZE="${SIZE:-24}" WIDTH="${WIDTH:-8}" EPOCHS="${EPOCHS:-40}" PRETRAIN_EPOCHS="${PRETRAIN_EPOCHS:-40}"
PRETEXT="${PRETEXT:---set settings.pairs_per_clip=4 --set settings.dropout=0 --set training.lr=0.001 --set training.batch_size=20 \
--set training.schedule=cosine}"
MODEL="${MODEL:---set settings.units=64 --set training.lr=0.002}"
SELECT="${SELECT:-last}"
. "$(dirname "$0")/common.sh"

PEOPLE="${PEOPLE:---subjects 60 --clips 2 --unscored 200}"
FPS="${FPS:-8}"

# Who trains on what, and who tests: others-1-2 is other people before the other camera, cs other people before both cameras, and 1-2 the same
# performances before the other camera, as across QMAR's views.
EXPERIMENTS="${EXPERIMENTS:-others-1-2 others-2-1 cs}"     # also: 1-2 2-1
WAYS="${WAYS:-frozen fine-tuned scratch flat 3d}"           # also: no-swap, an encoder that was pretrained without L_invar
rule_of() {
    case $1 in
        1-2) echo two-cameras/cross-camera:train=1:test=2 ;;
        2-1) echo two-cameras/cross-camera:train=2:test=1 ;;
        others-1-2) echo two-cameras/cross-corner:train=1a:test=2b ;;
        others-2-1) echo two-cameras/cross-corner:train=2a:test=1b ;;
        cs) echo two-cameras/cross-half:train=a:test=b ;;
        *)
            echo "EXPERIMENTS are 1-2, 2-1, others-1-2, others-2-1 and cs, found '$1'" >&2
            exit 2
            ;;
    esac
}

# shellcheck disable=SC2086
[ -d "$AQA_WORKSPACE/poses/two-cameras-flat" ] || python3 "$HERE/../../two_cameras.py" "$AQA_WORKSPACE" $PEOPLE
aqa extract-maps --poses two-cameras --size "$SIZE" --fps "$FPS"

# Views are learned from other people, who have no scores: the paper's transfer.
pretext views two-cameras --where part=unscored
case " $WAYS " in *" no-swap "*) pretext no-swap two-cameras --where part=unscored --set settings.invariance_weight=0 ;; esac

# model WAY EXPERIMENT: two-cameras-WAY-EXPERIMENT, its row behind it.
model() {
    name=two-cameras-$1-$2
    # shellcheck disable=SC2046,SC2086  # several words
    case $1 in
        flat) train "$name" two-cameras-flat --method kinematics-ridge ;;
        3d) train "$name" two-cameras --method kinematics-ridge ;;
        no-swap) train "$name" two-cameras --method u-vi $(starting frozen no-swap) $MODEL ;;
        *) train "$name" two-cameras --method u-vi $(starting "$1" views) $MODEL ;;
    esac
    case $1 in
        flat) label="kinematics of 2-D joints" ;;
        3d) label="kinematics of 3-D joints" ;;
        no-swap) label="U-VI without L_invar, frozen" ;;
        *) label="U-VI, $1" ;;
    esac
    cell "$label, $2" - "$name" spearman
}

for experiment in $EXPERIMENTS; do
    PROTOCOL=$(rule_of "$experiment")
    for way in $WAYS; do model "$way" "$experiment"; done
done
table two-cameras "Two cameras, generated: Spearman (1-2: trained on camera 1, tested on camera 2)"
