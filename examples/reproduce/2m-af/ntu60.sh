# NTU RGB+D 60 as CTR-GCN's authors train it (their config/nturgbd-cross-subject); sourced by tables 11 and 12.
#
# SGD has Nesterov's momentum .9 by default.
EPOCHS="${EPOCHS:-65}"
PROTOCOL="${PROTOCOL:-ntu60/cross-subject}"
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/recognition.sh"

INPUT="--set settings.input.frames=64 --set settings.input.people=2 --set settings.input.face_camera=false --set settings.input.scale=none"
INPUT="$INPUT --set settings.input.centre=first-person"
SCHOOL="--set training.optimiser=sgd --set training.lr=0.1 --set training.weight_decay=0.0004 --set training.batch_size=64"
SCHOOL="$SCHOOL --set training.schedule=step --set training.step_epochs=[35,55] --set training.warmup_epochs=5"
SCHOOL="$SCHOOL --set settings.augmentation.rotate=17 --set settings.augmentation.axes=xyz --set settings.augmentation.crop=0.5"
